"""Our own server, as an operator starts it: accounts and listen keys are made over its ports."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tests.server.nats.servers import Nodes

from benches.process import Failed

TOKEN = "bench"
COMMAND = [str(Path(sys.executable).parent / "userstream"), "serve", "--config"]
NATS_SHARDS, NATS_SHARD_BYTES = 16, 96 << 20
"""As by default, but less of the disk is set aside."""
_AT_ONCE = 20
_CALLS_AN_ADDRESS = 1_000  # the venue allows 1,200 a minute
_SETTINGS = """\
# Everything comes from one machine here, and connects at once.
rest = "127.0.0.1:{rest}"
stream = "127.0.0.1:{stream}"
admin = "127.0.0.1:{admin}"
admin_token = "{token}"

[limits]
sockets_per_ip = 100000
connects_per_ip = 1000000
"""


_ON_NATS = """
[nats]
replicas = {replicas}
shards = {shards}
max_bytes = {max_bytes}
"""


def write_settings(
    folder: Path,
    port: int,
    nats: Nodes | None = None,
    secret: Path | None = None,
    *,
    writes: bool = True,
) -> Path:
    """The settings file: limits per address raised, and which NATS, where it is one.

    Of processes on a NATS that write, each has as many shards, so most benches have one.
    """
    path = folder / "userstream.toml"
    text = _SETTINGS.format(rest=rest_port(port), stream=port, admin=admin_port(port), token=TOKEN)
    if nats is not None:
        table = _ON_NATS.format(
            replicas=nats.replicas, shards=NATS_SHARDS, max_bytes=NATS_SHARD_BYTES
        )
        roles = "" if writes else 'roles = ["rest", "stream"]\n'
        text = f'bus = "{nats.url}"\nkeys = "nats:{secret}"\n{roles}{text}{table}'
    path.write_text(text)
    return path


def admin_port(port: int) -> int:
    """Where events are published."""
    return port + 1000


def rest_port(port: int) -> int:
    """Where listen keys are made."""
    return port + 2000


def make_accounts(port: int, count: int) -> None:
    """One account and API key for each connection."""
    head = f"POST /_accounts HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {TOKEN}\r\n"
    bodies = [json.dumps({"account": f"a{i:06d}", "api_key": f"key{i:06d}"}) for i in range(count)]
    requests = [f"{head}Content-Length: {len(b)}\r\n\r\n{b}".encode() for b in bodies]
    for body in _answers(admin_port(port), "127.0.0.1", requests):
        json.loads(body)


def make_listen_keys(port: int, count: int, file: Path) -> None:
    """One listen key for each account; the paths of their streams go into a file."""
    head = "POST /api/v1/userDataStream HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n"
    paths = []
    for start in range(0, count, _CALLS_AN_ADDRESS):
        numbers = range(start, min(start + _CALLS_AN_ADDRESS, count))
        requests = [f"{head}X-MBX-APIKEY: key{i:06d}\r\n\r\n".encode() for i in numbers]
        address = f"127.0.1.{1 + start // _CALLS_AN_ADDRESS}"
        answers = _answers(rest_port(port), address, requests)
        paths += [f"/ws/{json.loads(body)['listenKey']}" for body in answers]
    file.write_text("\n".join(paths) + "\n")


def _answers(port: int, address: str, requests: list[bytes]) -> Iterator[bytes]:
    """The bodies of the answers to pipelined requests."""
    with socket.create_connection(("127.0.0.1", port), 30, (address, 0)) as sock:
        reader = sock.makefile("rb")
        for at in range(0, len(requests), _AT_ONCE):
            group = requests[at : at + _AT_ONCE]
            sock.sendall(b"".join(group))
            for _ in group:
                yield _answer(reader)


def _answer(reader: BinaryIO) -> bytes:
    status = reader.readline()
    size = 0
    while (line := reader.readline()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size = int(value)
    body = reader.read(size)
    if b" 20" not in status:
        raise Failed(f"{status.decode().strip()}: {body.decode()}")
    return body
