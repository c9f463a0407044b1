"""The intake of a shard's writer: lines that other processes hand over, and the answers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
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
        self._answering: set[asyncio.Task[None]] = set()
        self._told = False

    def opened(self, shard: Shard) -> None:
        """A term begins."""
        self._sessions[shard] = OrderedDict()
        subject = self._layout.put_subject(shard.number)
        self._sids[shard] = self._link.subscribe(subject, partial(self._came, shard))

    def lost(self, shard: Shard) -> None:
        """Another process's affair now; what was taken is still answered."""
        sid = self._sids.pop(shard, None)
        if sid is not None:
            self._link.unsubscribe(sid)
        self._sessions.pop(shard, None)

    async def close(self) -> None:
        """Answers what was taken; the outcomes must be on their way."""
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
            _log.error("a batch of another process cannot be read", error=str(e))
            self._refuse(shard, message, str(e))
            return
        sessions = self._sessions[shard]
        session = sessions.get(batch.session)
        if session is None and batch.number == 0:
            session = sessions[batch.session] = _Session()
            while len(sessions) > _SESSIONS:
                sessions.popitem(last=False)
        if session is None or session.number != batch.number:
            self._refuse(shard, message, "its writer does not know what came before")
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
