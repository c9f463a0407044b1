"""The exchange's feed: its events, in its order, through the door that any exchange uses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from userstream.client.publisher import MAX_LINES, Answer, Publisher, line
from userstream.errors import PublishError
from userstream.events import Event
from userstream.orders import AccountEvent
from userstream.server.logs import logger

_log = logger("feed")
_OUSTED = frozenset({"fenced", "other_source"})
_TRIES = 3


class _Batch(NamedTuple):
    """Events of one command, and who waits for them."""

    events: list[tuple[int, AccountEvent]]
    done: asyncio.Future[None]


class Feed:
    """Publishes events one request after the other, so that no account's order is mixed up.

    ``first_n`` must be above every ``n`` that this source published before. Whoever else
    published for an account in the meantime is replaced again.
    """

    def __init__(self, *, source: str, first_n: int) -> None:
        self._source = source
        self._n = first_n
        self._held: set[str] = set()
        """Accounts whose publisher this is."""
        self._waiting: list[_Batch] = []
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._latest: asyncio.Future[None] | None = None
        self._stopped = False

    def start(self, publisher: Publisher) -> None:
        """Begins to publish what has come and comes; until then it waits."""
        self._task = asyncio.create_task(self._run(publisher))

    async def stop(self, within_s: float = 2.0) -> None:
        """Publishes what has come by now; what cannot be in that time fails, as all later does."""
        self._stopped = True
        if self._task is not None:
            if self._latest is not None:
                await asyncio.wait([self._latest], timeout=within_s)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        _tell(self._waiting, _stopped())

    def put(self, events: Sequence[AccountEvent]) -> asyncio.Future[None]:
        """Takes events in; the future is done when every one of them is acknowledged.

        It fails with ``PublishError`` where one was not; cancelling it stops nothing.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_seen)
        if not events:
            done.set_result(None)
        elif self._stopped:
            done.set_exception(_stopped())
        else:
            first = self._n + 1
            self._n += len(events)
            self._waiting.append(_Batch(list(enumerate(events, first)), done))
            self._latest = done
            self._due.set()
        return done

    async def _run(self, publisher: Publisher) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            while self._waiting:
                await self._publish_next(publisher)

    async def _publish_next(self, publisher: Publisher) -> None:
        batches = self._next()
        error: PublishError | None = _stopped()
        try:
            await self._publish(publisher, [e for batch in batches for e in batch.events])
            error = None
        except PublishError as e:
            _log.error("events of the exchange were not published", error=str(e))
            error = e
        finally:
            _tell(batches, error)

    def _next(self) -> list[_Batch]:
        batches = [self._waiting.pop(0)]
        size = len(batches[0].events)
        while self._waiting and size + len(self._waiting[0].events) <= MAX_LINES // 10:
            batches.append(self._waiting.pop(0))
            size += len(batches[-1].events)
        return batches

    async def _publish(self, publisher: Publisher, events: list[tuple[int, AccountEvent]]) -> None:
        for start in range(0, len(events), MAX_LINES):
            await self._send(publisher, events[start : start + MAX_LINES])

    async def _send(self, publisher: Publisher, events: list[tuple[int, AccountEvent]]) -> None:
        problem = ""
        for _ in range(_TRIES):
            answers = await publisher.send([self._line(n, *event) for n, event in events])
            refused = [(e, a) for e, a in zip(events, answers, strict=True) if a.error is not None]
            if not refused:
                return
            problem = _problem(refused[0][1])
            ousted = {event[0] for (_, event), answer in refused if _is_ousted(answer)}
            if not ousted:
                break
            self._held -= ousted
            events = [e for e, _ in refused]
        raise PublishError(problem)

    def _line(self, n: int, account: str, event: Event) -> bytes:
        takeover = account not in self._held
        self._held.add(account)
        return line(account, event, source=self._source, n=n, takeover=takeover)


def _stopped() -> PublishError:
    return PublishError("the exchange was stopped")


def _problem(answer: Answer) -> str:
    return "" if answer.error is None else f"{answer.error.code}: {answer.error.msg}"


def _is_ousted(answer: Answer) -> bool:
    return answer.error is not None and answer.error.code in _OUSTED


def _tell(batches: Sequence[_Batch], error: PublishError | None) -> None:
    for batch in batches:
        if batch.done.done():
            continue
        if error is None:
            batch.done.set_result(None)
        else:
            batch.done.set_exception(error)


def _seen(done: asyncio.Future[None]) -> None:
    """What went wrong is in the log, whether or not anybody waits to hear of it."""
    if not done.cancelled():
        done.exception()
