"""One account that is followed here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from userstream.core.publishing import Appended
from userstream.errors import StoreError

Then: TypeAlias = Callable[[StoreError | None], None]
"""Is told that an account is followed, or why it is not."""


class Followed:
    """How far an account's events have come, and who waits for the beginning."""

    __slots__ = (
        "account",
        "checked_s",
        "count",
        "head",
        "held",
        "oldest",
        "place",
        "ready",
        "seen",
        "shard",
        "sid",
        "task",
        "waiting",
    )

    def __init__(self, account: str, shard: int, then: Then) -> None:
        self.account = account
        self.shard = shard
        self.count = 1
        self.sid = 0
        self.ready = False
        self.seen = 0
        """The last ``seq`` that came, without a hole before it that could be filled."""
        self.head = 0
        """The last that was handed to subscribers, or was lost to them."""
        self.place = 0
        """Of the last that came, in its stream."""
        self.oldest = 0
        """The first that is retained, when somebody asked; 0: nobody did."""
        self.checked_s = 0.0
        self.held: list[tuple[Appended, int]] | None = []
        """What came while the beginning or a hole is read; ``None``: neither is."""
        self.waiting = [then]
        """Who waits for the beginning."""
        self.task: asyncio.Task[None] | None = None
