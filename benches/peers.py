"""The peers: how each is started, and how events reach it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benches import ours, tools

_NATS = """\
listen: "127.0.0.1:{publish}"
ping_interval: "20m"
max_connections: 100000
write_deadline: "30s"
websocket {{
  listen: "127.0.0.1:{port}", no_tls: true, compression: false, handshake_timeout: "60s"
}}
"""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One server under test. Streams are on a port, publications come on that port + 1000."""

    name: str
    text: str
    kind: str = "prefixed"
    """Protocol of publication: ``lines`` (ours), ``prefixed`` or ``nats``."""
    bus: str = ""
    """Of ours: ``memory:``, or the durability of a folder."""
    pure: bool = False
    """Ours without its compiled helper."""
    pings: bool = False
    """Whether it pings idle connections."""

    @property
    def is_ours(self) -> bool:
        """Whether it is userstream."""
        return self.kind == "lines"


@dataclass(frozen=True)
class Launch:
    """A command and its environment."""

    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


PEERS = {
    p.name: p
    for p in (
        Peer(name="c-limit", text="C, one send() per event (the limit)"),
        Peer(
            name="userstream-memory", text="**userstream, memory bus**",
            kind="lines", bus="memory:", pings=True,
        ),
        Peer(
            name="userstream-pure", text="**userstream, memory bus, without the compiled helper**",
            kind="lines", bus="memory:", pure=True, pings=True,
        ),
        Peer(
            name="userstream-process-kill", text="**userstream, folder, survives kill -9**",
            kind="lines", bus="process-kill", pings=True,
        ),
        Peer(
            name="userstream-power-cut", text="**userstream, folder, fsync before each ack**",
            kind="lines", bus="power-cut", pings=True,
        ),
        Peer(name="nats-ws", text="nats-server, its WebSocket (no store)", kind="nats"),
        Peer(name="ws-node", text="Node `ws`"),
        Peer(name="websockets", text="Python `websockets` on uvloop", pings=True),
    )
}  # fmt: skip


def launch(peer: Peer, port: int, page: Path, scratch: Path, data: Path) -> Launch:
    """How a peer is started."""
    if peer.is_ours:
        settings = ours.write_settings(scratch, port)
        command = ours.COMMAND
        if peer.bus == "memory:":
            env = {"USERSTREAM_PURE": "1"} if peer.pure else {}
            return Launch([*command, str(settings), "--bus", "memory:"], env)
        return Launch([*command, str(settings), "--bus", f"file:{data}", "--durability", peer.bus])
    if peer.name == "nats-ws":
        file = scratch / "nats.conf"
        file.write_text(_NATS.format(port=port, publish=port + 1000))
        return Launch([tools.nats_server(), "-c", str(file)])
    if peer.name == "ws-node":
        binary, folder = tools.node()
        script = str(tools.PROGRAMS / "node.mjs")
        return Launch([binary, script, str(port)], {"WS_FROM": f"{folder}/"})
    if peer.name == "websockets":
        script = str(tools.PROGRAMS / "websockets_peer.py")
        return Launch([tools.python_peer(), script, str(port)])
    return Launch([tools.program("limit"), str(port), str(page)])
