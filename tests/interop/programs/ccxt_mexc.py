"""ccxt.pro for MEXC: watch_orders, watch_my_trades and watch_balance, decoded from protobuf."""

import asyncio
import os
from importlib.metadata import version

import ccxt.pro
from lines import hear, tell


async def each(watch, kind, shown):
    while True:
        what = await watch()
        for one in what if isinstance(what, list) else [what]:
            tell(kind, **{name: one.get(name) for name in shown})


async def main():
    # docs: begin
    exchange = ccxt.pro.mexc(
        {
            "apiKey": os.environ["API_KEY"],
            "secret": os.environ["API_SECRET"],
            "options": {"listenKeyRefreshRate": 2_000},  # its keepalive timer, in milliseconds
        }
    )
    exchange.urls["api"]["spot"]["public"] = os.environ["REST_URL"]
    exchange.urls["api"]["spot"]["private"] = os.environ["REST_URL"]
    exchange.urls["api"]["ws"]["spot"] = os.environ["STREAM_URL"] + "/ws"
    # load_markets() would ask for coins, networks and futures too, whatever its options say.
    exchange.set_markets(await exchange.fetch_spot_markets())
    # docs: end
    tell("client", version=version("ccxt"), markets=sorted(exchange.markets))
    order = ("id", "clientOrderId", "symbol", "side", "type", "status", "price", "amount",
             "filled", "remaining", "average", "cost")  # fmt: skip
    trade = ("id", "order", "symbol", "side", "price", "amount", "takerOrMaker", "fee")
    watches = [
        asyncio.create_task(each(exchange.watch_orders, "order", order)),
        asyncio.create_task(each(exchange.watch_my_trades, "trade", trade)),
        asyncio.create_task(each(exchange.watch_balance, "balance", ("free", "used", "total"))),
    ]
    await asyncio.to_thread(hear)
    for watch in watches:
        watch.cancel()
    keys = await exchange.spotPrivateGetUserDataStream()
    key = exchange.options["listenKey"]
    tell("keys", own=key in keys["listenKey"], count=len(keys["listenKey"]))
    gone = await exchange.spotPrivateDeleteUserDataStream({"listenKey": key})
    await exchange.close()
    tell("closed", same=gone["listenKey"] == key)


asyncio.run(main())
