"""The intake of a shard's writer: lines that other processes hand over, and the answers.

"Not taken" must be true of every process that may have got the batch. Whoever subscribes once its
term has begun gets nothing that was published before, and whoever wrote before can store nothing
any more. Nor does it take anything once its farewell is stored: who subscribes then gets nothing
that it took. While a shard is given, both are subscribed, so that nothing is lost between them:
then whoever gave it answers for its own term, and the heir does not, until nobody believes it any
more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, defaultdict, deque
from collections.abc import Collection, Sequence
from functools import partial
from typing import Protocol

from userstream.core.submission import Submission
from userstream.errors import StoreError, StoreUnavailable
from userstream.server.bus import Ticket
from userstream.server.logs import logger
from userstream.server.nats.batch import Batch, BatchAnswer, read_batch, told_of
from userstream.server.nats.layout import Layout
from userstream.server.nats.link import Link
from userstream.server.nats.shard import Shard
from userstream.server.nats.wire import Message, pub
from userstream.server.records import encode

_log = logger("intake")
_SESSIONS = 1_000
"""Of a shard: one a process that publishes, and some that are over."""
_EARLY = 100
"""Batches that are kept for a term that may begin: the latest."""
_QUIET_S = 1.0
"""So long an heir says nothing of what its giver may have taken."""
_LINGER_S = 2.0
"""So long whoever gives a shard, or leaves it, says of what comes for it that it is not taken.

