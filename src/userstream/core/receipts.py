"""Receipts: what a stock client provably read, by pongs that echo what a ping carried.

Doc: design §4; RFC 6455 §5.5.3: a pong has the payload of the ping that it answers.
"""

from __future__ import annotations

_PREFIX = b"us:"
_DIGITS = 19


class Receipt:
    """How far one stream is proven to have been read."""

    __slots__ = ("_pinged", "proven")

    def __init__(self, proven: int) -> None:
        self.proven = self._pinged = proven

    def ping(self, seq: int) -> bytes:
        """The payload of a ping behind all frames up to that event."""
        self._pinged = max(self._pinged, seq)
        return b"%b%d" % (_PREFIX, seq)

    def pong(self, payload: bytes) -> None:
        """A pong came; one that echoes none of the pings proves nothing."""
        digits = payload.removeprefix(_PREFIX)
        if digits == payload or not digits.isdigit() or len(digits) > _DIGITS:
            return
        if self.proven < int(digits) <= self._pinged:
            self.proven = int(digits)


class Receipts:
    """Of each listen key, where its streams that ended were proven to be.

    Which of several bots on one key comes back is not known. So each that comes goes on where the
    one that read least was, until as many have come as had ended.
    """

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], tuple[int, int]] = {}
        """Where the one that read least was, and how many ended."""

    def __len__(self) -> int:
        return len(self._left)

    def begin(self, key: tuple[str, str], head: int) -> Receipt:
        """A stream on a key: it goes on behind what is proven, or begins at the head."""
        proven, ended = self._left.pop(key, (head, 1))
        if ended > 1:
            self._left[key] = proven, ended - 1
        return Receipt(min(proven, head))

    def end(self, key: tuple[str, str], receipt: Receipt) -> None:
        """A stream on a key is over. What is published from now on is not proven either."""
        proven, ended = self._left.get(key, (receipt.proven, 0))
        self._left[key] = min(proven, receipt.proven), ended + 1

    def forget(self, key: tuple[str, str]) -> None:
        """A key died: nobody comes back on it."""
        self._left.pop(key, None)
