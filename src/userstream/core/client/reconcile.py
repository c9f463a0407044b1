"""Reconcile: when a healthy stream is compared with REST, and since when."""

from __future__ import annotations

from collections.abc import Callable

from userstream.core.client.bounds import Bounds


class Reconcile:
    """The times of one stream's checks, of a clock that never steps.

    A venue's frames have no numbers: one that got lost on a healthy socket is found by asking.
    A check is due every ``every_ms``, less up to a quarter by chance, so that many programs do not
    ask at once; sooner where something told shows that a fill is missing, or where so much is told
    that it would be forgotten before the next one. ``every_ms`` ``None``: never. With ``never``
    a doubt is due all the same: it can only be told.
    """

    def __init__(
        self,
        every_ms: int | None,
        bounds: Bounds,
        unit: Callable[[], float],
        *,
        never: bool = False,
    ) -> None:
        self.never = never
        self._every_ms = every_ms
        self._bounds = bounds
        self._unit = unit
        self._due_ms: int | None = None
        self._doubted_ms: int | None = None
        self._checked_ms: int | None = None
        self._told = 0
        self.since_ms = 0
        """Up to when all that was told was compared."""

    def begin(self, now_ms: int) -> None:
        """For the first time everything that takes place is told from now on."""
        if self._every_ms is not None and self._due_ms is None:
            self.since_ms = now_ms
            self._later(now_ms)

    def told(self, doubtful: bool, now_ms: int) -> None:
        """An order event was told; ``doubtful``: some fill seems to be missing."""
        self._told += 1
        if not doubtful:
            self._doubted_ms = None
        elif self._doubted_ms is None:
            self._doubted_ms = now_ms

    def deadline(self) -> int | None:
        """When a check is due, or that a doubt is told; ``None``: neither."""
        due_ms, sooner_ms = self._due_ms, self._doubted_ms
        if due_ms is None:
            if sooner_ms is None or not self.never:
                return None
            return sooner_ms + self._bounds.settle_ms
        if sooner_ms is not None:
            sooner_ms += self._bounds.settle_ms
        elif self._told > self._bounds.copies // 2:
            sooner_ms = self.since_ms
        if sooner_ms is None:
            return due_ms
        if self._checked_ms is not None:
            sooner_ms = max(sooner_ms, self._checked_ms + self._bounds.doubt_ms)
        return min(due_ms, sooner_ms)

    def settle(self) -> None:
        """What was doubtful is told."""
        self._doubted_ms = None

    def start(self, now_ms: int) -> None:
        """A check begins."""
        self._checked_ms = now_ms
        self._doubted_ms = None
        self._told = 0
        self._later(now_ms)

    def failed(self, now_ms: int, retry_after_ms: int | None) -> None:
        """The venue did not answer all: again soon."""
        self._due_ms = now_ms + max(self._bounds.doubt_ms, retry_after_ms or 0)

    def passed(self, asked_ms: int) -> None:
        """Nothing is missing of what took place before a check, or a repair, began."""
        self.since_ms = max(self.since_ms, asked_ms)

    def _later(self, now_ms: int) -> None:
        assert self._every_ms is not None  # noqa: S101 - else nothing is ever due
        self._due_ms = now_ms + round(self._every_ms * (1 - self._unit() / 4))
