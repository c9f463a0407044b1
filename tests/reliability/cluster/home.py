"""A server whose events lie on three NATS nodes."""

from __future__ import annotations

import secrets
from pathlib import Path

import httpx

from tests.reliability.server.home import Home
from tests.server.nats.servers import Node, Nodes


class ClusterHome(Home):
    """``userstream serve`` on a cluster, in streams of its own."""

    def __init__(self, path: Path, nodes: Nodes, **limits: float) -> None:
        super().__init__(path, "--bus", nodes.url, **limits)
        self.nodes = nodes
        self.prefix = f"r{secrets.token_hex(4)}"
        self.settings = (
            f'keys = "file:{self.data}"\n'
            f'[nats]\nprefix = "{self.prefix}"\nshards = 2\nmax_bytes = 200000000\n'
        )

    def leader(self, shard: int = 0) -> Node:
        """The node that leads a shard's stream now, as any node that runs tells."""
        return leader_of(self.nodes, f"{self.prefix}-events-{shard}")


def leader_of(nodes: Nodes, name: str) -> Node:
    """The node that leads a stream now, as any node that runs tells."""
    for node in nodes.nodes:
        if node.process is None:
            continue
        url = f"http://127.0.0.1:{node.monitor_port}/jsz?streams=true&config=false"
        accounts = httpx.get(url, timeout=5, trust_env=False).json()["account_details"]
        for stream in accounts[0].get("stream_detail", []):
            if stream["name"] == name:
                return nodes.named(stream["cluster"]["leader"])
    raise AssertionError("no node knows the stream")
