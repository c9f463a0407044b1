"""The flow of a writer's appends into its shard's stream: in their order, each place once.

Each append names the place behind which it belongs. What is in flight is kept until the stream
said where it lies; after any refusal it stops, and whoever compared it with the stream lets it
begin again.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable

from userstream.errors import StoreError
from userstream.server.logs import logger
from userstream.server.nats.jetstream import read_ack
from userstream.server.nats.link import Link
from userstream.server.nats.wire import Message, batched, chained

_log = logger("flow")
_ALLOWED = 1_000  # messages of a batch, by JetStream
_RUN = 100
"""So many at most until one asks for an acknowledgement."""
_A_BATCH = 500
_BATCH_BYTES = 1 << 20
Done = Callable[[StoreError | None, int], None]
"""How an append went, and its place in the stream."""


class Entry:
    """An append on its way."""

    __slots__ = ("_done", "_others", "payload", "subject")

    def __init__(self, subject: bytes, payload: bytes, done: Done) -> None:
        self.subject = subject
        self.payload = payload
        self._done = done
        self._others: list[Done] | None = None

    def tell(self, done: Done) -> None:
        """Tells one more how it went, after all others; there may be thousands."""
        if self._others is None:
            self._others = []
        self._others.append(done)

    def done(self, error: StoreError | None, place: int) -> None:
        """It is stored at that place, or not known to be."""
        self._done(error, place)
        for done in self._others or ():
            done(error, place)


class Flow:
    """Appends one behind the other, many in flight, acknowledged by the run.

    Each names the place behind which it belongs, so the last of a run is stored only where all
    before it are: it alone asks for an acknowledgement. What a writer has in flight that was
    replaced and does not know it might name a place where the stream happens to end by then. So
    whoever replaces it has to begin with ``stride`` messages, all or none: then all places that it
    may name are taken.
    """

    stride = _ALLOWED
    in_flight = stride - 1

    def __init__(self, link: Link, shard: int, troubled: Callable[[], None]) -> None:
        self._link = link
        self._shard = shard
        self._troubled = troubled
        self._reply = self._token = b""
        self.sent: deque[Entry] = deque()
        self.waiting: deque[Entry] = deque()
        self._asked: deque[int] = deque()
        """Places of which an acknowledgement was asked for."""
        self._late: list[Entry] | None = None
        self._due = False
        self.flowing = False
        self.base = 0
        """The last place in the stream that is known to be taken by us."""
        self.moved_s = 0.0

    def open(self, place: int) -> None:
        """A term begins, at the stream's end."""
        self._late = None
        self.at(place)

    def at(self, place: int) -> None:
        """The stream is known to end there."""
        self.base, self.moved_s = place, time.monotonic()

    def put(self, entry: Entry) -> None:
        """Appends behind all that was put before, with all else that comes in this loop turn."""
        if self._late is not None:
            self._late.append(entry)
            return
        self.waiting.append(entry)
        if self.flowing and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._turned)

    def last(self) -> Entry | None:
        """What was put last, if it is on its way."""
        found: Entry | None = (self._late or self.waiting or self.sent or (None,))[-1]
        return found

    def seal(self) -> None:
        """Sends nothing behind what was put until now, until a term begins.

        All that comes is given up with the rest.
        """
        if self._late is None:
            self._late = []

    def begin(self) -> None:
        """Sends what is on its way (again), from the place where the stream is known to be."""
        self._link.forget(self._token)
        reply, self._token = self._link.inbox(self._answered, self._acked)
        self._reply = reply.encode()
        self.flowing = True
        self.waiting.extendleft(reversed(self.sent))
        self.sent.clear()
        self._asked.clear()
        self._go_on()

    def stop(self) -> None:
        """Sends nothing, and believes no answer, until it begins again."""
        self.flowing = False

    def found(self, place: int) -> None:
        """The first of what is in flight lies at the next place of the stream."""
        entry = self.sent.popleft()
        self.at(place)
        entry.done(None, place)

    def give_up(self, error: StoreError) -> None:
        """None of what is on its way is known to be stored."""
        failed = [*self.sent, *self.waiting, *(self._late or ())]
        self.sent.clear()
        self.waiting.clear()
        if self._late is not None:
            self._late.clear()
        self.stop()
        for entry in failed:
            entry.done(error, 0)

    def _turned(self) -> None:
        self._due = False
        if self.flowing:
            self._go_on()

    def _go_on(self) -> None:
        while self.waiting and (room := min(_RUN, self.in_flight - len(self.sent))) > 0:
            place = self.base + len(self.sent)
            run = [self.waiting.popleft() for _ in range(min(room, len(self.waiting)))]
            messages = [(entry.subject, entry.payload) for entry in run]
            self._link.send(chained(messages, self._reply, place))
            self.sent.extend(run)
            self._asked.append(place + len(run))

    def _acked(self, place: int) -> None:
        if not self.flowing:
            return
        if not self._asked or place != self._asked[0]:
            self._troubled()
            return
        self._asked.popleft()
        sent = self.sent
        self.moved_s = time.monotonic()
        while sent and self.base < place:
            self.base += 1
            sent.popleft().done(None, self.base)
        if self.flowing:
            self._go_on()

    def _answered(self, message: Message) -> None:
        """A refusal, an acknowledgement in another form, or that nobody answers."""
        if not self.flowing:
            return
        ack = None if message.status else read_ack(message.payload)
        if ack is not None and ack.error is None:
            self._acked(ack.seq)
            return
        if ack is not None and ack.error is not None:
            _log.info("an append was refused", shard=self._shard, why=ack.error.description)
        self._troubled()


class OneByOne(Flow):
    """One is in flight: where a term cannot begin with a stride, nothing may be behind another."""

    stride = in_flight = 1


class Batches(Flow):
    """Appends all that waits as one atomic batch: one in flight, one acknowledgement for it.

    Where nodes have to agree on it, that costs them less than one by one. Nothing is in flight
    behind a batch that is refused.
    """

    stride = 1

    def __init__(self, link: Link, shard: int, troubled: Callable[[], None]) -> None:
        super().__init__(link, shard, troubled)
        self._name = secrets.token_hex(6).encode()
        self._number = 0

    def _go_on(self) -> None:
        if self.sent:
            return
        size = 0
        while self.waiting and len(self.sent) < _A_BATCH and size < _BATCH_BYTES:
            entry = self.waiting.popleft()
            self.sent.append(entry)
            size += len(entry.payload)
        if self.sent:
            self._number += 1
            name = b"%b-%d" % (self._name, self._number)
            messages = [(entry.subject, entry.payload) for entry in self.sent]
            self._link.send(batched(messages, self._reply, name, self.base))
            self._asked.append(self.base + len(self.sent))
