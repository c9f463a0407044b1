"""Run: one stream from its begin to its end: a thread that reads, and what a program takes."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from userstream.client.calls import Calls
from userstream.client.cursor import CursorFile
from userstream.client.mailbox import Mailbox
from userstream.client.options import Options
from userstream.client.reader import Reader, Ways
from userstream.client.receipts import Receipts, Slip
from userstream.client.repairs import Repairs
from userstream.client.socket import dialer
from userstream.client.spill import Spill
from userstream.core.client import inputs
from userstream.core.client.book import Book
from userstream.core.client.bounds import Bounds
from userstream.core.client.feed import Feed
from userstream.core.client.health import Health
from userstream.core.client.plan import Plan, Proof
from userstream.core.client.requests import needs_clock
from userstream.core.client.told import (
    AccountEvent,
    Gap,
    Holding,
    OrderEvent,
    Origin,
    OtherEvent,
    State,
    StateChange,
    Told,
)
from userstream.errors import StreamOver
from userstream.events import OrderUpdate
from userstream.venue import Venue

if TYPE_CHECKING:
    import ssl

    from userstream.client.http import Http

CLOSE_S = 5.0
"""How long closing waits for a reader that does not end; it is a daemon and goes on to."""


class Run:
    """Sockets, timers and requests have a thread and a loop of their own: see ADR 11."""

    def __init__(self, venue: Venue, options: Options) -> None:
        self._venue = venue
        self._options = options
        spill = Spill(options.spill_bytes) if options.on_full == "spill" else None
        self.mailbox = Mailbox(options.queue, spill, lambda: self._post("go_on"))
        bounds = self._bounds = msgspec.structs.replace(
            options.bounds or Bounds(), hold_ms=options.hold_ms
        )
        self._book = Book(bounds)
        kinds = options.events
        self._kinds = (
            None if kinds is None else (Gap, *(kinds if isinstance(kinds, tuple) else [kinds]))
        )
        self._file: CursorFile | None = None
        self._receipts: Receipts | None = None
        self._from = Proof()
        self._known: list[Told] = []
        if options.cursor is not None:
            self._open(options.cursor)
        self.orders: Mapping[str, OrderUpdate] = MappingProxyType(self._book.orders)
        self.account: Mapping[str, Holding] = MappingProxyType(self._book.account)
        self._last: Slip | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader: Reader | None = None
        self._stopping = False
        self.done: Future[None] = Future()

    def _open(self, path: str | Path) -> None:
        """What an earlier run left: how far it was, and what was open there."""
        self._file = CursorFile(path, self._venue.name, self._options.key)
        self._from = self._file.load()
        done = Book(self._bounds)
        self._receipts = Receipts(self._file, done)
        if self._options.secret is None and not self._options.extension:
            return  # nobody could tell what became of it
        for held in self._file.held():
            event = (
                OrderEvent(update=held, origin=Origin.REST)
                if isinstance(held, OrderUpdate)
                else AccountEvent(update=held, origin=Origin.REST)
            )
            self._known.append(event)
            self._book.apply(event)
            done.apply(event)

    def start(self) -> None:
        """Begins."""
        name = f"userstream {self._venue.name}"
        threading.Thread(target=self._thread, name=name, daemon=True).start()

    def stop(self, *, handled: bool) -> None:
        """Tells the reader to end; ``handled``: the program is done with the last event."""
        self._stopping = True
        self._post("stop")
        if handled:
            self.acknowledge()

    def close(self) -> None:
        """Lets files go. After this nothing can be acknowledged."""
        if self._receipts is not None:
            self._receipts.let_go()
        self._last = self._receipts = None
        self.mailbox.close()
        if self._file is not None:
            self._file.close()

    def health(self) -> Health:
        """The reader's view of its key and clock; nothing much before it is there."""
        reader = self._reader
        return Health() if reader is None else reader.health()

    def reconciled(self) -> None:
        """The program made sure of what was missed."""
        self._post("reconciled")

    def acknowledge(self) -> None:
        """Done with the last event, unless the program says so itself."""
        last, self._last = self._last, None
        if last is not None:
            last()

    def take(self) -> Told | None:
        """The next event, or ``None`` where there is none now.

        Raises:
            StoreUnavailable: the last one cannot be acknowledged.
            Unacknowledged: too many are not.
        """
        receipts = self._receipts
        if receipts is not None:
            return self._take(receipts)
        while (item := self.mailbox.take()) is not None:
            what = item.what
            if what is not None and self._wants(what):
                return what
        return None

    def _take(self, receipts: Receipts) -> Told | None:
        """The next event, with a receipt."""
        self.acknowledge()
        receipts.check()
        while (item := self.mailbox.take()) is not None:
            what = item.what
            slip = receipts.give(what, item.proof)
            if what is not None and self._wants(what):
                return self._given(what, slip)
            slip()
        return None

    def finished(self) -> bool:
        """Whether all was taken, and nothing comes any more. Raises why, unless it was stopped."""
        if not self.mailbox.ended or len(self.mailbox):
            return False
        if self.mailbox.failure is not None:
            raise self.mailbox.failure from None
        return True

    def is_live(self) -> bool:
        """Whether the state is ``live`` or ``degraded``, or never will be."""
        return self.mailbox.state in {State.LIVE, State.DEGRADED} or self.mailbox.ended

    def check_live(self) -> None:
        """Raises why the stream is over, if it is."""
        if self.mailbox.ended:
            raise self.mailbox.failure or StreamOver("the stream is closed")

    def _wants(self, what: Told) -> bool:
        self._book.apply(what)
        if isinstance(what, StateChange):
            return self._options.states
        return self._kinds is None or isinstance(what, self._kinds)

    def _given(self, what: Told, slip: Slip) -> Told:
        if isinstance(what, OrderEvent | AccountEvent | OtherEvent):
            msgspec.structs.force_setattr(what, "receipt", slip)
            if self._options.acknowledge == "manual":
                return what
        self._last = slip
        return what

    def _post(self, what: str) -> None:
        """Asks the reader for something, on its own thread. It may be over already."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._act, what)

    def _act(self, what: str) -> None:
        reader = self._reader
        if reader is None:
            return
        if what == "go_on":
            reader.go_on()
        elif what == "reconciled":
            reader.give(inputs.Reconciled())
        else:
            reader.stop(delete_key=self._options.delete_key)

    def _thread(self) -> None:
        failure: Exception | None = None
        try:
            self._loop = _new_loop()
            self._loop.run_until_complete(self._read())
        except Exception as e:  # noqa: BLE001 - whatever it is, the program has to hear of it
            failure = e
        finally:
            self.mailbox.end(failure)
            if self._loop is not None:
                self._loop.close()  # does not wait for a name that is still being looked up
            self.done.set_result(None)
            self.mailbox.ring()

    @staticmethod
    def _requests(tls: ssl.SSLContext) -> Http:
        """httpx, whose import is half of the client's: it is left to this thread."""
        from userstream.client.http import Requests  # noqa: PLC0415

        return Requests(tls)

    async def _read(self) -> None:
        options, venue = self._options, self._venue
        tls = options.tls
        http = options.http or self._requests(tls)
        try:
            repairs = Repairs(venue, options.access, options.rest_url, http)
            repair = repairs.possible
            plan = Plan(
                repair=repair,
                reconcile_ms=None if options.reconcile_s is None else options.reconcile_s * 1_000,
                heartbeat_s=options.heartbeat_s if options.extension else None,
                redundant=options.redundancy == 2,
                clock=repair or needs_clock(venue, options.access) or options.cursor is not None,
                cursor=self._from.cursor if options.extension else None,
                since_ms=self._from.since_ms,
            )
            feed = Feed(
                venue,
                plan,
                random.random,
                bounds=self._bounds,
                symbols=options.symbols,
                fills_by=repairs.fills_by,
                given=() if self._receipts is None else self._receipts.given,
            )
            for event in self._known:
                feed.picture.apply(event)
            calls = Calls(venue, options.access, http, options.rest_url)
            ways = Ways(calls, options.connect or dialer(tls), repairs, options.stream_url)
            reader = Reader(venue, feed, ways, self.mailbox, proofs=self._file is not None)
            self._reader = reader
            if self._stopping:
                return
            await reader.run()
        finally:
            await http.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    make: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415 - where it is

        make = uvloop.new_event_loop
    return make()
