"""Peer: Python's `websockets` on uvloop; frames come length-prefixed on PORT + 1000."""

import asyncio
import sys
from struct import Struct

import uvloop
from websockets.asyncio.server import ServerConnection, serve

HEADER = Struct("<II")


async def main(port: int) -> None:
    """Serves until it is ended."""
    sockets: dict[int, ServerConnection] = {}
    frames: asyncio.Queue[tuple[int, str]] = asyncio.Queue()

    async def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        account = int(socket.request.path.rsplit("/", 1)[1])
        sockets[account] = socket
        try:
            async for _ in socket:
                pass
        finally:
            sockets.pop(account, None)

    async def publisher(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        rest = b""
        while data := await reader.read(262_144):
            rest += data
            at = 0
            while len(rest) - at >= HEADER.size:
                size, account = HEADER.unpack_from(rest, at)
                end = at + HEADER.size + size
                if end > len(rest):
                    break
                frames.put_nowait((account, rest[at + HEADER.size : end].decode()))
                at = end
            rest = rest[at:]

    await asyncio.start_server(publisher, "127.0.0.1", port + 1000, limit=1 << 19)
    async with serve(handle, "127.0.0.1", port, compression=None, backlog=4096, open_timeout=60):
        while True:
            account, text = await frames.get()
            await sockets[account].send(text)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
