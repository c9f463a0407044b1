"""A job: lines of one publishing request that are appended together."""

from __future__ import annotations

from collections.abc import Sequence

from userstream.core.publishing import account_of
from userstream.core.submission import Submission
from userstream.errors import StoreError
from userstream.plain import read
from userstream.server.bus import Ticket


class Job:
    """Lines of one request that are appended together."""

    __slots__ = (
        "accounts", "error", "left", "lines", "numbers", "plain", "size", "stays", "submission",
        "ticket",
    )  # fmt: skip

    def __init__(
        self,
        submission: Submission,
        numbers: Sequence[int],
        lines: Sequence[bytes],
        *,
        stays: bool,
    ) -> None:
        self.submission = submission
        self.numbers = numbers
        self.lines = lines
        self.plain = list(map(read, lines))
        self.accounts = [
            account_of(line) if plain is None else plain.account
            for line, plain in zip(lines, self.plain, strict=True)
        ]
        self.ticket = Ticket(numbers[0] if numbers else 0, [])
        self.left = len(lines)
        self.size = sum(map(len, lines))
        self.stays = stays
        """Whether another process handed it over, so that it is not handed on."""
        self.error: StoreError | None = None
        """Why nothing of it is handed over; ``None``: it may be."""
