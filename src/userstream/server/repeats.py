"""Repeats: what a stock client may have missed comes again when it reconnects on its listen key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from userstream.core.publishing import Appended
from userstream.core.receipts import Receipt, Receipts
from userstream.server.framing import framed, ping_frame
from userstream.server.reader import Reader
from userstream.venue import WHOLE, Cursor, Frame, Mark

if TYPE_CHECKING:
    from userstream.core.closing import End
    from userstream.core.listenkeys import KeyRecord
    from userstream.server.connection import Connection
    from userstream.server.fanout import Fanout
    from userstream.server.handshake import Opened
    from userstream.server.replay import Replays


class Pings:
    """The pings of one stream, and the receipts that its pongs are."""

    __slots__ = ("_connection", "_replays", "receipt", "record")

    def __init__(
        self, connection: Connection, record: KeyRecord, receipt: Receipt, replays: Replays
    ) -> None:
        self._connection = connection
        self._replays = replays
        self.record = record
        self.receipt = receipt

    @property
    def sent(self) -> int:
        """The last event whose frames were queued for the client."""
        reader = self._connection.reader
        if reader is None:
            return self._replays.log.head(self.record.account)
        return self.receipt.proven if reader.track is None else reader.track.passed

    def ping(self) -> bytes:
        """The next ping."""
        return ping_frame(self.receipt.ping(self.sent))


class Repeater(Reader):
    """A reader for a stock client: its frames have no marks, and nothing else is said."""

    tells = False
    __slots__ = ("_connection", "_fanout")

    def __init__(
        self, connection: Connection, opened: Opened, start: Cursor, replays: Replays,
        fanout: Fanout,
    ) -> None:  # fmt: skip
        super().__init__(connection, opened.venue, start, replays)
        self._connection = connection
        self._fanout = fanout

    def show(self, appended: Appended, frames: Sequence[Frame]) -> int:
        """Sends the next event as the dialect has it."""
        if self.track is None:
            return 0
        shown = self.shown(frames)
        self.track.show(appended.seq, shown)
        for frame in shown:
            self._outlet.send(framed(frame), appended)
        return len(shown)

    def say(self, mark: Mark, **more: int) -> None:
        """Says nothing."""

    def farewell(self, end: End) -> bytes:
        """Says nothing."""
        return b""

    def caught_up(self) -> None:
        """From here on it is a stream as any other."""
        super().caught_up()
        if self.binding is not None:
            self._fanout.remove(self.binding)
            self.binding.reader = self._connection.reader = None
            self._fanout.add(self.binding)


class Repeats:
    """Receipts of all stock streams, on the venues that ping, with one listen key in the URL."""

    def __init__(self, replays: Replays, fanout: Fanout) -> None:
        self._replays = replays
        self._fanout = fanout
        self.receipts = Receipts()

    def opened(self, connection: Connection, opened: Opened) -> None:
        """A stream opens: what its key's last one was not proven to have comes first.

        Raises:
            StoreError: the log cannot be read.
        """
        if opened.venue.stream.ping_every_ms is None or len(opened.records) != 1:
            return
        ((_, record),) = opened.records
        log, account = self._replays.log, record.account
        head = log.head(account)
        receipt = self.receipts.begin((record.venue, record.random), head)
        connection.pings = Pings(connection, record, receipt, self._replays)
        if receipt.proven < head:
            cursor = Cursor(self._replays.epoch(account), receipt.proven, WHOLE)
            connection.reader = Repeater(connection, opened, cursor, self._replays, self._fanout)

    def closed(self, connection: Connection) -> None:
        """A stream is over."""
        pings, connection.pings = connection.pings, None
        if pings is not None:
            self.receipts.end((pings.record.venue, pings.record.random), pings.receipt)
