"""ccxt.pro for MEXC: its order calls and lists, and on request its streams.

Those are watch_orders, watch_my_trades and watch_balance, decoded from protobuf.
"""

import asyncio
import base64
import os
from importlib.metadata import version

import ccxt.pro
from lines import PRICE, QUANTITY, TAKEN, TOO_MUCH, obey_async, tell

PAIR = "BTC/USDT"
ORDER = ("id", "clientOrderId", "symbol", "side", "type", "status", "price", "amount", "filled",
         "remaining", "average", "cost")  # fmt: skip
TRADE = ("id", "order", "symbol", "side", "price", "amount", "cost", "takerOrMaker", "fee")
BALANCE = ("free", "used", "total")


def ask_for(exchange, wishes):
    """Puts more parameters behind the listen key in the URL of its stream."""
    authenticate = exchange.authenticate

    async def authenticated(*arguments):
        return await authenticate(*arguments) + wishes

    exchange.authenticate = authenticated


def overhear(exchange):
    """Tells the frames that it reads, too."""
    read = exchange.handle_message

    def handle_message(client, message):
        if isinstance(message, bytes) and b"us.heartbeat" in message:
            tell("beat", decoded=exchange.decode_proto_msg(message))
        elif isinstance(message, bytes):
            tell("event", event={"frame": base64.b64encode(message).decode()})
        read(client, message)

    exchange.handle_message = handle_message


def shown(what, names):
    return {name: what.get(name) for name in names}


async def each(watch, kind, names):
    while True:
        what = await watch()
        for one in what if isinstance(what, list) else [what]:
            tell(kind, **shown(one, names))


class Trader:
    """What the test asks for, by the client's own calls."""

    def __init__(self, exchange):
        self._exchange = exchange
        self._order = ""
        self._watches = []

    async def watch(self):
        exchange = self._exchange
        self._watches = [
            asyncio.create_task(each(exchange.watch_orders, "order", ORDER)),
            asyncio.create_task(each(exchange.watch_my_trades, "trade", TRADE)),
            asyncio.create_task(each(exchange.watch_balance, "balance", BALANCE)),
        ]
        return {}

    async def limit(self):
        order = await self._exchange.create_limit_buy_order(PAIR, float(QUANTITY), float(PRICE))
        self._order = order["id"]
        return {"id": order["id"], "answer": shown(order, ORDER)}

    async def cancel(self):
        gone = await self._exchange.cancel_order(self._order, PAIR)
        return {"answer": shown(gone, ORDER)}

    async def market(self):
        bought = await self._exchange.create_order(PAIR, "market", "buy", float(TAKEN))
        return {"answer": shown(bought, ORDER)}

    async def bad(self):
        try:
            await self._exchange.create_limit_buy_order(PAIR, float(TOO_MUCH), float(PRICE))
        except ccxt.ExchangeError as e:
            return {"error": type(e).__name__, "text": str(e)}
        return {}

    async def look(self):
        exchange = self._exchange
        order = await exchange.fetch_order(self._order, PAIR)
        return {
            "balance": shown(await exchange.fetch_balance(), BALANCE),
            "order": shown(order, ORDER),
            "open": await exchange.fetch_open_orders(PAIR),
            "all": [shown(o, ORDER) for o in await exchange.fetch_orders(PAIR)],
            "trades": [shown(t, TRADE) for t in await exchange.fetch_my_trades(PAIR)],
            "own": [shown(t, TRADE) for t in await exchange.fetch_order_trades(self._order, PAIR)],
        }

    async def stop(self):
        for watch in self._watches:
            watch.cancel()
        keys = await self._exchange.spotPrivateGetUserDataStream()
        key = self._exchange.options["listenKey"]
        gone = await self._exchange.spotPrivateDeleteUserDataStream({"listenKey": key})
        listed = keys["listenKey"]
        return {"own": key in listed, "count": len(listed), "same": gone["listenKey"] == key}


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
    exchange.urls["api"]["contract"]["public"] = os.environ["REST_URL"] + "/api/v1/contract"
    exchange.urls["api"]["ws"]["spot"] = os.environ["STREAM_URL"] + "/ws"
    await exchange.load_markets()
    # docs: end
    overhear(exchange)
    ask_for(exchange, os.environ.get("WISHES", ""))
    market = exchange.market(PAIR)
    tell(
        "client",
        version=version("ccxt"),
        markets=sorted(exchange.markets),
        currencies=sorted(exchange.currencies),
        precision=market["precision"],
        limits=market["limits"],
        maker=market["maker"],
        taker=market["taker"],
    )
    trader = Trader(exchange)
    names = ("watch", "limit", "cancel", "market", "bad", "look", "stop")
    await obey_async({name: getattr(trader, name) for name in names})
    await exchange.close()
    tell("close")


asyncio.run(main())