So long whoever has it next takes nothing that names no term (a version before), and says so.
Nobody can take it as that of a silent writer sooner.
"""
_LATE_S = 0.5
"""For what is on its way when a process stops."""


class Writing(Protocol):
    """Who appends what is handed over."""

    @property
    def full(self) -> bool:
        """Whether as much waits to be committed as may."""
        ...

    def submission(self) -> Submission:
        """A publishing request."""
        ...

    def take(
        self, submission: Submission, numbers: Sequence[int], lines: Sequence[bytes]
    ) -> Ticket:
        """Appends lines that are these of their request; none is handed on."""
        ...


class _Session:
    """What one process hands over: the number of its next batch, and its requests."""

    __slots__ = ("number", "requests")

    def __init__(self) -> None:
        self.number = 0
        self.requests: dict[int, tuple[Submission, int]] = {}
        """By number: what is blocked in it, and the last batch that had lines of it."""


class Intake:
    """Takes batches for the shards that this process writes."""

    def __init__(self, link: Link, layout: Layout, writing: Writing) -> None:
        self._link = link
        self._layout = layout
        self._writing = writing
        self._sids: dict[Shard, int] = {}
        self._sessions: dict[Shard, OrderedDict[str, _Session]] = {}
        self._quiet_s: dict[Shard, float] = {}
        """Until when nothing is said of what whoever wrote before may have taken."""
        self._held: Collection[Shard] = ()
        self._held_s = 0.0
        self._asked: set[Shard] = set()
        self._taking: set[Shard] = set()
        self._early: defaultdict[Shard, deque[tuple[Message, Batch, bytes]]] = defaultdict(
            lambda: deque(maxlen=_EARLY)
        )
        self._lingering: dict[Shard, asyncio.TimerHandle] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._told = False

    def expect(self, shard: Shard) -> None:
        """Its writer is asked for it, and answers until a term begins."""
        self._asked.add(shard)
        self._listen(shard)

    def leave(self, shard: Shard) -> None:
        """It was given, or not."""
        self._asked.discard(shard)
        self._quit(shard)

    def takes(self, shard: Shard, now: bool) -> None:
        """A term may begin ``now``, as its writer has left; or none began."""
        if now:
            self._taking.add(shard)
            self._listen(shard)
        else:
            self._taking.discard(shard)
            self._quit(shard)

    def opened(self, shard: Shard) -> None:
        """A term begins."""
        if shard in self._sids:
            now_s = asyncio.get_running_loop().time()
            shared = shard in self._asked or shard in self._lingering
            self._quiet_s[shard] = now_s + _QUIET_S * shared
        self._listen(shard)
        self._end_lingering(shard)
        self._sessions[shard] = OrderedDict()
        for early in self._early.pop(shard, ()):
            self._read(shard, *early)

    def _listen(self, shard: Shard) -> None:
        if shard not in self._sids:
            subject = self._layout.put_subject(shard.number)
            self._sids[shard] = self._link.subscribe(subject, partial(self._came, shard))

    def hold(self, shards: Collection[Shard]) -> None:
        """Takes nothing of shards that are about to be other processes'."""
        self._held = shards
        self._held_s = asyncio.get_running_loop().time()

    def release(self) -> None:
        """Takes it again, of those that are still written here."""
        self._held = ()

    def lost(self, shard: Shard) -> None:
        """Another process's affair now; what was taken is still answered."""
        self._sessions.pop(shard, None)
        if shard in self._held:
            loop = asyncio.get_running_loop()
            until_s = self._held_s + _LINGER_S
            self._lingering[shard] = loop.call_at(until_s, self._lingered, shard)
        self._quit(shard)

    def _lingered(self, shard: Shard) -> None:
        self._end_lingering(shard)
        self._quit(shard)

    def _end_lingering(self, shard: Shard) -> None:
        lingering = self._lingering.pop(shard, None)
        if lingering is not None:
            lingering.cancel()

    def _quit(self, shard: Shard) -> None:
        """Says nothing at all any more, unless there is a reason to."""
        reasons = self._sessions, self._lingering, self._asked, self._taking
        if shard in self._sids and not any(shard in reason for reason in reasons):
            self._link.unsubscribe(self._sids.pop(shard))
            self._early.pop(shard, None)
            self._quiet_s.pop(shard, None)

    async def close(self) -> None:
        """Answers all that came until now; the outcomes of what was taken must be on their way."""
        for sid in self._sids.values():
            self._link.unsubscribe(sid, late=True)
        if self._sids:
            with contextlib.suppress(StoreUnavailable):  # comes behind what is on its way
                await self._link.answer(lambda to: pub(to, b""), _LATE_S)
        for shard in list(self._lingering):
            self._lingered(shard)
        if self._answering:
            await asyncio.wait(self._answering)

    def _came(self, shard: Shard, message: Message) -> None:
        if not message.reply:  # of no process of ours: each waits for an answer
            if not self._told:
                _log.warning("a batch names nobody to answer, and is not taken", shard=shard.number)
            self._told = True
            return
        try:
            batch, lines = read_batch(message.payload)
        except StoreError as e:
            if shard in self._sessions:
                _log.error("a batch of another process cannot be read", error=str(e))
                self._refuse(shard, message, str(e))
            return
        self._read(shard, message, batch, lines)

    def _read(self, shard: Shard, message: Message, batch: Batch, lines: bytes) -> None:
        # What is for a later term, whoever replaced this one got, too, and answers.
        wrote = shard in self._sessions or shard in self._lingering
        if wrote and batch.term <= shard.term:
            self._judge(shard, message, batch, lines)
        elif shard in self._asked or shard in self._taking:
            self._early[shard].append((message, batch, lines))

    def _judge(self, shard: Shard, message: Message, batch: Batch, lines: bytes) -> None:
        if batch.term < shard.term and shard in self._quiet_s:
            since_s = asyncio.get_running_loop().time() - self._quiet_s[shard]
            if since_s < 0:  # its giver may have taken it, and says so
                return
            if since_s < _LINGER_S:
                self._refuse(shard, message, "its writer does not write any more")
                return
        sessions = self._sessions.get(shard)
        if sessions is None:
            self._refuse(shard, message, "its writer has left")
            return
        session = sessions.get(batch.session)
        if session is None and batch.number == 0 and not 0 < batch.term < shard.term:
            session = sessions[batch.session] = _Session()
            while len(sessions) > _SESSIONS:
                sessions.popitem(last=False)
        if session is None or session.number != batch.number:
            self._refuse(shard, message, "its writer does not know what came before")
        elif shard in self._held:
            self._refuse(shard, message, "its writer is about to leave")
        elif self._writing.full:
            self._refuse(shard, message, "its writer's append queue is full")
        else:
            sessions.move_to_end(batch.session)
            tickets = self._take(session, batch, lines)
            answer = self._answer(shard, tickets, message.reply.decode())
            task = asyncio.get_running_loop().create_task(answer)
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    def _take(self, session: _Session, batch: Batch, data: bytes) -> list[Ticket]:
        session.number += 1
        requests = session.requests
        # What was blocked in earlier batches, whoever asks knows by now.
        for request in [n for n, (_, last) in requests.items() if last < batch.answered]:
            del requests[request]
        tickets, at = [], 0
        for piece in batch.pieces:
            known = requests.get(piece.request)
            submission = self._writing.submission() if known is None else known[0]
            requests[piece.request] = submission, batch.number
            lines = []
            for size in piece.sizes:
                lines.append(data[at : at + size])
                at += size
            tickets.append(self._writing.take(submission, piece.numbers, lines))
        return tickets

    async def _answer(self, shard: Shard, tickets: Sequence[Ticket], reply: str) -> None:
        term = shard.term
        for ticket in tickets:
            await ticket.committed()
        told = [told_of(outcome) for ticket in tickets for outcome in ticket.outcomes]
        self._link.send(pub(reply, encode(BatchAnswer(term, told))))

    def _refuse(self, shard: Shard, message: Message, why: str) -> None:
        answer = BatchAnswer(shard.term, not_taken=why)
        self._link.send(pub(message.reply.decode(), encode(answer)))
