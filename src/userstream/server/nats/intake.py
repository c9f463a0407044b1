"""The intake of a shard's writer: lines that other processes hand over, and the answers.

While a shard is given from one process to another both are subscribed, so that nothing is lost
between them. A batch names the term that its sender had heard of: whoever wrote in it says that it
was not taken, whoever writes in a later one says so, too, and never do both take it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from userstream.core.submission import Submission
from userstream.errors import StoreError
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
_LINGER_S = 1.0
"""For what is on its way to a writer that has given its shard."""


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
        self._held: Shard | None = None
        self._early: dict[Shard, deque[tuple[Message, Batch, bytes]]] = {}
        self._lingering: dict[Shard, asyncio.TimerHandle] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._told = False

    def expect(self, shard: Shard) -> None:
        """A term may begin soon; until then its writer answers."""
        self._listen(shard)
        if shard not in self._sessions:
            self._early[shard] = deque(maxlen=_EARLY)

    def opened(self, shard: Shard) -> None:
        """A term begins."""
        self._listen(shard)
        self._sessions[shard] = OrderedDict()
        for message, batch, lines in self._early.pop(shard, ()):
            if batch.term >= shard.term:  # whoever sent it heard of the term before this process
                self._judge(shard, message, batch, lines)
            else:
                self._refuse(shard, message, "its writer does not write any more")

    def _listen(self, shard: Shard) -> None:
        lingering = self._lingering.pop(shard, None)
        if lingering is not None:
            lingering.cancel()
        if shard not in self._sids:
            subject = self._layout.put_subject(shard.number)
            self._sids[shard] = self._link.subscribe(subject, partial(self._came, shard))

    def hold(self, shard: Shard) -> None:
        """Takes nothing of a shard that is about to be given to another process."""
        self._held = shard

    def release(self) -> None:
        """Takes it again, unless the shard was given."""
        self._held = None

    def lost(self, shard: Shard) -> None:
        """Another process's affair now; what was taken is still answered."""
        self._sessions.pop(shard, None)
        if self._held is shard:
            loop = asyncio.get_running_loop()
            self._lingering[shard] = loop.call_later(_LINGER_S, self.leave, shard)
        else:
            self.leave(shard)

    def leave(self, shard: Shard) -> None:
        """Does not even say that nothing is taken, unless a term has begun."""
        lingering = self._lingering.pop(shard, None)
        if lingering is not None:
            lingering.cancel()
        self._early.pop(shard, None)
        if shard not in self._sessions:
            sid = self._sids.pop(shard, None)
            if sid is not None:
                self._link.unsubscribe(sid)

    async def close(self) -> None:
        """Answers what was taken; the outcomes must be on their way."""
        for shard in list(self._lingering):
            self.leave(shard)
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
        if shard in self._early:
            self._early[shard].append((message, batch, lines))
        elif shard in self._sessions:
            self._judge(shard, message, batch, lines)
        elif 0 < batch.term <= shard.term:  # what is for a later term is the next writer's
            self._refuse(shard, message, "it was given to another process")

    def _judge(self, shard: Shard, message: Message, batch: Batch, lines: bytes) -> None:
        sessions = self._sessions[shard]
        session = sessions.get(batch.session)
        if session is None and batch.number == 0 and not 0 < batch.term < shard.term:
            session = sessions[batch.session] = _Session()
            while len(sessions) > _SESSIONS:
                sessions.popitem(last=False)
        if session is None or session.number != batch.number:
            self._refuse(shard, message, "its writer does not know what came before")
        elif self._held is shard:
            self._refuse(shard, message, "it is being given to another process")
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
