"""The hot path: a committed event becomes bytes on every socket of its account.

Each event is encoded once per dialect, and the same bytes go to every socket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from userstream.core.publishing import Appended
from userstream.server.framing import framed, text_header
from userstream.venue import Frame, Venue

if TYPE_CHECKING:
    from userstream.core.listenkeys import KeyRecord
    from userstream.plain import Order, Show
    from userstream.server.connection import Connection

K = TypeVar("K")
Failed = Callable[["Binding", Exception], None]


class Binding:
    """One listen key on one connection. ``channels`` is ``None`` where the venue has none.

    ``show`` is the template of the venue where frames go out as they are, ``reader`` what makes
    them of events where the extension is asked for.
    """

    __slots__ = ("account", "channels", "connection", "key", "reader", "show", "venue", "wrap")

    def __init__(
        self,
        connection: Connection,
        venue: Venue,
        record: KeyRecord,
        channels: frozenset[str] | None,
        wrap: bytes | None,
    ) -> None:
        self.connection = connection
        self.venue = venue
        self.account = record.account
        self.key = (record.venue, record.random)
        self.channels = channels
        self.wrap = wrap
        self.show = venue.show_plain if channels is None and wrap is None else None
        self.reader = connection.reader

    def __repr__(self) -> str:
        return f"<Binding {self.venue.name} {self.account}>"


class Fanout:
    """Who listens to which account and which listen key."""

    def __init__(self, failed: Failed) -> None:
        self._by_account: dict[str, tuple[Binding, ...]] = {}
        self._reading: dict[str, tuple[Binding, ...]] = {}  # those with the extension
        self._by_key: dict[tuple[str, str], tuple[Binding, ...]] = {}
        self._failed = failed
        self.frames = 0
        """Frames handed to sockets since the start."""

    def add(self, binding: Binding) -> None:
        """Delivers from the next event on."""
        account, key = binding.account, binding.key
        index = self._by_account if binding.reader is None else self._reading
        index[account] = (*index.get(account, ()), binding)
        self._by_key[key] = (*self._by_key.get(key, ()), binding)

    def remove(self, binding: Binding) -> None:
        """Delivers no more."""
        index = self._by_account if binding.reader is None else self._reading
        _drop(index, binding.account, binding)
        _drop(self._by_key, binding.key, binding)

    def of_key(self, key: tuple[str, str]) -> tuple[Binding, ...]:
        """Every socket on a listen key."""
        return self._by_key.get(key, ())

    def of_account(self, account: str) -> tuple[Binding, ...]:
        """Every socket on an account that shows events as they come."""
        return self._by_account.get(account, ())

    def deliver(self, events: Sequence[Appended]) -> None:
        """Hands committed events to their sockets."""
        if self._reading:
            self._read(events)
        by_account = self._by_account
        for appended in events:
            bindings = by_account.get(appended.account)
            if bindings is None:
                continue
            if appended.plain is not None:
                bindings = self._show(appended, appended.plain, bindings)
            if len(bindings) == 1:
                self._deliver_alone(appended, bindings[0])
            elif bindings:
                self._deliver(appended, bindings)

    def _read(self, events: Sequence[Appended]) -> None:
        """Hands events to the sockets with the extension."""
        for appended in events:
            frames: dict[int, Sequence[Frame]] = {}
            for binding in self._reading.get(appended.account, ()):
                venue, reader = binding.venue, binding.reader
                if reader is None or not reader.takes(appended.seq):
                    continue
                try:
                    made = frames.get(id(venue))
                    if made is None:
                        made = venue.encode(appended.envelope, appended.picture)
                        frames[id(venue)] = made
                    self.frames += reader.show(appended, made)
                except Exception as e:  # noqa: BLE001 - as below
                    self._failed(binding, e)

    def _show(
        self, appended: Appended, plain: Order, bindings: tuple[Binding, ...]
    ) -> tuple[Binding, ...]:
        """A plain order, by its dialect's template; gives back whom it cannot show it to."""
        left: tuple[Binding, ...] = ()
        show: Show | None = None
        data: bytes | None = None
        for binding in bindings:
            if binding.show is not show:
                show = binding.show
                data = show(plain, appended.time_ms) if show is not None else None
            if data is None:
                left = (*left, binding)
            else:
                self.frames += 1
                binding.connection.send(data, appended)
        return left

    def _deliver_alone(self, appended: Appended, binding: Binding) -> None:
        """The usual account has one socket: nothing is kept for a second one."""
        channels, wrap = binding.channels, binding.wrap
        try:
            frames = binding.venue.encode(appended.envelope, appended.picture)
        except Exception as e:  # noqa: BLE001 - as below
            self._failed(binding, e)
            return
        for frame in frames:
            if channels is None or frame.channel in channels:
                self.frames += 1
                data = framed(frame) if wrap is None else _wrapped(wrap, frame)
                binding.connection.send(data, appended)

    def _deliver(self, appended: Appended, bindings: tuple[Binding, ...]) -> None:
        venue: Venue | None = None
        envelope = appended.envelope
        frames: list[tuple[Frame, bytes]] = []
        for binding in bindings:
            if binding.venue is not venue:
                venue = binding.venue
                try:
                    frames = [(f, framed(f)) for f in venue.encode(envelope, appended.picture)]
                except Exception as e:  # noqa: BLE001 - the trader must be told, whatever it was
                    venue = None
                    self._failed(binding, e)
                    continue
            for frame, data in frames:
                if binding.channels is not None and frame.channel not in binding.channels:
                    continue
                self.frames += 1
                wrap = binding.wrap
                if wrap is not None:
                    data = _wrapped(wrap, frame)  # noqa: PLW2901
                binding.connection.send(data, appended)


def _drop(index: dict[K, tuple[Binding, ...]], place: K, binding: Binding) -> None:
    left = tuple(b for b in index.get(place, ()) if b is not binding)
    if left:
        index[place] = left
    else:
        index.pop(place, None)


def _wrapped(wrap: bytes, frame: Frame) -> bytes:
    payload = b"%b%b}" % (wrap, frame.payload)
    return text_header(len(payload)) + payload


def notice_of(binding: Binding, key: str, now_ms: int) -> bytes | None:
    """The frame that tells a stream of its listen key's end, where the venue has one."""
    notice = binding.venue.stream.expiry_notice.frame(now_ms, key)
    if notice is None:
        return None
    notice = notice if binding.wrap is None else wrap_of(key) + notice + b"}"
    return text_header(len(notice)) + notice


def wrap_of(key: str) -> bytes:
    """What stands before a frame on a combined stream. Doc: web-socket-streams.md."""
    return b'{"stream":"%b","data":' % key.encode()
