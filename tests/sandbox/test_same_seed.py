"""The same seed and the same script lead to the same events, times and epochs aside."""

from __future__ import annotations

import json
from typing import Any

from tests.sandbox.bots import NEW, Bots, bots, limit, market_sell
from tests.server.running import until

TIMES = frozenset({"time_ms", "created_ms", "epoch"})


def timeless(value: Any) -> Any:
    """A line of a truth without what differs from run to run."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES}
    return [timeless(v) for v in value] if isinstance(value, list) else value


async def finished(b: Bots, order: Any, account: str = "alice") -> None:
    """Waits until the house has filled an order."""
    exchange = b.sandbox.exchange
    await until(lambda: exchange.order(account, int(order["orderId"])).status == "FILLED")  # type: ignore[union-attr]


async def script(b: Bots) -> None:
    """Orders of two accounts through all venues, fills by the house, and a few commands."""
    for venue in NEW:
        await b.place(venue, **market_sell("0.01"))
        ask = (await b.admin("GET", "market"))["BTCUSDT"]["ask"]
        await finished(b, await b.place(venue, **limit(venue, "SELL", "0.5", ask)))
    resting = await b.place("binance", account="bob", **limit("binance", "BUY", "0.3", "60000"))
    await b.market("fill", account="bob", order=resting["orderId"], percent="33")
    await b.market("sweep", symbol="BTCUSDT", side="SELL", price="59000")
    await b.market("take", percent="40", symbol="BTCUSDT")
    await b.place("mexc", **market_sell("0.1"))
    kept = await b.place("bhex", **limit("bhex", "BUY", "0.1", "40000"))
    await b.call("bhex", "DELETE", NEW["bhex"], orderId=kept["orderId"])
    await b.market("reject", account="alice")
    await b.refused("spacedex", "POST", NEW["spacedex"], **market_sell())
    await b.admin("POST", "accounts/bob/deposit", {"asset": "ETH", "amount": "3"})


async def truths(seed: int) -> list[Any]:
    """The truths of both accounts after the script."""
    async with bots(seed=seed) as b:
        await script(b)
        texts = [(await b.server.admin.get(f"/_sandbox/truth/{a}")).text for a in ("alice", "bob")]
        assert b.imbalances() == set()
        return [timeless(json.loads(line)) for text in texts for line in text.splitlines()]


async def test_the_same_seed_and_script_lead_to_the_same_events() -> None:
    first, second = await truths(7), await truths(7)
    assert len(first) > 60
    assert first == second


async def test_another_seed_leads_to_other_events() -> None:
    assert await truths(7) != await truths(8)
