"""BlockingUserStream: a stream for programs that are not async."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from userstream.client.run import CLOSE_S
from userstream.client.standing import Standing
from userstream.core.client.told import Told


class BlockingUserStream(Standing):
    """``UserStream`` with ``with`` and ``for``; made by ``UserStream(…).blocking()``.

    One thread may use it at a time. A ``KeyboardInterrupt`` ends any wait.
    """

    _BEGUN_BY = "with UserStream(…).blocking() as stream"

    def live(self, timeout_s: float | None = None) -> None:
        """Waits until the state is ``live`` or ``degraded``; errors as of ``UserStream.live``."""
        run = self._begun()
        if not run.mailbox.block_until(run.is_live, timeout_s):
            raise self._not_live(timeout_s)
        run.check_live()

    def next(self, timeout_s: float | None = None) -> Told | None:
        """The next event; ``None`` at the end, or where none came within ``timeout_s`` seconds.

        Errors as of ``UserStream``'s iteration.
        """
        run = self._begun()
        while True:
            event = run.take()
            if event is not None:
                return event
            if run.finished():
                return None
            there = run.mailbox.block_until(
                lambda: bool(len(run.mailbox)) or run.mailbox.ended, timeout_s
            )
            if not there:
                return None

    def ack(self, event: Told) -> None:
        """What ``await event.ack()`` is for async programs."""
        receipt = getattr(event, "receipt", None)
        if receipt is not None:
            receipt()

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        run = self._begun()
        try:
            run.stop(handled=kind is None)
        finally:
            run.mailbox.block_until(run.done.done, CLOSE_S)
            run.close()

    def __iter__(self) -> Iterator[Told]:
        return self

    def __next__(self) -> Told:
        event = self.next()
        if event is None:
            raise StopIteration
        return event
