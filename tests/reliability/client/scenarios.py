"""What is done to a bot, whoever it is: the same for ``UserStream`` and for naive bots."""

from __future__ import annotations

import asyncio

from tests.reliability.client.course import Bot, Course
from tests.server.running import until


async def dropped(course: Course, _: Bot) -> None:
    """Frames of orders are lost."""
    await course.fault("drop", event="order_update", after=5, count=3)
    await course.trade(30, 0.002)


async def duplicated(course: Course, _: Bot) -> None:
    """One frame in five comes twice."""
    await course.fault("duplicate", probability=0.2)
    await course.trade(30, 0.002)


async def twins(course: Course, _: Bot) -> None:
    """Equal fills of an order, many in one millisecond."""
    for _ in range(20):
        course.fills(3)
        await course.published()


async def reordered(course: Course, _: Bot) -> None:
    """Two frames change places: the last balances come before those that they replace."""
    await course.trade(10)
    for _ in range(3):
        course.order("bob", "SELL", "0.01", "50000")
    await course.published()
    await course.fault("reorder", event="account_update", after=5, count=1)
    course.order("alice", "BUY", "0.03", "50000")
    await course.published()


async def delayed(course: Course, _: Bot) -> None:
    """Frames come half a second late."""
    await course.fault("delay", delay_ms=500, probability=1.0, for_ms=2_000)
    await course.trade(20, 0.02)


async def half_open(course: Course, _: Bot) -> None:
    """The stream stays open, and dead."""
    await course.trade(5)
    await course.fault("half-open")
    await course.trade(10)


async def pulled(course: Course, _: Bot) -> None:
    """The network takes what is sent, and brings nothing, both ways."""
    await course.trade(5)
    course.stream.stall()
    await course.trade(10)


async def reset(course: Course, _: Bot) -> None:
    """TCP resets, while there is trade."""
    for _ in range(3):
        await course.fault("reset")
        await course.trade(10, 0.002)
        await _connected(course)


async def closed(course: Course, _: Bot) -> None:
    """Closed as for a restart; the way to the venue has a delay, and there is trade."""
    course.stream.up.delay_s = course.stream.down.delay_s = 0.05
    for _ in range(3):
        await course.fault("close", code=1001, reason="server shutdown")
        await course.trade(30, 0.01)
        await _connected(course)


async def cut(course: Course, _: Bot) -> None:
    """The connection ends without a word, in the middle of trade."""
    for _ in range(3):
        course.stream.cut()
        await course.trade(10, 0.002)
        await _connected(course)


async def key_deleted(course: Course, _: Bot) -> None:
    """Another program deletes the listen key."""
    await course.fault("delete-key", account="alice")
    await course.trade(10, 0.01)


async def key_expired(course: Course, _: Bot) -> None:
    """The listen key expires."""
    await course.fault("expire-key", account="alice")
    await course.trade(10, 0.01)


async def key_silent(course: Course, _: Bot) -> None:
    """The listen key dies and nothing says so: the socket is open, pongs come."""
    await course.fault("silent-key", account="alice")
    await course.fault("delete-key", account="alice")
    await course.trade(10, 0.01)


async def _connected(course: Course) -> None:
    await until(lambda: course.streams >= 1)
