"""A folder that was lived in, its move to a NATS, and what everybody who knew it finds there."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.server.nats.servers import Nodes
from tests.server.nats.test_service import LIMITS
from tests.server.running import MEXC_CHANNELS, Running, running, subscribe, take
from tests.server.test_cuts import mixed
from userstream.client.publisher import line
from userstream.core.picture import EMPTY
from userstream.events import Envelope
from userstream.server.accounts import AccountRecord
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.move import Move, Moved
from userstream.venue import Call
from userstream.venues import load, names

SOME = 80
"""Of ``mixed``: 340 events, on two pages."""
CUT = 90


@dataclass
class Lived:
    """What a server on a folder had told by the time when it was stopped."""

    data: Path
    epoch: str = ""
    cursor: str = ""
    after: list[bytes] = field(default_factory=list)
    """Frames behind the cursor."""
    keys: dict[str, str] = field(default_factory=dict)
    """By venue."""
    pictures: list[bytes] = field(default_factory=list)
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    accounts: list[AccountRecord] = field(default_factory=list)
    expiries: dict[str, int] = field(default_factory=dict)
    n: int = 0
    unseen: int = 0
    """Frames of what was published to alice while nobody listened."""


def settings_of(nodes: Nodes, **more: Any) -> NatsSettings:
    """Streams of their own."""
    values: dict[str, Any] = {
        "prefix": f"m{secrets.token_hex(4)}",
        "shards": 2,
        "replicas": nodes.replicas,
    }
    return NatsSettings(**(values | {"max_bytes": 16_000_000} | more))


def move(lived: Lived, nodes: Nodes, settings: NatsSettings, keys: Path, **more: Any) -> Move:
    """The move of that folder."""
    policies = {name: load(name).keys for name in names()}
    told: Callable[[str, int, int], None] = more.pop("told", lambda *_: None)
    return Move(lived.data, nodes.url, settings, keys, policies, told)


async def lived(data: Path) -> Lived:
    """A folder with events of three accounts, listen keys of four venues, and an account that
    was revoked; with a cursor in the middle of what alice was shown."""
    it = Lived(data)
    async with running(bus=f"file:{data}", accounts=("alice", "bob", "carol")) as server:
        it.epoch = server.service.bus.epoch
        it.keys = {venue: await server.key(venue) for venue in names()}
        url = server.url("binance", it.keys["binance"]) + "?us=1"
        async with server.open(url) as socket:
            await publish(server, it, SOME)
            frames = (await take(socket, 1 + shown_of(server, SOME)))[1:]
        marks = [json.loads(frame)["us"] for frame in frames]
        it.cursor = f"{server.epoch()}:{marks[CUT]['seq']}:{marks[CUT]['part']}"
        it.after = frames[CUT + 1 :]
        await server.publish("bob")
        await server.publish("dave")
        await server.service.accounts.revoke("carol", None)
        it.accounts = server.service.accounts.listed()
        it.expiries = expiries(server, it.keys)
        it.history = {a: await history(server, a) for a in ("alice", "bob", "dave")}
    return it


def shown_of(server: Running, count: int) -> int:
    """How many frames of Binance that many of ``mixed`` give."""
    encode = server.venues["binance"].encode
    found = (encode(Envelope(1, "alice", "e", 1, 1, event), EMPTY) for event in mixed(count))
    return sum(map(len, found))


async def publish(server: Running, it: Lived, count: int) -> list[int | None]:
    """More of alice's events, by the publisher that she has."""
    source = server.publisher._source
    lines = [line("alice", e, source=source, n=n) for n, e in enumerate(mixed(count), it.n + 1)]
    it.n += len(lines)
    answers = await server.publisher.send(lines)
    assert not any(a.duplicate for a in answers)
    return [a.seq for a in answers]


async def history(server: Running, account: str) -> list[dict[str, Any]]:
    """An account's events, for people; a page has a thousand at most."""
    found: list[dict[str, Any]] = []
    while True:
        start = str(found[-1]["seq"] + 1) if found else "1"
        response = await server.admin.get("/_events", params={"account": account, "from": start})
        page = [json.loads(text) for text in response.text.splitlines()]
        if not page:
            return found
        found += page


def expiries(server: Running, keys: dict[str, str]) -> dict[str, int]:
    """When listen keys end."""
    found = {venue: server.service.keys.find(venue, key) for venue, key in keys.items()}
    return {venue: record.expires_ms for venue, record in found.items() if record is not None}


@contextlib.asynccontextmanager
async def node_on(nodes: Nodes, settings: NatsSettings, keys: Path) -> Any:
    """A node that serves what was moved."""
    async with running(
        bus=nodes.url, nats=settings, limits=LIMITS, keys=f"nats:{keys}", accounts=()
    ) as server:
        yield server


async def check(it: Lived, moved: Moved, nodes: Nodes, settings: NatsSettings, keys: Path) -> None:
    """Everybody who knew the folder finds on NATS what it had, and goes on."""
    assert (moved.epoch, moved.prefix, moved.positions) == (it.epoch, settings.prefix, 3)
    assert moved.events == it.n + sum(len(it.history[a]) for a in ("bob", "dave"))
    async with node_on(nodes, settings, keys) as server:
        assert server.service.bus.epoch == it.epoch
        assert {a: await history(server, a) for a in it.history} == it.history
        assert server.service.accounts.listed() == it.accounts
        assert expiries(server, it.keys) == it.expiries
        await _resumed(server, it)
        await _published_on(server, it)
        for venue, key in it.keys.items():
            async with server.open(server.url(venue, key)) as socket:
                if venue == "mexc":
                    await subscribe(socket, *MEXC_CHANNELS)
                answer = await server.publisher.publish("alice", next(mixed(1)), n=it.n + 1)
                it.n += 1
                assert await take(socket, 1) == server.frames(venue, "alice", answer)[:1]
            renewed = await server.call(venue, Call.RENEW, key=key)
            assert renewed.status_code == 200, renewed.text
        refused = await server.call("binance", Call.CREATE, "carolkey")
        assert refused.status_code == 401
        assert (await server.call("binance", Call.CREATE, "bobkey")).status_code == 200


async def _resumed(server: Running, it: Lived) -> None:
    """A cursor of before goes on: what came after it, once and in order."""
    url = server.url("binance", it.keys["binance"]) + f"?us=1&us_resume={it.cursor}"
    async with server.open(url) as socket:
        first, *rest = await take(socket, 1 + len(it.after) + it.unseen)
        assert json.loads(first)["e"] == "us.resumed"
        assert rest[: len(it.after)] == it.after
        head = it.n  # alice's events are numbered as they are
        seqs = await publish(server, it, 4)
        assert seqs == [*range(head + 1, head + 1 + len(seqs))]
        live = [json.loads(f)["us"] for f in await take(socket, shown_of(server, 4))]
        assert {mark["epoch"] for mark in live} == {server.epoch()}
        assert [m["seq"] for m in live] == sorted(m["seq"] for m in live)
        assert live[0]["prev"] == json.loads(rest[-1])["us"]["seq"]


async def _published_on(server: Running, it: Lived) -> None:
    """A publisher's ``n`` counts: what it sends again is not stored again."""
    again = await server.publisher.publish("bob", next(mixed(1)), n=1)
    assert (again.duplicate, again.seq) == (True, 1)
    assert (await server.publisher.publish("bob", next(mixed(1)), n=2)).seq == 2
