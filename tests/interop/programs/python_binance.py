"""python-binance: AsyncClient and the user socket of its BinanceSocketManager."""

import asyncio
import os
from importlib.metadata import version

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException
from lines import NEAR, PRICE, QUANTITY, SYMBOL, TAKEN, TOO_MUCH, obey_async, tell


async def each(socket):
    while True:
        tell("event", event=await socket.recv())


class Trader:
    """What the test asks for, by the client's own calls."""

    def __init__(self, client):
        self._client = client
        self._order = {}

    async def limit(self, price=PRICE):
        order = self._order = await self._client.order_limit_buy(
            symbol=SYMBOL, quantity=QUANTITY, price=price
        )
        return {"id": order["orderId"], "answer": order}

    async def near(self):
        return await self.limit(NEAR)

    async def cancel(self):
        gone = await self._client.cancel_order(symbol=SYMBOL, orderId=self._order["orderId"])
        return {"answer": gone}

    async def market(self):
        return {"answer": await self._client.order_market_buy(symbol=SYMBOL, quantity=TAKEN)}

    async def bad(self):
        try:
            await self._client.order_limit_buy(symbol=SYMBOL, quantity=TOO_MUCH, price=PRICE)
        except BinanceAPIException as e:
            return {"status": e.status_code, "code": e.code, "msg": e.message}
        return {}

    async def look(self):
        client, named = self._client, {"symbol": SYMBOL}
        return {
            "info": [s["symbol"] for s in (await client.get_exchange_info())["symbols"]],
            "symbol": await client.get_symbol_info(SYMBOL),
            "account": await client.get_account(),
            "balance": await client.get_asset_balance("BTC"),
            "order": await client.get_order(**named, orderId=self._order["orderId"]),
            "open": await client.get_open_orders(**named),
            "open_anywhere": await client.get_open_orders(),
            "all": await client.get_all_orders(**named),
            "trades": await client.get_my_trades(**named),
            "test": await client.create_test_order(
                **named, side="BUY", type="LIMIT", timeInForce="GTC", quantity=TAKEN, price=PRICE
            ),
        }


async def main():
    # docs: begin
    AsyncClient.API_URL = os.environ["REST_URL"] + "/api"
    client = await AsyncClient.create(os.environ["API_KEY"], os.environ["API_SECRET"])
    manager = BinanceSocketManager(client, user_timeout=2)  # its keepalive timer, in seconds
    manager.STREAM_URL = os.environ["STREAM_URL"] + "/"
    # docs: end
    tell("client", version=version("python-binance"), time=await client.get_server_time())
    trader = Trader(client)
    names = ("limit", "near", "cancel", "market", "bad", "look")
    async with manager.user_socket() as socket:
        reader = asyncio.create_task(each(socket))
        tell("opened")
        await obey_async({name: getattr(trader, name) for name in names})
        reader.cancel()
    key = await client.stream_get_listen_key()
    kept = await client.stream_keepalive(key)
    tell("close", kept=kept, answer=await client.stream_close(key))
    await client.close_connection()


asyncio.run(main())
