"""Client: python-binance, the user socket of its BinanceSocketManager."""

import asyncio

from binance import AsyncClient, BinanceSocketManager
from binance.streams import ReconnectingWebsocket
from tally import REST, STREAM, TIMED, Tally

AsyncClient.API_URL = f"{REST}/api"
BinanceSocketManager.STREAM_URL = f"{STREAM}/"
ReconnectingWebsocket.MAX_QUEUE_SIZE = 1_000_000  # behind 100 its stream would end


async def main() -> None:
    """Until the tally is through."""
    tally = Tally()
    client = await AsyncClient.create("k", "s")
    async with BinanceSocketManager(client).user_socket() as socket:
        while True:
            message = await socket.recv()
            if message["e"] == "executionReport":
                if TIMED:
                    tally.timed(int(message["c"]))
                else:
                    tally.given()


asyncio.run(main())
