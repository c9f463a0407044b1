"""Client: bare picows. It reads nothing but the time of sending, where it stands in the frame."""

import asyncio

from picows import WSListener, WSMsgType, ws_connect
from tally import STREAM, TIMED, Tally


class Listener(WSListener):
    """Hands every frame on as it came."""

    def __init__(self) -> None:
        self._tally = Tally()

    def on_ws_frame(self, transport, frame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        if TIMED:
            payload = frame.get_payload_as_bytes()
            start = payload.index(b'"c":"') + 5
            self._tally.timed(int(payload[start : start + 19]))
        else:
            self._tally.given()


async def main() -> None:
    """Until the tally is through."""
    transport, _ = await ws_connect(Listener, f"{STREAM}/ws/k")
    await transport.wait_disconnected()


asyncio.run(main())
