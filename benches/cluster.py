"""Servers on a NATS beside the embedded one: an edge's events, a writer's acknowledgements, keys,
accounts that are followed, and a node that is lost.
"""

from __future__ import annotations

import http.client
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import uvloop
from tests.server.keystores.nodes import Embedded, OnNats
from tests.server.nats.servers import Nodes, cluster, one_node, running
from tests.venues.orders import order

from benches import busops, keyops, ours
from benches.page import Page, Slot
from benches.peers import PEERS, Peer
from benches.process import ANY_CORE, LOAD_CORE, SERVER_CORE, Failed, await_port, cpu_s
from benches.trial import Row, Trial, phases
from userstream.client.publisher import line

_WRITER = 3
"""Ports of the second server are so many higher."""
_TAKEN_WITHIN_S = 120.0
_HERD = 512
"""Handshakes under way at once, of bots whose node is gone."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where events lie: in a folder, or on a NATS."""

    name: str
    text: str
    peer: str = ""
    """The embedded server among the peers; empty: it is a NATS."""
    nodes: int = 1
    sync: str = "always"

    def nats(self, folder: Path) -> Nodes:
        """Its NATS, not started."""
        make = one_node if self.nodes == 1 else cluster
        return make(folder, sync=self.sync)


PLACES = {
    p.name: p
    for p in (
        Place(
            name="folder", text="embedded, survives kill -9", peer="userstream-process-kill"
        ),
        Place(
            name="folder-synced", text="embedded, fsync before each ack",
            peer="userstream-power-cut",
        ),
        Place(name="nats-r1", text="**NATS, one node, its default sync**", sync="2m"),
        Place(name="nats-r3-synced", text="**NATS, three nodes that sync always**", nodes=3),
    )
}  # fmt: skip


class OnCluster(Trial):
    """Two servers on one NATS. One writes all shards: the publisher talks to it. The other has the
    sockets, unless ``alone``: then the first has them, and both write.
    """

    def __init__(
        self, place: Place, connections: int, data_folder: Path, *, alone: bool = False
    ) -> None:
        peer = Peer(name=place.name, text=place.text, kind="lines", bus="nats", pings=True)
        super().__init__(peer, connections, data_folder)
        self._nats = place.nats(self._data)
        self._alone = alone
        secret = self._scratch / "secret"
        secret.touch(0o600)
        secret.write_text(secrets.token_hex(32))

    def __exit__(self, *args: object) -> None:
        for process in reversed(self._started):
            process.terminate()
        super().__exit__(*args)
        self._nats.stop()

    def serve(self) -> None:
        """Starts NATS and both servers."""
        self._nats.start()
        if self._alone:
            self.server = self._node(SERVER_CORE, self.port)
            self._other = self._node(ANY_CORE, self.port + _WRITER)
        else:
            self._other = self._node(ANY_CORE, self.port + _WRITER)
            self.server = self._node(SERVER_CORE, self.port, writes=False)

    @property
    def publish_port(self) -> int:
        """The writer's."""
        return ours.admin_port(self.port if self._alone else self.port + _WRITER)

    def _node(self, core: int | str, port: int, *, writes: bool = True) -> Any:
        folder = self._scratch / str(port)
        folder.mkdir()
        secret = self._scratch / "secret"
        settings = ours.write_settings(folder, port, self._nats, secret, writes=writes)
        process = self._start(core, [*ours.COMMAND, str(settings)])
        await_port(port, process, self._log)
        return process

    def used(self) -> dict[str, float]:
        """CPU seconds so far: of the writer, of all NATS nodes, and of the publisher."""
        nats = [cpu_s(node.process) for node in self._nats.nodes if node.process]
        return {
            "writer": cpu_s(self._other),
            "nats": sum(nats),
            "publisher": cpu_s(self._publisher),
        }

    def take_over(self) -> Row:
        """The node that has all sockets, and shards, is killed; the other takes both over."""
        page, survivor = Page(self._scratch / "second"), self.port + _WRITER
        page[Slot.CONNECTIONS] = self.connections
        acked: list[float] = []
        asking = threading.Thread(target=_until_acked, args=(ours.admin_port(survivor), acked))
        began = time.monotonic()
        self.server.kill()
        command = [*self.dialing(page, survivor), "--width", str(_HERD), "--again", "1"]
        bots = self._start(LOAD_CORE, command)
        asking.start()
        while page[Slot.READY] < self.connections:
            if time.monotonic() > began + _TAKEN_WITHIN_S or bots.poll() is not None:
                raise Failed(f"{page[Slot.READY]} of {self.connections} sockets are open again")
            time.sleep(0.01)
        sockets_s = time.monotonic() - began
        asking.join()
        refused, page[Slot.STOP] = page[Slot.FAILED], 1
        if not acked:
            raise Failed(f"nothing is acknowledged for {_TAKEN_WITHIN_S} s")
        return {
            "sockets": self.connections,
            "sockets_s": round(sockets_s, 2),
            "refused": refused,
            "acks_s": round(acked[0] - began, 2),
        }


def _until_acked(port: int, acked: list[float]) -> None:
    """Publishes an event in each shard again and again; when all were acknowledged."""
    names = [f"q{number:06}" for number in range(400)]  # accounts that nobody listens to
    every = {crc32(name.encode()) % ours.NATS_SHARDS: name for name in names}
    asked = b"\n".join(line(name, order(), source="bench", n=1) for name in every.values())
    end = time.monotonic() + _TAKEN_WITHIN_S
    while time.monotonic() < end:
        call = http.client.HTTPConnection("127.0.0.1", port, timeout=_TAKEN_WITHIN_S)
        head = {"Authorization": f"Bearer {ours.TOKEN}"}
        call.request("POST", "/_events", asked, head)
        answers = [json.loads(text) for text in call.getresponse().read().splitlines()]
        call.close()
        refused = [answer for answer in answers if "seq" not in answer]
        if not refused:
            acked.append(time.monotonic())
            return
        if any(answer["error"]["code"] != "unavailable" for answer in refused):
            raise Failed(f"publishing was answered {refused}")
        time.sleep(0.05)


def cluster_phases(
    place: Place, data: Path, seconds: float, rates: list[int], connections: int, herd: int
) -> Iterator[Row]:
    """Everything that is measured of one place, a row each."""
    if place.peer:
        with Trial(PEERS[place.peer], connections, data) as trial:
            yield from _counted(trial, seconds, rates)
        with busops.scratch(data) as folder:
            keys = keyops.measure(Embedded(folder / "data"), seconds)
            yield {"phase": "keys", **uvloop.run(keys)}
        return
    with OnCluster(place, connections, data) as trial:
        yield from _counted(trial, seconds, rates)
    with busops.scratch(data) as folder, running(place.nats(folder)) as nats:
        yield {"phase": "raw", "per_s": uvloop.run(busops.raw_acks(nats, seconds))}
        yield {"phase": "follow", **uvloop.run(busops.follow(nats, herd))}
        keys = keyops.measure(OnNats(nats.url, nats.replicas), seconds)
        yield {"phase": "keys", **uvloop.run(keys)}
    with OnCluster(place, herd, data, alone=True) as trial:
        trial.connect()
        yield {"phase": "takeover", **trial.take_over()}


def _counted(trial: Trial, seconds: float, rates: list[int]) -> Iterator[Row]:
    for row in phases(trial, seconds, rates, idle=False):
        yield {"connections": trial.connections} | row
