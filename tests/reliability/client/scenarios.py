"""What is done to a bot, whoever it is: the same for ``UserStream`` and for naive bots."""

from __future__ import annotations

import asyncio
from functools import partial

from tests.reliability.client.course import Bot, Course
from tests.sandbox.bots import limit
from tests.server.running import until


async def dropped(course: Course, bot: Bot) -> None:
    """Frames of orders are lost."""
    await course.fault("drop", event="order_update", after=5, count=3)
    await course.trade(30, 0.002)


async def duplicated(course: Course, bot: Bot) -> None:
    """One frame in five comes twice."""
    await course.fault("duplicate", probability=0.2)
    await course.trade(30, 0.002)


async def twins(course: Course, bot: Bot) -> None:
    """Equal fills of an order, many in one millisecond."""
    for _ in range(20):
        course.fills(3)
        await course.published()


async def reordered(course: Course, bot: Bot) -> None:
    """Two frames change places: the last balances come before those that they replace."""
    await course.trade(10)
    for _ in range(3):
        course.order("bob", "SELL", "0.01", "50000")
    await course.published()
    await course.fault("reorder", event="account_update", after=5, count=1)
    course.order("alice", "BUY", "0.03", "50000")
    await course.published()


async def delayed(course: Course, bot: Bot) -> None:
    """Frames come half a second late."""
    await course.fault("delay", delay_ms=500, probability=1.0, for_ms=2_000)
    await course.trade(20, 0.02)


async def half_open(course: Course, bot: Bot) -> None:
    """The stream stays open, and dead."""
    await course.trade(5)
    await course.fault("half-open")
    await course.trade(10)


async def pulled(course: Course, bot: Bot) -> None:
    """The network takes what is sent, and brings nothing, both ways."""
    await course.trade(5)
    course.stream.stall()
    await course.trade(10)


async def reset(course: Course, bot: Bot) -> None:
    """TCP resets, while there is trade."""
    for _ in range(3):
        await course.fault("reset")
        await course.trade(10, 0.002)
        await _connected(course)


async def closed(course: Course, bot: Bot) -> None:
    """Closed as for a restart; the way to the venue has a delay, and there is trade."""
    course.stream.up.delay_s = course.stream.down.delay_s = 0.05
    for _ in range(3):
        await course.fault("close", code=1001, reason="server shutdown")
        await course.trade(30, 0.01)
        await _connected(course)


async def cut(course: Course, bot: Bot) -> None:
    """The connection ends without a word, in the middle of trade."""
    for _ in range(3):
        course.stream.cut()
        await course.trade(10, 0.002)
        await _connected(course)


async def key_deleted(course: Course, bot: Bot) -> None:
    """Another program deletes the listen key."""
    await course.fault("delete-key", account="alice")
    await course.trade(10, 0.01)


async def key_expired(course: Course, bot: Bot) -> None:
    """The listen key expires."""
    await course.fault("expire-key", account="alice")
    await course.trade(10, 0.01)


async def key_silent(course: Course, bot: Bot) -> None:
    """The listen key dies and nothing says so: the socket is open, pongs come."""
    await course.fault("silent-key", account="alice")
    await course.fault("delete-key", account="alice")
    await course.trade(10, 0.01)


async def renewals_fail(course: Course, bot: Bot) -> None:
    """The first renewal fails, and an hour passes."""
    clock = course.b.sandbox.clock
    began_ms = clock.ms()
    await course.fault("rest", answer="500", method="PUT", count=1)
    await until(lambda: clock.ms() > began_ms + 75 * 60_000)
    clock.change(speed=1.0)
    await course.trade(10)


async def clock_steps(course: Course, bot: Bot) -> None:
    """The venue's clock steps by a minute and a half, and later by ten minutes, six times."""
    for step_ms in (90_000, *[600_000] * 6):
        course.b.sandbox.clock.change(advance_ms=step_ms)
        await course.trade(1)
        await asyncio.sleep(0.5)  # time for renewals, however many there are


async def flood(course: Course, bot: Bot) -> None:
    """Events come faster than the program takes them."""
    await course.trade(200)


async def rollovers(course: Course, bot: Bot) -> None:
    """Days of trade, over a network with some delay."""
    course.stream.up.delay_s = course.stream.down.delay_s = 0.02
    await course.trade(200, 0.005)


async def handler_raises(course: Course, bot: Bot) -> None:
    """The program's handler raises, once."""
    bot.book.raises_in = 10
    await course.trade(20, 0.002)


async def new_kinds(course: Course, bot: Bot) -> None:
    """The venue sends a kind of event that its document of 2017 does not have."""
    await course.trade(10)


async def early(course: Course, bot: Bot) -> None:
    """Orders are filled before the answer to them comes."""
    await course.b.admin("POST", "desk", {"answer_delay_ms": 200})
    for _ in range(3):
        seq = course.seq
        order = limit(course.name, "BUY", "0.01", "50000")
        asked = asyncio.create_task(course.b.place(course.name, **order))
        await until(partial(_published, course, seq))
        course.order("bob", "SELL", "0.01", "50000")
        await course.published()
        bot.answers.append(str((await asked)["orderId"]))


def _published(course: Course, seq: int) -> bool:
    return course.seq > seq


async def _connected(course: Course) -> None:
    await until(lambda: course.streams >= 1)
