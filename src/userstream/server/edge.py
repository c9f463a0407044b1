"""The stream listener: every connection of it, bound to accounts, ended with a reason."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from userstream.core.closing import End
from userstream.core.limits import Limits
from userstream.core.listenkeys import KeyRecord
from userstream.core.publishing import Appended
from userstream.core.session import Session
from userstream.server.admission import Admission
from userstream.server.clock import Clock, Deadlines
from userstream.server.connection import Connection
from userstream.server.drain import drain
from userstream.server.fanout import Binding, Fanout, notice_of
from userstream.server.handshake import Handshake, Opened, Refused
from userstream.server.keys import ListenKeys
from userstream.server.logs import logger
from userstream.server.metrics import Metrics
from userstream.server.outgoing import Outgoing
from userstream.server.reader import Reader
from userstream.server.repeats import Repeats
from userstream.server.replay import Log, Replays
from userstream.server.subscriptions import Subscriptions

_log = logger("edge")
_EARLY = 200
"""The part of its greatest age by which a stream may end sooner: of a day, seven minutes."""


class Edge:
    """All streams of this process. It performs; sessions and the key table decide."""

    def __init__(
        self,
        admission: Admission,
        keys: ListenKeys,
        clock: Clock,
        limits: Limits,
        metrics: Metrics,
        log: Log,
        connection: Callable[[Edge], Connection] = Connection,
        *,
        repeats: bool = False,
    ) -> None:
        self.limits = limits
        self._replays = Replays(log, metrics, clock, limits.replays_at_once)
        self._connect = connection
        self._admission = admission
        self._keys = keys
        self._clock = clock
        self._metrics = metrics
        self._fanout = Fanout(self._failed)
        self.subscriptions = Subscriptions(admission, keys, log, self._fanout)
        self._repeats = Repeats(self._replays, self._fanout) if repeats else None
        self._connections: set[Connection] = set()
        self._per_address: Counter[str] = Counter()
        self._deadlines = Deadlines(clock, Connection.tick, self._connections.__contains__)
        self._dirty: list[Outgoing] = []
        self._server: asyncio.Server | None = None
        self._empty = asyncio.Event()  # looked at once no more connections are taken
        metrics.outbox.set_function(lambda: sum(c.queued for c in self._connections))
        keys.on_end(self._key_ended)
        clock.on_change(self._rebased)

    @property
    def now_ms(self) -> int:
        """Server time."""
        return self._clock.ms()

    @property
    def sockets(self) -> int:
        """Open connections."""
        return len(self._connections)

    async def start(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accepts connections on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: self._connect(self),
            sock=sock,
            ssl=tls,
            backlog=4096,
            ssl_handshake_timeout=self.limits.handshake_s if tls is not None else None,
        )

    async def stop(self) -> None:
        """Takes no more streams, and ends those that there are in turn."""
        if self._server is not None:
            self._server.close()
        self._admission.stop()
        await drain(self._connections, self._empty, self.limits)
        self._deadlines.cancel()

    def opened(self, connection: Connection) -> bool:
        """Counts a connection; false where there are too many."""
        self._connections.add(connection)
        self._empty.clear()
        self._per_address[connection.address] += 1
        return (
            len(self._connections) <= self.limits.sockets
            and self._per_address[connection.address] <= self.limits.sockets_per_ip
        )

    def closed(self, connection: Connection) -> None:
        """Forgets a connection; its end is counted if nothing counted it before."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        self._per_address[connection.address] -= 1
        if not self._per_address[connection.address]:
            del self._per_address[connection.address]
        self._metrics.sockets.set(len(self._connections))
        self._deadlines.forget_one()
        self.ended(connection, End.LOST)
        if not self._connections:
            self._empty.set()

    def decide(self, connection: Connection, handshake: Handshake) -> Opened | Refused | None:
        """Whether a handshake may go on; ``None``: the connection is told when that is known."""
        later = partial(connection.admitted, handshake)
        return self._admission.decide(connection.address, handshake, self._fanout, later)

    def begin(self, connection: Connection, opened: Opened) -> Session:
        """Opens the session of an accepted handshake and binds it to its accounts."""
        venue = opened.venue
        connection.wrapped = opened.wrapped
        wishes = opened.wishes
        if wishes is not None:
            connection.reader = Reader(connection, venue, wishes.resume, self._replays)
        elif self._repeats is not None:
            self._repeats.opened(connection, opened)
        connection.bindings = tuple(
            self.subscriptions.bind(connection, venue, key, record)
            for key, record in opened.records
        )
        bound = bool(opened.records) and not venue.channels
        session = Session(
            venue,
            self.limits,
            self.now_ms,
            bound=bound,
            pace=self._clock.speed,
            heartbeat_s=None if wishes is None else wishes.heartbeat_s,
            early_ms=random.randrange(venue.stream.max_age_ms // _EARLY + 1),  # noqa: S311
        )
        self._metrics.sockets.set(len(self._connections))
        return session

    def arm(self, connection: Connection) -> None:
        """Wakes a session at its deadline."""
        due_ms = connection.session.deadline() if connection.session else None
        if due_ms is not None and (connection.armed_ms is None or due_ms < connection.armed_ms):
            connection.armed_ms = due_ms
            self._deadlines.add(due_ms, connection)

    def dirty(self, connection: Outgoing) -> None:
        """Flushes a connection at the end of this loop turn."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._flush)
        self._dirty.append(connection)

    def ended(self, connection: Connection, end: End) -> None:
        """Unbinds a connection, and counts its end once."""
        accounts = sorted({b.account for b in connection.bindings})
        if self._repeats is not None:
            self._repeats.closed(connection)
        for binding in connection.bindings:
            self.subscriptions.remove(binding)
        if connection.reader is not None:
            connection.reader.stop()
        connection.bindings = ()
        session = connection.session
        if session is None or connection.counted:
            return
        connection.counted = True
        self._metrics.ended.labels(session.venue.name, end.label).inc()
        _log.info("stream ended", venue=session.venue.name, reason=end.label, accounts=accounts)

    def unbind(self, connection: Connection, binding: Binding) -> None:
        """Delivers nothing more of one listen key; the connection stays."""
        self.subscriptions.remove(binding)
        connection.bindings = tuple(b for b in connection.bindings if b is not binding)

    def deliver(self, events: Sequence[Appended]) -> None:
        """Hands committed events to their sockets."""
        before = self._fanout.frames
        self._fanout.deliver(events)
        self._metrics.delivered.inc(self._fanout.frames - before)

    def lost(self, account: str) -> None:
        """Events cannot be shown any more: who showed all that was before them cannot go on."""
        for binding in self._fanout.of_account(account):
            binding.connection.end(End.SLOW)

    def _key_ended(self, record: KeyRecord, end: End) -> None:
        for binding in self._fanout.of_key((record.venue, record.random)):
            notice = notice_of(binding, self.subscriptions.name(binding), self.now_ms)
            binding.connection.key_ended(binding, notice, end)
        if self._repeats is not None:
            self._repeats.receipts.forget((record.venue, record.random))

    def _rebased(self, before_ms: int, after_ms: int) -> None:
        for connection in self._connections:
            if connection.session is not None:
                connection.session.rebase(before_ms, after_ms, self._clock.speed)
                self.arm(connection)

    def _failed(self, binding: Binding, error: Exception) -> None:
        _log.error("an event could not be shown", venue=binding.venue.name, exc_info=error)
        binding.connection.end(End.INTERNAL)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        now_ms = self._clock.ms()
        for connection in dirty:
            if connection.session is not None:
                connection.session.sent_ms = now_ms
            connection.flush()
