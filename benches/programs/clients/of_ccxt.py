"""Client: ccxt pro, its watch_orders and watch_my_trades at MEXC."""

import asyncio

import ccxt.pro
from tally import REST, STREAM, TIMED, Tally

exchange = ccxt.pro.mexc({"apiKey": "k", "secret": "s"})
exchange.urls["api"]["spot"] = {"public": REST, "private": REST}
exchange.urls["api"]["ws"]["spot"] = f"{STREAM}/ws"
exchange.set_markets([
    {
        "id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "BTC",
        "quoteId": "USDT", "spot": True, "type": "spot", "active": True, "contract": False,
        "precision": {"amount": 0.00001, "price": 0.01}, "limits": {},
    }
])  # fmt: skip


async def main() -> None:
    """Until the tally is through."""
    tally = Tally()

    async def each(watch) -> None:
        while True:
            for one in await watch():
                if not TIMED:
                    tally.given()
                elif one.get("clientOrderId"):
                    tally.timed(int(one["clientOrderId"]))

    await asyncio.gather(each(exchange.watch_orders), each(exchange.watch_my_trades))


asyncio.run(main())
