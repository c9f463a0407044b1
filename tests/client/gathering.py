"""What a program saw of its stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from tests.server.running import until
from userstream import OrderEvent, State, StateChange, UserStream
from userstream.core.client.identity import fill_of
from userstream.venues import load

E = TypeVar("E")


class Gathered:
    """All events so far."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    @property
    def orders(self) -> list[OrderEvent]:
        return self.of(OrderEvent)

    @property
    def states(self) -> list[State]:
        return [change.after for change in self.of(StateChange)]

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def fills(self, venue: str) -> list[OrderEvent]:
        """Events that are fills; MEXC tells each in its order too, without a trade id."""
        key = load(venue).stream.fill_key
        return [
            o
            for o in self.orders
            if (fill_of(o.update, key) if venue == "mexc" else o.last_quantity)
        ]

    def filled(self) -> set[str]:
        return {o.order_id for o in self.orders if o.status == "FILLED"}

    async def until(self, condition: Callable[[], object], within_s: float = 10) -> None:
        try:
            await until(condition, within_s)
        except AssertionError:
            raise AssertionError(f"only these came: {self.events}") from None


@contextlib.asynccontextmanager
async def gathered(stream: UserStream) -> AsyncIterator[Gathered]:
    """Takes every event of a stream, beside the test."""
    seen = Gathered()

    async def gather() -> None:
        async for event in stream:
            seen.events.append(event)

    task = asyncio.create_task(gather())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
