"""The one time of all nodes: what their ticks, in the order of the stream, make of it."""

from __future__ import annotations

import msgspec


class Tick(msgspec.Struct, frozen=True):
    """What a node says several times a second, and whenever it must know what others stored."""

    ms: int = 0
    """Its server time; 0 from a node that does not know it, or that could not store."""
    time_ms: int = 0
    """The stream's time as it knew that."""
    v: int = 1


class StreamTime:
    """Runs with the ticks. Every node that reads the same stream sees the same time at each place.

    Where nothing could be stored for longer than ``leap_ms``, time stands still, and for
    ``settle_ms`` more, in which nodes store what they had promised meanwhile. Pure.
    """

    def __init__(self, leap_ms: int, settle_ms: int, lease_ms: int) -> None:
        self._leap_ms = leap_ms
        self._settle_ms = settle_ms
        self._lease_ms = lease_ms
        self._settled_ms: int | None = None
        self._nodes: dict[str, int] = {}
        self.ms = 0

    def hear(self, node: str, tick: Tick) -> None:
        """Takes the next tick of the stream."""
        self.ms = max(self.ms, tick.time_ms)
        self._advance(tick.ms)
        self._nodes[node] = self.ms

    def leave(self, node: str) -> None:
        """A node has stopped."""
        self._nodes.pop(node, None)

    def lives(self, node: str) -> bool:
        """Whether a node was heard within its lease."""
        heard_ms = self._nodes.get(node)
        return heard_ms is not None and self.ms - heard_ms <= self._lease_ms

    def nodes(self) -> list[str]:
        """The nodes that live."""
        return [node for node in self._nodes if self.lives(node)]

    def _advance(self, ms: int) -> None:
        if ms <= self.ms:
            return
        if self.ms and ms - self.ms > self._leap_ms:
            if self._settled_ms is None:
                self._settled_ms = ms + self._settle_ms
            if ms < self._settled_ms:
                return
        self._settled_ms = None
        self.ms = ms
