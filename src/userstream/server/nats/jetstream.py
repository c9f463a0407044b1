"""What is asked of JetStream: streams, and messages in them. Doc: docs.nats.io, wire API."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from userstream.errors import InvalidSettings, StoreError, StoreUnavailable
from userstream.server.nats.link import Link
from userstream.server.nats.streaminfo import StreamInfo
from userstream.server.nats.wire import Message, pub

NO_MESSAGE = 10037
STREAM_NOT_FOUND = 10059
NAME_TAKEN = 10058
_OFFLINE = 10118  # nodes that have a copy are down, says the leader of the others
_WITHIN_S = 3.0
_AGAIN_S = 0.25
"""What is asked while a stream has no leader is never answered: so it is asked anew."""
_PATIENCE_S = 60.0
_PAUSE_S = 0.3
T = TypeVar("T")
Which: TypeAlias = str | int | list[str]
"""A field of a request for messages."""


class Kept(NamedTuple):
    """A message of a stream."""

    subject: str
    place: int
    """Its number in the stream."""
    data: bytes
    time_ms: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """Why JetStream did not do it."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class JetStreamRefused(StoreError):
    """JetStream answered, with a no."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.description)
        self.err_code = refusal.err_code


class LeaderlessError(StoreUnavailable):
    """A node answered that nobody leads, as far as it knows."""


class _StoredMessage(msgspec.Struct, frozen=True):
    subject: str = ""
    seq: int = 0
    data: str = ""
    time: str = ""


class _Answer(msgspec.Struct, frozen=True):
    error: Refusal | None = None
    message: _StoredMessage | None = None


class _Names(msgspec.Struct, frozen=True):
    total: int = 0
    streams: list[str] | None = None


class _Configured(msgspec.Struct, frozen=True):
    config: dict[str, Any]


class Ack(msgspec.Struct, frozen=True):
    """What a publisher is told."""

    seq: int = 0
    error: Refusal | None = None


read_ack = msgspec.json.Decoder(Ack).decode
_read_answer = msgspec.json.Decoder(_Answer).decode
_read_info = msgspec.json.Decoder(StreamInfo).decode


class JetStream:
    """Requests to JetStream over a link."""

    def __init__(self, link: Link) -> None:
        self.link = link

    async def ask(
        self, subject: str, body: Mapping[str, Any] | None = None, again_s: float | None = None
    ) -> bytes:
        """The answer of the API, if it is no refusal; asked ``again_s`` later if there is none yet.

        Raises:
            StoreUnavailable: there is none.
            JetStreamRefused: it says no.
        """
        payload = b"" if body is None else msgspec.json.encode(body)
        answer = await self.link.request(f"$JS.API.{subject}", payload, _WITHIN_S, again_s)
        error = _read_answer(answer.payload).error
        if error is None:
            return answer.payload
        if error.code == 503 or error.err_code == _OFFLINE:
            raise LeaderlessError(f"JetStream: {error.description}")
        raise JetStreamRefused(error)

    async def info(self, stream: str) -> StreamInfo:
        """A stream as its leader knows it.

        Raises:
            StoreError: it cannot be asked, or says no.
        """
        return _read_info(await self.ask(f"STREAM.INFO.{stream}", again_s=_AGAIN_S))

    async def provide(self, config: Mapping[str, Any]) -> StreamInfo:
        """A stream of that name: made with this configuration, or as it is already.

        Raises:
            InvalidSettings: JetStream does not allow it.
            StoreUnavailable: it cannot be asked.
        """
        name = config["name"]
        try:
            return await self.info(name)
        except JetStreamRefused as e:
            if e.err_code != STREAM_NOT_FOUND:
                raise
        try:
            return _read_info(await self.ask(f"STREAM.CREATE.{name}", config))
        except JetStreamRefused as e:
            if e.err_code != NAME_TAKEN:
                raise InvalidSettings(
                    f"NATS does not make the stream {name}: {e}; it needs nats.replicas = "
                    f"{config['num_replicas']} servers with {config['max_bytes']} bytes left each"
                ) from None
        return await self.info(name)

    async def names(self) -> list[str]:
        """Every stream that this user may see.

        Raises:
            StoreError: they cannot be asked for.
        """
        found: list[str] = []
        while True:
            answer = await self.ask("STREAM.NAMES", {"offset": len(found)})
            page = msgspec.json.decode(answer, type=_Names)
            found += page.streams or []
            if not page.streams or len(found) >= page.total:
                return found

    async def delete(self, stream: str) -> None:
        """Removes a stream with all that is in it; one that is not there is no error.

        Raises:
            StoreError: it cannot be asked, or says no.
        """
        try:
            await self.ask(f"STREAM.DELETE.{stream}")
        except JetStreamRefused as e:
            if e.err_code != STREAM_NOT_FOUND:
                raise

    async def change(
        self, stream: str, changed: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> None:
        """Gives a stream another configuration, made from the one that it has.

        Raises:
            StoreError: it cannot be asked, or says no.
        """
        answer = await self.ask(f"STREAM.INFO.{stream}")
        config = msgspec.json.decode(answer, type=_Configured).config
        await self.ask(f"STREAM.UPDATE.{stream}", changed(config))

    async def get(self, stream: str, **which: Which) -> Kept | None:
        """One message, from the leader: by ``seq``, ``last_by_subj``, ``next_by_subj``.

        Raises:
            StoreUnavailable: the leader does not answer.
        """
        ask = partial(self.ask, f"STREAM.MSG.GET.{stream}", which)
        try:
            try:
                payload = await ask()
            except LeaderlessError:  # all hear the question, and who stood still may be quicker
                await asyncio.sleep(_AGAIN_S)
                payload = await ask()
        except JetStreamRefused as e:
            if e.err_code == NO_MESSAGE:
                return None
            raise
        found = _read_answer(payload).message
        if found is None:
            return None
        return Kept(found.subject, found.seq, base64.b64decode(found.data), _ms(found.time))

    async def several(self, stream: str, **which: Which) -> Sequence[Kept]:
        """Messages in order, from whichever node has a copy: it may lag behind the leader.

        Raises:
            StoreUnavailable: no node answers in time.
        """
        found: list[Kept] = []

        def is_end(message: Message) -> bool:
            if message.status:
                return True
            place, subject = message.field(b"Nats-Sequence"), message.field(b"Nats-Subject")
            stored = message.field(b"Nats-Time-Stamp").decode()
            found.append(Kept(subject.decode(), int(place), message.payload, _ms(stored)))
            return False

        subject, body = f"$JS.API.DIRECT.GET.{stream}", msgspec.json.encode(which)
        end = await self.link.answer(lambda reply: pub(subject, body, reply), _WITHIN_S, is_end)
        if end.status in (204, 404):
            return found
        words = end.header[13:80].split(b"\r\n")[0].decode(errors="replace")
        raise StoreUnavailable(f"JetStream: {end.status} {words}")

    async def append(self, line: Callable[[str], bytes]) -> int:
        """Publishes one message to a stream; its place there.

        Raises:
            StoreUnavailable: no answer: nobody knows whether it is stored.
            JetStreamRefused: it is not.
        """
        answer = await self.link.answer(line, _WITHIN_S)
        ack = read_ack(answer.payload)
        if ack.error is not None:
            raise JetStreamRefused(ack.error)
        return ack.seq

    async def purge(self, stream: str, up_to: int) -> None:
        """Drops the messages of a stream below a place.

        Raises:
            StoreError: it cannot be asked, or says no.
        """
        await self.ask(f"STREAM.PURGE.{stream}", {"seq": up_to})


async def patiently(act: Callable[[], Awaitable[T]], for_s: float = _PATIENCE_S) -> T:
    """Acts until NATS answers: it may be electing somebody.

    Raises:
        StoreUnavailable: it has not answered for so long.
    """
    last_s = time.monotonic() + for_s
    while True:
        try:
            return await act()
        except StoreUnavailable:
            if time.monotonic() > last_s:
                raise
        await asyncio.sleep(_PAUSE_S)


def _ms(stored: str) -> int:
    return int(datetime.fromisoformat(stored[:19] + "+00:00").timestamp() * 1_000)
