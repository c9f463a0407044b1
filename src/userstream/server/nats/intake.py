"""The intake of a shard's writer: lines that other processes hand over, and the answers.

"Not taken" must be true of every process that may have got the batch. Whoever subscribes once its
term has begun gets nothing that was published before, and whoever wrote before can store nothing
any more. While a shard is given, both are subscribed, so that nothing is lost between them: then
whoever gave it answers for its own term, and the heir does not, until nobody believes it any more.
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
_QUIET_S = 1.0
"""So long an heir says nothing of what its giver may have taken."""
_LINGER_S = 2.0
"""So long whoever gave a shard says of all that comes for it that it is not taken."""
_UNNAMED_S = 3.0
"""So long an heir takes nothing that names no term (a version before): its giver refuses it."""


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
        self._given_s: dict[Shard, float] = {}
        """When terms began of shards whose batches came here before, too."""
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
        if shard in self._sids:
            self._given_s[shard] = asyncio.get_running_loop().time()
        self._listen(shard)
        self._end_lingering(shard)
        self._sessions[shard] = OrderedDict()
        for message, batch, lines in self._early.pop(shard, ()):
            self._judge(shard, message, batch, lines)

    def _listen(self, shard: Shard) -> None:
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
        self._given_s.pop(shard, None)
        if self._held is shard:
            loop = asyncio.get_running_loop()
            self._lingering[shard] = loop.call_later(_LINGER_S, self._lingered, shard)
        self._quit(shard)

    def leave(self, shard: Shard) -> None:
        """Expects no term any more."""
        self._early.pop(shard, None)
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
        if shard in self._sids and not (
            shard in self._sessions or shard in self._early or shard in self._lingering
        ):
            self._link.unsubscribe(self._sids.pop(shard))

    async def close(self) -> None:
        """Answers what was taken; the outcomes must be on their way."""
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
        if shard in self._sessions:
            self._judge(shard, message, batch, lines)
        elif shard in self._lingering and batch.term in (0, shard.term):
            self._refuse(shard, message, "it was given to another process")
        elif shard in self._early:
            self._early[shard].append((message, batch, lines))

    def _judge(self, shard: Shard, message: Message, batch: Batch, lines: bytes) -> None:
        if batch.term > shard.term:  # whoever replaced this one got it, too, and answers
            return
        if batch.term < shard.term and shard in self._given_s:
            since_s = asyncio.get_running_loop().time() - self._given_s[shard]
            if since_s <= _QUIET_S:  # its giver may have taken it, and says so
                return
            if since_s <= _UNNAMED_S:
                self._refuse(shard, message, "its writer does not write any more")
                return
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
