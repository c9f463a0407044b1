"""Fills: the one memory of fills, for what streams show and for what was told."""

from __future__ import annotations

from collections import OrderedDict

from userstream.core.client.identity import Fill

_NEW = -(1 << 62)
"""What stands for a fill that is not known: no time."""


class Fills:
    """The last ``most`` fills, the longest unseen forgotten first.

    Streams show a fill once at most, whoever shows it. REST may tell one before any of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Fill, int | None] = OrderedDict()
        """When it took place; ``None``: shown, not told yet; below 0 (``~time``): not shown yet."""
        self.forgot_ms = 0
        """Of what took place up to then a fill may have been told, and is not remembered."""

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, fill: Fill) -> bool:
        """Whether it was told."""
        return self._known.get(fill) is not None

    def first(self, fill: Fill) -> bool:
        """A stream shows a fill: whether none did before."""
        known = self._known
        at_ms = known.get(fill, _NEW)
        if at_ms is not _NEW:
            known.move_to_end(fill)
            if at_ms is None or at_ms >= 0:
                return False
            known[fill] = ~at_ms
            return True
        known[fill] = None
        if len(known) > self._most:
            self._forget()
        return True

    def tell(self, fill: Fill, time_ms: int, *, shown: bool) -> bool:
        """A fill is told, which a stream showed or REST alone: whether it was not told before."""
        known = self._known
        before_ms = known.get(fill, _NEW)
        if before_ms is None:
            known[fill] = time_ms
            return True
        if before_ms is not _NEW:
            return False
        known[fill] = time_ms if shown else ~time_ms
        if len(known) > self._most:
            self._forget()
        return True

    def _forget(self) -> None:
        _, at_ms = self._known.popitem(last=False)
        if at_ms is not None:
            self.forgot_ms = max(self.forgot_ms, at_ms if at_ms >= 0 else ~at_ms)
