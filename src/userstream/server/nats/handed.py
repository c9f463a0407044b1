"""Lines that are handed over to another process."""

from __future__ import annotations

from collections.abc import Callable

from userstream.core.publishing import Refused
from userstream.core.submission import Submission
from userstream.server.bus import Outcome


class Handed:
    """A line that is handed over, and who is told what became of it."""

    __slots__ = ("account", "done", "line", "submission", "text")

    def __init__(
        self,
        submission: Submission,
        line: int,
        account: str,
        text: bytes,
        done: Callable[[Outcome], None],
    ) -> None:
        self.submission = submission
        self.line = line
        self.account = account
        self.text = text
        self.done = done

    def refuse(self, why: str) -> None:
        """It is not known to be stored."""
        self.done(Refused("unavailable", f"not known to be stored: {why}", self.account))
