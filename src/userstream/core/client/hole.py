"""Hole: since when events may be missing, and what is being done about it."""

from __future__ import annotations

from collections.abc import Callable

from userstream.core.client import inputs
from userstream.core.client.actions import AbandonRepair, Action, StartRepair, Tell
from userstream.core.client.bounds import Bounds, back_off
from userstream.core.client.clock import VenueClock
from userstream.core.client.told import Gap


class Hole:
    """One hole at a time: what is missed while another is open makes it wider.

    ``why`` is the last reason. ``repairs``: whether it can be repaired over REST.
    """

    def __init__(
        self, bounds: Bounds, unit: Callable[[], float], clock: VenueClock, *, repairs: bool
    ) -> None:
        self._bounds = bounds
        self._unit = unit
        self._clock = clock
        self._repairs = repairs
        self._proved_ms: int | None = None
        self._from_ms: int | None = None
        self._told = False
        self._retry_ms = 0
        self._failures = 0
        self._replayable = False
        self.is_open = False
        self.why = ""
        self.repairing = False
        self.replaying = False

    @property
    def mending(self) -> bool:
        """Whether what is missing is on its way."""
        return self.repairing or self.replaying

    @property
    def since_ms(self) -> int | None:
        """Since when, in the venue's time, as far as its clock is known by now.

        A clock that jumped is measured anew, so this is for the moment of asking and not to keep.
        """
        return self._from_ms if self._proved_ms is None else self._clock.at(self._proved_ms)

    def begin(self, from_ms: int | None, *, replayable: bool) -> None:
        """An earlier run had everything up to then, in the venue's time; ``None``: none had."""
        self.open(None, "start", replayable=replayable)
        self._from_ms = from_ms

    def open(self, proved_ms: int | None, why: str, *, replayable: bool = False) -> None:
        """Events may be missing since that moment of ours; ``None``: nothing was proved.

        ``replayable``: a cursor of our own server stands before them.
        """
        self.is_open = True
        self._replayable = replayable
        self._told = False
        self._retry_ms = 0
        self._from_ms = None
        self._proved_ms, self.why = proved_ms, why

    def close(self) -> None:
        """Nothing is missing, or the program knows what."""
        self.is_open = self.repairing = self.replaying = False
        self._failures = 0

    def widen(self) -> list[Action]:
        """No socket brings events: whatever was under way proves nothing any more."""
        repairing, self.repairing, self.replaying = self.repairing, False, False
        return [AbandonRepair()] if repairing else []

    def replay(self, *, whole: bool) -> None:
        """Our own server goes on from the cursor; ``whole``: there was nothing to replay.

        A cursor from within the hole brings nothing of what lies before it.
        """
        if not self._replayable:
            return
        if whole:
            self.close()
        else:
            self.replaying = self.is_open

    def refuse(self, why: str, proved_ms: int | None) -> None:
        """Our own server cannot go on from the cursor: something is missing for certain."""
        self.replaying = self._replayable = False
        if not self.is_open:
            self.open(proved_ms, why)
        self.why = why

    def mended(self, given: inputs.Input, now_ms: int) -> list[Action]:
        """What became of a repair or a replay; word of one that is not under way counts not."""
        match given:
            case inputs.Unrepaired(why, retry_after_ms) if self.repairing:
                self.repairing = False
                self._failures += 1
                self.why = why
                wait_ms = back_off(self._bounds, self._failures, self._unit(), retry_after_ms)
                self._retry_ms = now_ms + wait_ms
            case inputs.Repaired() if self.repairing:
                self.close()
            case inputs.CaughtUp() if self.replaying:
                self.close()
            case inputs.Reconciled():
                actions = self.widen()
                self.close()
                return actions
        return []

    def mend(self, now_ms: int) -> list[Action]:
        """Events come again: fetches what is missing, or tells that nobody can for now."""
        if not self.is_open or self.mending or not self._clock.settled:
            return []
        if self._repairs and now_ms >= self._retry_ms:
            self.repairing = True
            return [StartRepair(self.since_ms)]
        if self._told:
            return []
        self._told = True
        return [Tell(Gap(why=self.why, from_ms=self.since_ms))]
