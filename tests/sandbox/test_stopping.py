"""A sandbox that is stopped in the middle of orders."""

from __future__ import annotations

import asyncio
import time

import httpx

from tests.sandbox.bots import NEW, bots, market_sell
from tests.server.running import until
from userstream.venue import Refusal


async def test_what_was_carried_out_is_published_and_every_call_is_answered() -> None:
    names = [f"trader{n}" for n in range(6)]
    traders = tuple(f"{name}:{name}key:{name}secret" for name in names)
    async with bots(accounts=traders) as one:
        calls = [
            asyncio.create_task(
                one.send("bhex", "POST", NEW["bhex"], account=name, **market_sell())
            )
            for name in names
            for _ in range(10)
        ]
        exchange, truth = one.sandbox.exchange, one.sandbox.service.truth
        await until(lambda: exchange.trades(names[-1]), 5)
        filled = len(exchange.trades(names[-1]))
        began = time.monotonic()
        await one.sandbox.__aexit__()
        assert time.monotonic() - began < 5
        told = await asyncio.gather(*calls, return_exceptions=True)
        answers = [answer for answer in told if isinstance(answer, httpx.Response)]
        assert len(answers) > len(names)
        sorry = one.sandbox.venues["bhex"].errors[Refusal.UNAVAILABLE]
        assert {a.json().get("code") for a in answers} <= {None, sorry.code}
        lines = truth.lines(names[-1], one.sandbox.service.bus.epoch)
        assert sum(b'"execution":"TRADE"' in line for line in lines) >= filled
