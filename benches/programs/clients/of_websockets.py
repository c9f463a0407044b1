"""Client: `websockets`, with `json`, or with protobuf where the venue sends that; nothing else."""

import asyncio
import json

import websockets
from tally import STREAM, TIMED, VENUE, Tally

PATH = {"bhex": "/openapi/ws/k", "mexc": "/ws?listenKey=k"}.get(VENUE, "/ws/k")
CHANNELS = [f"spot@private.{name}.v3.api.pb" for name in ("account", "deals", "orders")]


def parser():
    """Text to a dict, or bytes to a message."""
    if VENUE != "mexc":
        return json.loads
    from userstream.venues.mexc.push_pb2 import Push  # noqa: PLC0415 - MEXC's alone

    return Push.FromString


async def main() -> None:
    """Until the tally is through."""
    tally, parse = Tally(), parser()
    async with websockets.connect(STREAM + PATH, compression=None) as socket:
        if VENUE == "mexc":
            await socket.send(json.dumps({"method": "SUBSCRIPTION", "params": CHANNELS}))
            await socket.recv()
        async for frame in socket:
            message = parse(frame)
            if not TIMED:
                tally.given()
            elif VENUE != "mexc":
                tally.timed(int(message["c"]))
            elif message.HasField("privateOrders"):
                tally.timed(int(message.privateOrders.clientId))


asyncio.run(main())
