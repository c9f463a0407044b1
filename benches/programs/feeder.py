"""The venue of the client bench: hands out a listen key, takes one stream, and floods or paces it.

    python feeder.py VENUE LISTENER EVENTS [RATE]

LISTENER is the descriptor of a listening socket, made by whoever starts this. Every event is a fill
of an order of its own, in the venue's real frames, made before anything is measured. With a RATE
each frame carries the time of its sending in its client order id.
"""

import base64
import hashlib
import json
import re
import socket
import sys
import threading
import time

from userstream.events import Envelope, OrderUpdate
from userstream.venues import load

BEGIN_MS = 1_795_000_000_000
SENT = b"0" * 19  # where the time of sending goes, in ns
CHUNK = 65_536
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # Doc: RFC 6455 §1.3
_TICK_S = 0.000_5


def message(payload: bytes, binary: bool) -> bytes:
    """An unmasked WebSocket message. Doc: RFC 6455 §5.2."""
    first, size = 0x82 if binary else 0x81, len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    return bytes((first, 126)) + size.to_bytes(2, "big") + payload


def messages(venue: str, events: int) -> list[bytes]:
    """The messages of so many fills."""
    encode = load(venue).encode
    found = []
    for n in range(events):
        number, now_ms = str(1_000_000_000 + n), BEGIN_MS + n
        fill = OrderUpdate(
            symbol="BTCUSDT", order_id=number, side="BUY", status="FILLED", time_ms=now_ms,
            execution="TRADE", client_order_id=SENT.decode(), order_type="LIMIT",
            time_in_force="GTC", quantity="0.01", price="64000", last_quantity="0.01",
            last_price="64000", last_quote="640", cumulative_quantity="0.01",
            cumulative_quote="640", average_price="64000", commission="0.64",
            commission_asset="USDT", trade_id=number, maker=False, created_ms=now_ms,
        )  # fmt: skip
        frames = encode(Envelope(1, "a", "epoch000", n + 1, now_ms, fill), None)
        found += [message(frame.payload, frame.binary) for frame in frames]
    return found


class Feeder:
    """Answers any request with a key and the time, and any upgrade with the events."""

    def __init__(self, listener: int, found: list[bytes], rate: int) -> None:
        self._messages = found
        self._rate = rate
        self._listener = socket.socket(fileno=listener)

    def run(self) -> None:
        """Until the process is ended."""
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        try:
            while head := self._head(reader):
                key = re.search(rb"sec-websocket-key: *(\S+)", head, re.IGNORECASE)
                if key is not None:
                    self._upgrade(connection, key[1])
                    self._stream(connection, subscribes=b"?" in head.partition(b"\r\n")[0])
                    return
                size = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                reader.read(int(size[1]) if size else 0)
                text = json.dumps(answer(head.partition(b"\r\n")[0])).encode()
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n%b" % (len(text), text)
                )
        except OSError:
            return

    @staticmethod
    def _head(reader) -> bytes:
        lines = b""
        while (line := reader.readline()).strip():
            lines += line
        return lines

    @staticmethod
    def _upgrade(connection: socket.socket, key: bytes) -> None:
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept
        )

    def _stream(self, connection: socket.socket, subscribes: bool) -> None:
        if subscribes:  # MEXC: its clients ask for channels, in one request or in several
            self._acknowledge(connection)
        threading.Thread(target=self._drain, args=(connection,), daemon=True).start()
        if self._rate:
            self._pace(connection)
        else:
            for chunk in chunks(self._messages):
                connection.sendall(chunk)
        time.sleep(3600)

    @staticmethod
    def _acknowledge(connection: socket.socket) -> None:
        asked: set[str] = set()
        text = b""
        while not {c for c in asked if "orders" in c} or not {c for c in asked if "deals" in c}:
            text += unmasked(connection.recv(CHUNK))
            new = {c.decode() for c in re.findall(rb"spot@private\.\w+\.v3\.api\.pb", text)} - asked
            if new:
                asked |= new
                said = json.dumps({"id": 0, "code": 0, "msg": ",".join(sorted(new))})
                connection.sendall(message(said.encode(), binary=False))

    @staticmethod
    def _drain(connection: socket.socket) -> None:
        try:
            while connection.recv(CHUNK):
                pass
        except OSError:
            return

    def _pace(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.monotonic()
        for n, ready in enumerate(self._messages):
            while time.monotonic() - began < n / self._rate:
                time.sleep(_TICK_S / 4)
            connection.sendall(ready.replace(SENT, b"%019d" % time.monotonic_ns()))


def answer(request: bytes) -> object:
    """A key, the time, or an account of which REST has nothing to tell (Binance's paths)."""
    if b"/openOrders" in request or b"/myTrades" in request:
        return []
    now_ms = time.time_ns() // 1_000_000
    if b"/account" in request:
        return {"balances": [], "updateTime": now_ms}
    return {"listenKey": "k" * 60, "serverTime": now_ms}


def chunks(found: list[bytes]) -> list[bytes]:
    """The messages, many to a write."""
    ready, part, size = [], [], 0
    for one in found:
        part.append(one)
        size += len(one)
        if size >= CHUNK:
            ready.append(b"".join(part))
            part, size = [], 0
    return [*ready, b"".join(part)]


def unmasked(data: bytes) -> bytes:
    """The payloads of a client's short messages. Doc: RFC 6455 §5.3."""
    found, at = b"", 0
    while at + 6 <= len(data):
        size, at = data[at + 1] & 0x7F, at + 2
        if size == 126:
            size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        mask, at = data[at : at + 4], at + 4
        found += bytes(b ^ mask[i % 4] for i, b in enumerate(data[at : at + size]))
        at += size
    return found


if __name__ == "__main__":
    venue, listener, events = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    Feeder(listener, messages(venue, events), int(sys.argv[4]) if len(sys.argv) > 4 else 0).run()
