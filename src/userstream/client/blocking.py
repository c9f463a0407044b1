"""BlockingUserStream: a stream for programs that are not async."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

from userstream.client.options import Options
from userstream.client.run import CLOSE_S, Run
from userstream.core.client.health import Health
from userstream.core.client.told import Holding, State, Told
from userstream.errors import NotLive, StreamOver
from userstream.events import OrderUpdate
from userstream.venue import Venue


class BlockingUserStream:
    """``UserStream`` with ``with`` and ``for``; made by ``UserStream(…).blocking()``.

    One thread may use it at a time. A ``KeyboardInterrupt`` ends any wait.
    """

    def __init__(self, venue: Venue, options: Options) -> None:
        self._venue = venue
        self._options = options
        self._run: Run | None = None

    def __repr__(self) -> str:
        return f"<BlockingUserStream {self._venue.name} {self.state}>"

    @property
    def state(self) -> State:
        """What the stream can vouch for now, as its reader has it."""
        return State.CONNECTING if self._run is None else self._run.mailbox.state

    @property
    def health(self) -> Health:
        """Why the state is what it is, how old the listen key is, and how far the clocks differ."""
        return Health() if self._run is None else self._run.health()

    @property
    def orders(self) -> Mapping[str, OrderUpdate]:
        """Open orders by id, as the events that were taken left them."""
        return {} if self._run is None else self._run.orders

    @property
    def account(self) -> Mapping[str, Holding]:
        """Holdings by asset, likewise."""
        return {} if self._run is None else self._run.account

    def live(self, timeout_s: float | None = None) -> None:
        """Waits until the state is ``live`` or ``degraded``; errors as of ``UserStream.live``."""
        run = self._begun()
        if not run.mailbox.block_until(run.is_live, timeout_s):
            why = f"{self.state} after {timeout_s} s: {run.mailbox.why}"
            raise NotLive(f"{self._venue.name} is {why}")
        run.check_live()

    def next(self, timeout_s: float | None = None) -> Told | None:
        """The next event; ``None`` at the end, or where none came within ``timeout_s`` seconds.

        Errors as of ``UserStream``'s iteration.
        """
        run = self._begun()
        while True:
            event = run.take()
            if event is not None:
                return event
            if run.mailbox.ended and not len(run.mailbox):
                if run.finished() is not None:
                    raise run.finished() from None  # type: ignore[misc]
                return None
            there = run.mailbox.block_until(
                lambda: bool(len(run.mailbox)) or run.mailbox.ended, timeout_s
            )
            if not there:
                return None

    def ack(self, event: Told) -> None:
        """What ``await event.ack()`` is for async programs."""
        receipt = getattr(event, "receipt", None)
        if receipt is not None:
            receipt()

    def reconciled(self) -> None:
        """The program itself made sure of what was missed: a ``blind`` stream goes on."""
        self._begun().reconciled()

    def __enter__(self) -> Self:
        if self._run is not None:
            raise StreamOver("a stream can be begun once")
        self._run = Run(self._venue, self._options)
        self._run.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        run = self._begun()
        try:
            run.stop(handled=kind is None)
        finally:
            run.mailbox.block_until(run.done.done, CLOSE_S)
            run.close()

    def __iter__(self) -> Iterator[Told]:
        return self

    def __next__(self) -> Told:
        event = self.next()
        if event is None:
            raise StopIteration
        return event

    def _begun(self) -> Run:
        if self._run is None:
            raise StreamOver("the stream is not begun: with UserStream(…).blocking() as stream")
        return self._run
