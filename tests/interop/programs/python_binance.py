"""python-binance: AsyncClient and the user socket of its BinanceSocketManager."""

import asyncio
import os
from importlib.metadata import version

from binance import AsyncClient, BinanceSocketManager
from lines import hear, tell


async def main():
    # docs: begin
    AsyncClient.API_URL = os.environ["REST_URL"] + "/api"
    client = await AsyncClient.create(os.environ["API_KEY"], os.environ["API_SECRET"])
    manager = BinanceSocketManager(client, user_timeout=2)  # its keepalive timer, in seconds
    manager.STREAM_URL = os.environ["STREAM_URL"] + "/"
    # docs: end
    tell("client", version=version("python-binance"), time=await client.get_server_time())
    async with manager.user_socket() as socket:
        tell("opened")
        word = asyncio.create_task(asyncio.to_thread(hear))
        while not word.done():
            event = asyncio.create_task(socket.recv())
            await asyncio.wait({event, word}, return_when=asyncio.FIRST_COMPLETED)
            if event.done():
                tell("event", event=event.result())
            else:
                event.cancel()
        key = await client.stream_get_listen_key()
        kept = await client.stream_keepalive(key)
    tell("closed", kept=kept, answer=await client.stream_close(key))
    await client.close_connection()


asyncio.run(main())
