"""Edge and REST processes on three NATS nodes, behind a balancer, and their bots."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import httpx

from tests.cli.command import COMMAND, TOKEN, Process
from tests.reliability.cluster.balancer import Balancer, Publishers
from tests.reliability.proxy import Proxy, listening, proxied
from tests.reliability.server.exchange import Exchange, open_accounts
from tests.reliability.server.home import Home
from tests.reliability.server.served import Served
from tests.server.nats.servers import Node, Nodes

EDGES, RESTS = ("edge0", "edge1"), ("rest0", "rest1")
ROLES = {"edge": "stream", "rest": "rest,writer"}
WRITES, GIVES = "a shard is written here", "a shard is given to another process"
SHARD_BYTES, FULL_SHARD_BYTES = 100_000_000, 4 << 30
"""Room of a shard's events: NATS sets it aside, and tests of full size fill the former."""
NODE = "nats-"
"""What the names of processes of NATS begin with."""


class Member(Served):
    """One process: its name, and how it is started."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(folder / f"{name}.log")
        self.name = name
        self.program: Sequence[str] = COMMAND
        self.env: dict[str, str] = {}
        self.arguments: tuple[str, ...] = ()

    def pause(self) -> None:
        """The process stands still, and its connections stay open."""
        self.process.popen.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.popen.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """It goes on as if nothing had been."""
        self.process.popen.send_signal(signal.SIGCONT)

    def said(self, event: str) -> list[dict[str, str | int]]:
        """Lines of its log about an event."""
        lines = (line for line in self.log.read_text().splitlines() if event in line)
        return [line for line in map(json.loads, lines) if line["event"] == event]


class Cluster(Home):
    """Two processes for streams, two for REST and publishing; ``async with`` starts and ends them.

    Bots and traders come through balancers, so none is pinned to a process. ``roles`` is what the
    setting of that name says, by what a process is called. The processes that ``cabled`` names
    reach each node of NATS through a proxy of ``cables``.
    """

    def __init__(
        self, path: Path, nodes: Nodes, *, roles: Mapping[str, str] = ROLES,
        shards: int = 2, max_bytes: int = SHARD_BYTES, cabled: Sequence[str] = (), **limits: float,
    ) -> None:  # fmt: skip
        super().__init__(path, **limits)
        self.nodes = nodes
        self.prefix = f"r{secrets.token_hex(4)}"
        secret = path / "key.secret"
        secret.write_text(secrets.token_hex(32))
        secret.chmod(0o600)
        self.settings = (
            f'keys = "nats:{secret}"\n'
            f'[nats]\nprefix = "{self.prefix}"\nshards = {shards}\n'
            f"max_bytes = {max_bytes}\nreplicas = {nodes.replicas}\n"
        )
        self.members = {name: Member(name, path) for name in (*EDGES, *RESTS)}
        for name, member in self.members.items():
            member.arguments = ("--bus", nodes.url, "--roles", roles[name[:4]])
        self.shards = shards
        self._cabled = cabled
        self.cables: list[Proxy] = []
        self.patience_s: float | None = None
        """Of publishers, with one process."""
        self.streams, self.rests, self.admins = Balancer(), Balancer(), Balancer()
        self._exits = AsyncExitStack()
        self.publishers: Publishers

    @property
    def edges(self) -> list[Member]:
        """The processes that have streams."""
        return [self.members[name] for name in EDGES]

    @property
    def rest_processes(self) -> list[Member]:
        """The processes that make listen keys and are published to."""
        return [self.members[name] for name in RESTS]

    async def __aenter__(self) -> Self:
        try:
            for balancer in (self.streams, self.rests, self.admins):
                await self._exits.enter_async_context(listening(balancer))
            if self._cabled:
                await self._pull_cables()
            return await super().__aenter__()
        except BaseException:
            await self._end()
            raise

    async def __aexit__(self, *_: object) -> None:
        try:
            await super().__aexit__()
        finally:
            await self._end()

    async def _pull_cables(self) -> None:
        for node in self.nodes.nodes:
            self.cables.append(await self._exits.enter_async_context(proxied(node.url)))
        urls = ",".join(cable.url("nats") for cable in self.cables)
        for name in self._cabled:
            self.members[name].arguments += ("--bus", urls)

    async def _end(self) -> None:
        self.kill()
        await self._exits.aclose()

    # ── the processes ───────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Starts all that do not run."""
        first = self.members[RESTS[0]]
        if not hasattr(first, "process"):  # whoever is first makes the streams
            await self.launch(first)
        idle = [m for m in self.members.values() if not (hasattr(m, "process") and m.runs)]
        done = await asyncio.gather(*map(self.launch, idle), return_exceptions=True)
        for failed in filter(None, done):
            raise failed
        self.streams.before([m.urls["stream"] for m in self.edges])
        self.rests.before([m.urls["rest"] for m in self.rest_processes])
        self.admins.before([m.urls["admin"] for m in self.rest_processes])
        urls = {
            "stream": self.streams.url(), "rest": self.rests.url("http"),
            "admin": self.admins.url("http"),
        }  # fmt: skip
        self.server = Process(first.process.popen, urls, first.process.epoch)
        self.admin.base_url = httpx.URL(urls["admin"])

    async def launch(self, member: Member) -> None:
        """Starts a process, at the addresses that it had before."""
        await member.start(
            *self._arguments, *member.arguments, env=member.env, program=member.program
        )

    def kill(self) -> None:
        """``kill -9`` of all."""
        for member in self.members.values():
            if hasattr(member, "process"):
                member.kill()

    def pids(self) -> dict[str, int]:
        """The processes that run, those of NATS too, by their names."""
        running = {m.name: m.process.popen.pid for m in self.members.values() if m.runs}
        nodes = {
            f"{NODE}{node.name}": node.process.pid for node in self.nodes.nodes if node.process
        }
        return running | nodes

    async def series(self) -> list[str]:
        """All series of all processes that run.

        Raises:
            httpx.HTTPError: one does not tell them.
        """
        running = [m for m in self.members.values() if m.runs]
        found = await asyncio.gather(*(member.series(self.admin) for member in running))
        return [line for lines in found for line in lines]

    def writer(self, shard: int = 0) -> Member:
        """The process that writes a shard, as their logs have it; others write other shards."""
        terms = [
            (int(line["term"]), member.name)
            for member in self.members.values()
            for line in member.said(WRITES)
            if line["shard"] == shard
        ]
        return self.members[max(terms)[1]]

    # ── both sides ──────────────────────────────────────────────────────────────────────────────

    async def open(self, accounts: Sequence[str]) -> Exchange:
        """Makes accounts, and who publishes for them."""
        await open_accounts(self.admin, accounts)
        urls = [m.urls["admin"] for m in (*self.rest_processes, *self.edges)]
        self.publishers = Publishers(urls, patience_s=self.patience_s)
        self.exchange = Exchange("", TOKEN, accounts, self.publishers)
        return self.exchange

    async def proven_and_stored(self, within_s: float = 60) -> None:
        """Every bot, and the log, have exactly what was acknowledged, in its order."""
        await self.proven(within_s)
        for name in self.exchange.accounts:
            assert await self.stored(name) == self.exchange.acked[name]

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
