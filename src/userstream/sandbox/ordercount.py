"""How many orders an account placed lately, as the venues' limits count them."""

from __future__ import annotations

from collections.abc import Sequence

from userstream.trading import OrderLimit


class OrderCount:
    """Counts new orders per account in windows of fixed length."""

    def __init__(self, limits: Sequence[OrderLimit]) -> None:
        self._limits = tuple(limits)
        self._counts: dict[str, dict[int, tuple[int, int]]] = {}

    def exceeded(self, account: str, now_ms: int) -> OrderLimit | None:
        """The limit that one more order would break, if any."""
        for place, limit in enumerate(self._limits):
            if self._count(account, place, now_ms) >= limit.orders:
                return limit
        return None

    def add(self, account: str, now_ms: int) -> tuple[tuple[str, str], ...]:
        """Counts an order, and gives the headers that say how many there were."""
        counts = self._counts.setdefault(account, {})
        headers = []
        for place, limit in enumerate(self._limits):
            count = self._count(account, place, now_ms) + 1
            counts[place] = (now_ms // limit.window_ms, count)
            if limit.header:
                headers.append((limit.header, str(count)))
        return tuple(headers)

    def _count(self, account: str, place: int, now_ms: int) -> int:
        window, count = self._counts.get(account, {}).get(place, (-1, 0))
        return count if window == now_ms // self._limits[place].window_ms else 0
