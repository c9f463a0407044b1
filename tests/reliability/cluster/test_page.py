"""What the page on clusters shows is started as it stands there, and keeps what the page says."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.cli.command import BIN, ENVIRONMENT, run
from tests.docs.cluster import PASSWORDS, TOKEN, Machines, machines
from tests.server.nats.moving import history, lived
from tests.server.nats.servers import running as nats_running
from tests.server.running import running, take
from tests.venues.orders import order
from userstream.client.publisher import Publisher
from userstream.errors import PublishUnproven

pytestmark = pytest.mark.timeout(240)
ALICE = {"X-MBX-APIKEY": "alicekey"}
SEEN_S = 8.0
"""In which a balancer that looks every two seconds sees twice that a front is not ready."""


@contextlib.contextmanager
def process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program of the page, until the block ends."""
    with log.open("ab") as says:
        popen = subprocess.Popen(command, stderr=says, stdout=says, env=ENVIRONMENT)
    try:
        yield popen
    finally:
        popen.kill()
        popen.wait()


def serving(at: Machines, name: str) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    """``userstream serve`` with settings of the page."""
    command = [str(BIN / "userstream"), "serve", "--config", str(at.settings(name))]
    return process(command, at.folder / f"{name}.log")


async def ready(at: Machines, name: str, port: str) -> None:
    """Waits for a process, as a balancer does."""
    url = f"http://127.0.0.1:{at.ports[port]}/_health/ready"
    last = time.monotonic() + 40
    async with httpx.AsyncClient(trust_env=False) as http:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get(url)).status_code == 200:
                    return
            said = (at.folder / f"{name}.log").read_text()
            assert time.monotonic() < last, said[-2_000:]
            await asyncio.sleep(0.1)


async def published(publisher: Publisher, account: str, n: int) -> int:
    """The ``seq`` of one event, sent until it is acknowledged."""
    last = time.monotonic() + 40
    while True:
        try:
            answer = await publisher.publish(account, order(order_id=str(n)), n=n)
        except PublishUnproven:
            assert time.monotonic() < last
            await asyncio.sleep(0.2)
        else:
            assert answer.seq is not None
            return answer.seq


async def test_three_machines_as_the_page_has_them(tmp_path: Path) -> None:
    at = await asyncio.to_thread(machines, tmp_path)
    it = await lived(tmp_path / "data")
    with contextlib.ExitStack() as exits:
        await asyncio.to_thread(lambda: exits.enter_context(nats_running(at.nodes)))
        await moved(at)
        for name, port in (("front.toml", "8081"), ("edge.toml", "8082")):
            exits.enter_context(serving(at, name))
            await ready(at, name, port)
        rest, stream = balanced(at, exits)
        admin = f"http://127.0.0.1:{at.ports['8082']}"  # an edge takes lines, too
        async with Publisher(admin, token=TOKEN) as publisher:
            assert await published(publisher, "bob", 2) == 2
            key = await listen_key(at, rest)
            async with connect(
                f"{stream}/ws/{key}", ssl=_tls(at) if stream.startswith("wss") else None, proxy=None
            ) as socket:
                assert await published(publisher, "alice", it.n + 1) == it.n + 1
                assert len(await take(socket, 1)) == 1
                await copied(at, it.n + 1)
                await one_is_replaced(at, publisher, it.n + 2)
                assert len(await take(socket, 2)) == 2
                await renewed_without_a_quorum(at, rest, key)
        for node in at.nodes.nodes:
            assert "Violation" not in node.log


async def moved(at: Machines) -> None:
    """The page's command, as the user who may."""
    operator = f"tls://operator:{PASSWORDS['NATS_OPERATOR']}@{at.hosts}"
    command = ("move", str(at.folder / "data"), "--config", str(at.settings("front.toml")))
    ended = await asyncio.to_thread(run, *command, "--to", operator)
    assert ended.returncode == 0, ended.stderr


def balanced(at: Machines, exits: contextlib.ExitStack) -> tuple[str, str]:
    """REST and streams behind the balancer, where there is one; else as they are."""
    haproxy = shutil.which("haproxy")
    if haproxy is None:
        return f"http://127.0.0.1:{at.ports['8080']}", f"ws://127.0.0.1:{at.ports['9443']}"
    command = [haproxy, "-db", "-f", str(at.balancer())]
    exits.enter_context(process(command, at.folder / "haproxy.log"))
    return f"https://127.0.0.1:{at.ports['8443']}", f"wss://127.0.0.1:{at.ports['443']}"


def _tls(at: Machines) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=at.folder / "nats" / "ca.pem")


async def listen_key(at: Machines, rest: str) -> str:
    """Alice's, from a front."""
    last = time.monotonic() + 20
    async with httpx.AsyncClient(trust_env=False, verify=_tls(at)) as http:
        while True:  # the balancer looks every two seconds
            with contextlib.suppress(httpx.TransportError):
                answer = await http.post(f"{rest}/api/v1/userDataStream", headers=ALICE)
                found: str = answer.json()["listenKey"]
                return found
            assert time.monotonic() < last
            await asyncio.sleep(0.2)


async def renewed_without_a_quorum(at: Machines, rest: str, key: str) -> None:
    """A second machine is lost. Listen keys are renewed through the balancer: no front is ready,
    and it must send somewhere all the same."""
    await asyncio.to_thread(at.nodes.nodes[0].kill)
    since = last = time.monotonic()
    while last - since < SEEN_S:
        async with httpx.AsyncClient(trust_env=False, verify=_tls(at), timeout=20) as http:
            url = f"{rest}/api/v1/userDataStream?listenKey={key}"
            answer = await http.put(url, headers=ALICE)  # each by a connection of its own
            assert (answer.status_code, answer.json()) == (200, {})
            ready = f"http://127.0.0.1:{at.ports['8081']}/_health/ready"
            last = time.monotonic()
            if (await http.get(ready)).status_code == 200:
                since = last
        await asyncio.sleep(0.2)


async def copied(at: Machines, events: int) -> None:
    """A backup, by the user of the nodes, is restored with all that was acknowledged."""
    backup, restored = at.folder / "backup", at.folder / "restored"
    config = str(at.folder / "front.toml")
    made = await asyncio.to_thread(run, "backup", str(backup), "--config", config)
    assert made.returncode == 0, made.stderr
    back = await asyncio.to_thread(run, "restore", str(backup), str(restored))
    assert back.returncode == 0, back.stderr
    async with running(bus=f"file:{restored}", accounts=()) as server:
        assert (await history(server, "alice"))[-1]["seq"] == events


async def one_is_replaced(at: Machines, publisher: Publisher, n: int) -> None:
    """A machine with an empty disk takes the place of one; then another can be lost."""
    lost, other = at.nodes.nodes[1:]
    await asyncio.to_thread(lost.kill)
    assert await published(publisher, "alice", n) == n
    await asyncio.to_thread(shutil.rmtree, lost.folder / "store")
    await asyncio.to_thread(lost.start)  # until its own health says that it has all
    await asyncio.to_thread(other.kill)
    assert await published(publisher, "alice", n + 1) == n + 1
