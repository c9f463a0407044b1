"""A channel to the writer of a shard, which is another process: lines go there in their order.

A batch that is lost must not be followed by later ones: their lines would be stored, and those
of the lost one be repeats then. So batches are numbered within a session, which is of one term,
and a writer takes none whose predecessor it did not take. What no writer took is offered again,
in a session of its own; where that cannot be known, all that is under way is "not known to be
stored".
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import deque
from functools import partial
from weakref import WeakKeyDictionary

from userstream.core.publishing import Acknowledged, Duplicate, Refused
from userstream.core.submission import Submission
from userstream.errors import StoreDamaged, StoreError
from userstream.server.bus import Outcome
from userstream.server.logs import logger
from userstream.server.nats.batch import Batch, BatchAnswer, No, Piece, Repeat, Told, write_batch
from userstream.server.nats.handed import Handed
from userstream.server.nats.layout import Layout
from userstream.server.nats.link import Link
from userstream.server.nats.wire import Message, pub
from userstream.server.nats.writers import Writers
from userstream.server.records import decode

_log = logger("channel")
_FLIGHTS = 8
_BATCH_LINES = 1_000
_BATCH_BYTES = 262_144
_LOOK_S = 0.2
_ANSWER_S = 3.0
"""Beyond the time that a writer itself waits for its stream."""
_REPLACED_S = 1.0
"""For the last answers of a writer that gave its shard up; its heir is quiet for as long."""
NO_WRITER = "no process writes this account now"


class _Flight:
    """A batch that has no answer yet."""

    __slots__ = ("handed", "not_taken", "number", "since", "term", "token")

    def __init__(self, number: int, handed: list[Handed], term: int) -> None:
        self.number = number
        self.handed = handed
        self.term = term
        self.since = time.monotonic()
        self.token = b""
        self.not_taken = ""


class Channel:
    """Hands the lines of one shard to whoever writes it."""

    def __init__(
        self, shard: int, layout: Layout, link: Link, writers: Writers, wait_s: float
    ) -> None:
        self._shard = shard
        self._epoch = layout.epoch
        self._subject = layout.put_subject(shard)
        self._link = link
        self._writers = writers
        self._wait_s = wait_s
        self._waiting: deque[Handed] = deque()
        self._flights: deque[_Flight] = deque()
        self._requests: WeakKeyDictionary[Submission, int] = WeakKeyDictionary()
        self._count = itertools.count()
        self._replaced_s: float | None = None
        self._stalled_s: float | None = None
        """Since when nothing is taken of what is offered; ``None``: the last batch was."""
        self._paused = False
        self._turn = self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._begin()
        link.on_down.append(self._down)

    def close(self) -> None:
        """Hands nothing more over; what has no answer is not known to be stored."""
        self._closed = True
        self._link.on_down.remove(self._down)
        self._fail("the server stops")
        if self._timer is not None:
            self._timer.cancel()

    def put(self, handed: Handed) -> None:
        """Hands a line over behind all that was put before."""
        if self._closed:
            handed.refuse("the server has stopped")
            return
        self._waiting.append(handed)
        loop = asyncio.get_running_loop()
        if not self._turn:
            self._turn = True
            loop.call_soon(self._pump)
        if self._timer is None:
            self._timer = loop.call_later(_LOOK_S, self._look)

    def offer(self) -> None:
        """Offers what was not taken again, at once: another process writes now."""
        self._paused = False
        self._pump()

    def _begin(self) -> None:
        self._session, self._next = secrets.token_hex(8), 0
        self._term = self._writers.term(self._shard)

    # ── there ───────────────────────────────────────────────────────────────────────────────────

    def _pump(self) -> None:
        self._turn = False
        if self._term != self._writers.term(self._shard):
            if self._flights and self._term:
                return  # of the writer before: what became of them comes first
            self._drop()
        if not self._term:
            self._ask()
            return
        while self._waiting and len(self._flights) < _FLIGHTS and not self._paused:
            if not self._link.connected:
                return
            handed = self._fill()
            if handed:
                self._send(handed)

    def _ask(self) -> None:
        """Asks for the term: of what names none, two processes might both believe it theirs."""
        if self._waiting and not self._flights and not self._paused and self._link.connected:
            self._send([])

    def _fill(self) -> list[Handed]:
        """The next lines, but for those that a refusal of which we know blocks."""
        handed: list[Handed] = []
        room = min(_BATCH_BYTES, self._link.info.max_payload // 2)
        while self._waiting and len(handed) < _BATCH_LINES:
            entry = self._waiting[0]
            room -= len(entry.text)
            if handed and room < 0:
                break
            self._waiting.popleft()
            blocked = entry.submission.blocking(entry.text, entry.line)
            if blocked is not None:
                entry.done(blocked)
            else:
                handed.append(entry)
        return handed

    def _send(self, handed: list[Handed]) -> None:
        flight = _Flight(self._next, handed, self._term)
        self._next += 1
        self._flights.append(flight)
        pieces = []
        for submission, group in itertools.groupby(handed, lambda entry: entry.submission):
            entries = list(group)
            sizes = [len(entry.text) for entry in entries]
            pieces.append(Piece(self._request(submission), [e.line for e in entries], sizes))
        answered = self._flights[0].number
        batch = Batch(self._session, flight.number, answered, pieces, flight.term)
        reply, flight.token = self._link.inbox(partial(self._answered, flight))
        payload = write_batch(batch, [entry.text for entry in handed])
        self._link.send(pub(self._subject, payload, reply))

    def _request(self, submission: Submission) -> int:
        number = self._requests.get(submission)
        if number is None:
            number = self._requests[submission] = next(self._count)
        return number

    # ── back ────────────────────────────────────────────────────────────────────────────────────

    def _answered(self, flight: _Flight, message: Message) -> None:
        if message.status:
            flight.not_taken = NO_WRITER
        else:
            try:
                answer = decode(message.payload, BatchAnswer)
                if len(answer.outcomes) != (0 if answer.not_taken else len(flight.handed)):
                    raise StoreDamaged("a writer's answer has another number of lines")
            except StoreError as e:
                _log.error("a writer's answer cannot be read", shard=self._shard, error=str(e))
                self._fail(str(e))
                return
            self._writers.heard(self._shard, answer.term)
            if flight not in self._flights or not self._counts(flight, answer):
                return
            flight.not_taken = answer.not_taken
            if not flight.not_taken:
                self._flights.remove(flight)
                self._tell(flight, answer)
        self._link.forget(flight.token)
        if self._flights and self._flights[0].not_taken:
            self._again()
        self._pump()

    def _counts(self, flight: _Flight, answer: BatchAnswer) -> bool:
        """Whether the answer is true of all that may have got the batch; else it is none."""
        if answer.term < flight.term:  # by one that stores nothing any more, and may not know
            return False
        if not answer.not_taken or answer.term == flight.term:
            return True
        # What is so old, the writer before may have taken.
        late = time.monotonic() - flight.since > _REPLACED_S
        return not late

    def _tell(self, flight: _Flight, answer: BatchAnswer) -> None:
        self._stalled_s = None
        stale = answer.term < self._writers.term(self._shard)
        for entry, told in zip(flight.handed, answer.outcomes, strict=True):
            if stale and isinstance(told, No):  # by a writer that was replaced: who knows
                entry.refuse("its writer changed meanwhile")
            else:
                entry.done(self._outcome(entry, told))

    def _outcome(self, entry: Handed, told: Told) -> Outcome:
        if isinstance(told, No):
            return Refused(told.code, told.msg, entry.account)
        if isinstance(told, Repeat):
            return Duplicate(entry.account, self._epoch, told.seq)
        return Acknowledged(entry.account, self._epoch, told)

    def _again(self) -> None:
        """The first batch under way was not taken, so none behind it was: all are offered anew."""
        why = self._flights[0].not_taken
        again = [entry for flight in self._flights for entry in flight.handed]
        before = self._term
        self._drop()
        self._waiting.extendleft(reversed(again))
        self._paused = self._term == before  # else whoever writes now has not been asked yet
        if self._stalled_for() > self._wait_s:
            self._fail(why)

    def _stalled_for(self) -> float:
        now = time.monotonic()
        if self._stalled_s is None:
            self._stalled_s = now
        return now - self._stalled_s

    def _drop(self) -> None:
        for flight in self._flights:
            self._link.forget(flight.token)
        self._flights.clear()
        self._begin()

    def _look(self) -> None:
        """Time passes: what was not taken is offered again, what waits for too long given up."""
        self._timer = None
        late_s = self._wait_s + _ANSWER_S
        if self._flights and time.monotonic() - self._flights[0].since > late_s:
            self._fail("its writer does not answer")
        elif self._replaced():
            self._fail("its writer was replaced")
        elif not self._link.connected and self._stalled_for() > self._wait_s:
            self._fail("NATS cannot be reached")
        self._paused = False
        self._pump()
        if self._flights or self._waiting:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look)
        else:
            self._stalled_s = None

    def _replaced(self) -> bool:
        """Whether what is under way went to a writer that was replaced a while ago."""
        now, term = time.monotonic(), self._writers.term(self._shard)
        if not self._flights or not 0 < self._flights[0].term < term:
            self._replaced_s = None
        elif self._replaced_s is None:
            self._replaced_s = now
        return self._replaced_s is not None and now - self._replaced_s > _REPLACED_S

    def _down(self) -> None:
        if self._flights:
            self._fail("the connection to NATS was lost")

    def _fail(self, why: str) -> None:
        """Whatever comes behind a line that may be lost is refused, too."""
        failed = [entry for flight in self._flights for entry in flight.handed]
        failed += self._waiting
        self._waiting.clear()
        self._drop()
        self._stalled_s = None
        if failed:
            _log.warning("lines were not handed over", shard=self._shard, why=why)
        for entry in failed:
            entry.refuse(why)
