"""Publisher: an exchange's way into the log, over HTTP, safe to retry."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

import httpx
import msgspec

from userstream.errors import InvalidEvent, PublishError, PublishRefused, PublishUnproven
from userstream.events import Event

MAX_LINES = 10_000
MAX_BYTES = 16 * 1024 * 1024
_BUSY = frozenset({429, 502, 503, 504})


class Problem(msgspec.Struct, frozen=True):
    """Why a line was refused; ``code`` is stable, the text may change."""

    code: str
    msg: str


class Answer(msgspec.Struct, frozen=True):
    """The server's answer to one line of a request, counted from 1."""

    line: int
    account: str | None = None
    epoch: str | None = None
    seq: int | None = None
    duplicate: bool = False
    """The line was stored before; ``seq`` is then the account's last."""
    error: Problem | None = None


_decode_answer = msgspec.json.Decoder(Answer).decode
_encode = msgspec.json.Encoder().encode


def line(
    account: str,
    event: Event,
    *,
    source: str,
    n: int,
    prev_n: int | None = None,
    takeover: bool = False,
) -> bytes:
    """One publishing line. ``n`` rises with every event of an account and source."""
    fields: dict[str, Any] = {"v": 1, "account": account, "source": source, "n": n}
    if prev_n is not None:
        fields["prev_n"] = prev_n
    if takeover:
        fields["takeover"] = True
    return _encode(fields | {"event": event})


class Publisher:
    """Publishes events to a userstream server's admin port.

    A line is acknowledged once it is stored as durably as the server says; an answer that is
    lost is asked for again with the same ``n``, which stores nothing twice. Cancellation leaves
    lines that were under way unproven: send them again.

    Args:
        url: the admin port, such as ``http://127.0.0.1:8081``.
        token: the admin token.
        source: who publishes; one source at a time may publish for an account.
        give_up_s: how long to retry while the server cannot be reached or is busy.
        verify: a file of certificate authorities, a context, or ``True`` for the system's.
        trust_env: whether the environment says which proxy to go through.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        source: str = "publisher",
        give_up_s: float = 60.0,
        verify: ssl.SSLContext | str | bool = True,
        trust_env: bool = True,
    ) -> None:
        self._source = source
        self._give_up_s = give_up_s
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(30.0, connect=5.0),
            verify=ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify,
            trust_env=trust_env,
        )

    def __repr__(self) -> str:
        return f"<Publisher {self._source} {self._http.base_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def publish(
        self,
        account: str,
        event: Event,
        *,
        n: int,
        prev_n: int | None = None,
        takeover: bool = False,
    ) -> Answer:
        """Publishes one event and waits for its acknowledgement.

        Raises:
            PublishRefused: the server said no, and would say so again.
            PublishUnproven: no answer came in time; send it again with the same ``n``.
        """
        text = line(account, event, source=self._source, n=n, prev_n=prev_n, takeover=takeover)
        (answer,) = await self.send([text])
        if answer.error is None:
            return answer
        if answer.error.code == "unavailable":
            raise PublishUnproven(answer.error.msg)
        raise PublishRefused(answer.error.code, answer.error.msg)

    async def send(self, lines: Sequence[bytes]) -> list[Answer]:
        """Publishes lines of NDJSON in one request, and gives one answer for each, in order.

        At most ``MAX_LINES`` lines and ``MAX_BYTES`` bytes.

        Raises:
            InvalidEvent: a line is empty.
            PublishError: the server does not take requests from here (the token, the address).
            PublishUnproven: no complete answer came in time; send them again as they are.
        """
        if not all(text.strip() for text in lines):
            raise InvalidEvent("a line is empty; a publishing line is one JSON object")
        body = b"\n".join(lines) + b"\n"
        loop = asyncio.get_running_loop()
        last = loop.time() + self._give_up_s
        wait_s = 0.1
        while True:
            try:
                answers = await self._post(body)
                if len(answers) == len(lines):
                    return answers
                if answers and answers[-1].error is not None:
                    return answers + _unread(len(answers), len(lines))
                why = f"{len(answers)} of {len(lines)} answers came"
            except httpx.UnsupportedProtocol as e:
                raise PublishError(f"{self._http.base_url}: {e}") from None
            except httpx.TransportError as e:
                why = f"{type(e).__name__}: {e}"
            except _Busy as busy:
                why, wait_s = str(busy), max(wait_s, busy.retry_after_s)
            if loop.time() + wait_s > last:
                raise PublishUnproven(why)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            wait_s = min(wait_s * 2, 5.0)

    async def send_all(self, lines: AsyncIterator[bytes]) -> AsyncIterator[Answer]:
        """Publishes any number of lines, in requests of a bounded size, answer by answer.

        Lines are counted through: ``line`` of an answer is its place among all of them.
        """
        done = 0
        batch: list[bytes] = []
        size = 0
        async for text in lines:
            if len(batch) == 500 or size + len(text) > MAX_BYTES // 16:
                for answer in await self.send(batch):
                    yield msgspec.structs.replace(answer, line=done + answer.line)
                done += len(batch)
                batch, size = [], 0
            batch.append(text)
            size += len(text) + 1
        if batch:
            for answer in await self.send(batch):
                yield msgspec.structs.replace(answer, line=done + answer.line)

    async def _post(self, body: bytes) -> list[Answer]:
        response = await self._http.post("/_events", content=body)
        if response.status_code in _BUSY:
            wait = response.headers.get("retry-after", "1")
            raise _Busy(response.status_code, float(wait) if wait.isdecimal() else 1.0)
        if response.status_code != httpx.codes.OK:
            raise PublishError(f"HTTP {response.status_code}: {response.text[:200]}")
        try:
            return [_decode_answer(text) for text in response.content.splitlines()]
        except msgspec.MsgspecError as e:
            raise PublishError(f"this is not a userstream server: {e}") from None


def _unread(read: int, sent: int) -> list[Answer]:
    """Answers to lines behind one after which the server reads nothing."""
    problem = Problem("not_read", f"line {read} was refused, and nothing after it was read")
    return [Answer(line=number, error=problem) for number in range(read + 1, sent + 1)]


class _Busy(Exception):
    def __init__(self, status: int, retry_after_s: float) -> None:
        super().__init__(f"HTTP {status}")
        self.retry_after_s = retry_after_s
