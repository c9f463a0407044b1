"""C8: an order's events come before its answer, after it, or there is no answer at all."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import httpx
import pytest

from tests.reliability.client.course import Course, course
from tests.reliability.client.runners import Player, playing
from tests.sandbox.bots import limit

HOW: dict[str, dict[str, Any]] = {
    "before": {"answer_delay_ms": 300},
    "after": {"answer_first": True},
    "none": {},
}


async def answer_to(c: Course, client_id: str, how: str) -> str | None:
    """Places an order under an id of ours; the venue's id, where there is an answer."""
    order = limit(c.name, "BUY", "0.01", "50000", newClientOrderId=client_id)
    if how != "none":
        return str((await c.b.place(c.name, **order))["orderId"])
    await c.fault("rest", answer="timeout", method="POST", carried_out=True)
    with pytest.raises(httpx.TimeoutException):
        async with asyncio.timeout(5):
            await c.b.place(c.name, **order)
    return None


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("venue", ["binance", "bhex", "mexc"])
async def test_c8_events_are_found_by_an_id_that_was_known_before_the_order(
    venue: str, how: str
) -> None:
    async with course(venue) as c, playing(c) as player:
        c.b.server.rest.timeout = httpx.Timeout(1.0)
        if HOW[how]:
            await c.b.admin("POST", "desk", HOW[how])
        for number in range(3):
            client_id = f"ours-{number}"
            asked = asyncio.create_task(answer_to(c, client_id, how))
            await player.until(partial(of, player, client_id))
            assert not asked.done() or how != "before"
            c.order("bob", "SELL", "0.01", "50000")
            await player.until(partial(filled, player, client_id))
            order_id = await asked
            known = {o.order_id for o in player.orders if o.client_order_id == client_id}
            assert len(known) == 1
            assert order_id is None or known == {order_id}
        verdict = await c.verdict(player)
        assert not verdict.kinds, verdict


@pytest.mark.parametrize("how", ["before", "after"])
async def test_c8_where_events_have_no_such_id_they_wait_for_the_answer_in_what_was_told(
    how: str,
) -> None:
    async with course("spacedex") as c, playing(c) as player:
        await c.b.admin("POST", "desk", HOW[how])
        order = limit(c.name, "BUY", "0.01", "50000")
        asked = asyncio.create_task(c.b.place(c.name, **order))
        await player.until(lambda: player.orders)
        assert not asked.done() or how != "before"
        c.order("bob", "SELL", "0.01", "50000")
        order_id = str((await asked)["orderId"])
        await player.until(lambda: order_id in player.filled())
        assert {o.order_id for o in player.orders} == {order_id}
        verdict = await c.verdict(player)
        assert not verdict.kinds, verdict


def filled(player: Player, client_id: str) -> bool:
    return "FILLED" in of(player, client_id)


def of(player: Player, client_id: str) -> list[str]:
    """How an order of ours stood, in order."""
    return [o.status for o in player.orders if o.client_order_id == client_id and o.status]
