"""Standing: what both forms of a stream, async and blocking, are between begin and end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from userstream.client.options import Options
from userstream.client.run import Run
from userstream.core.client.health import Health
from userstream.core.client.told import Holding, State
from userstream.errors import NotLive, StreamOver
from userstream.events import OrderUpdate
from userstream.venue import Venue


class Standing:
    """A stream that can be begun once; before that it is empty and ``connecting``."""

    _BEGUN_BY: ClassVar[str]
    """The line of a program that begins it."""

    def __init__(self, venue: Venue, options: Options) -> None:
        self._venue = venue
        self._options = options
        self._run: Run | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._venue.name} {self.state}>"

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
        """Open orders by id, as the events that were taken left them. A view; do not keep it."""
        return {} if self._run is None else self._run.orders

    @property
    def account(self) -> Mapping[str, Holding]:
        """Holdings by asset, likewise: what the venue told since the begin."""
        return {} if self._run is None else self._run.account

    def reconciled(self) -> None:
        """The program itself made sure of what was missed: a ``blind`` stream goes on.

        Raises:
            StreamOver: the stream was not begun.
        """
        self._begun().reconciled()

    def _begin(self) -> None:
        if self._run is not None:
            raise StreamOver("a stream can be begun once")
        self._run = Run(self._venue, self._options)
        self._run.start()

    def _begun(self) -> Run:
        if self._run is None:
            raise StreamOver(f"the stream is not begun: {self._BEGUN_BY}")
        return self._run

    def _not_live(self, timeout_s: float | None) -> NotLive:
        why = f"{self.state} after {timeout_s} s: {self._begun().mailbox.why}"
        return NotLive(f"{self._venue.name} is {why}")
