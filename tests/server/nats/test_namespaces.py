"""Several systems on one NATS, and what each may do there."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from websockets.exceptions import InvalidStatus

from tests.server.nats.servers import Nodes, one_node, running
from tests.server.nats.test_readiness import turns
from tests.server.nats.test_roles import secret_in
from tests.server.nats.test_service import publish_some, serving
from tests.server.running import take
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.inbox import Handler
from userstream.server.nats.link import Link

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "run-a-cluster.md"


async def test_two_systems_with_prefixes_of_their_own_do_not_see_each_other(
    nats_node: Nodes, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    prefix = f"s{secrets.token_hex(4)}"
    async with (
        serving(nats_node, prefix, secret_in(folders[0])) as one,
        serving(nats_node, f"{prefix}-b", secret_in(folders[1]), accounts=("alice",)) as two,
    ):
        assert one.service.bus.epoch != two.service.bus.epoch
        async with one.stream("binance") as first, two.stream("binance") as second:
            await publish_some(one, 1, 3)
            await publish_some(two, 1, 2)  # in their own order, from 1 on
            assert [json.loads(f)["i"] for f in await take(first, 3)] == [1, 2, 3]
            assert [json.loads(f)["i"] for f in await take(second, 2)] == [1, 2]
        assert len((await one.admin.get("/_events?account=alice")).text.splitlines()) == 3
        assert len((await two.admin.get("/_events?account=alice")).text.splitlines()) == 2
        key = await one.key()
        with pytest.raises(InvalidStatus):
            async with two.open(two.url("binance", key)):
                pass
        listed = (await two.admin.get("/_accounts")).json()
        assert [a["account"] for a in listed] == ["alice"]
        await one.service.accounts.revoke("alice", None)
        assert await two.key()


def allowed() -> dict[str, list[str]]:
    """The permissions on the page about clusters."""
    block = re.search(r"permissions \{(.*?)\n      \}", PAGE.read_text(), re.DOTALL)
    assert block is not None
    found = {
        what: re.findall(r'"([^"]+)"', re.search(rf"{what}: \[(.*?)\]", block[1], re.DOTALL)[1])  # type: ignore[index]
        for what in ("publish", "subscribe")
    }
    assert all(found.values())
    return found


def covers(pattern: str, subject: str) -> bool:
    """Whether a subject is one of those that a pattern of NATS stands for."""
    words = [re.escape(w) if w not in "*>" else {"*": r"[^.]+", ">": r".+"}[w]
             for w in pattern.split(".")]  # fmt: skip
    return re.fullmatch(r"\.".join(words), subject) is not None


@contextlib.contextmanager
def noted() -> Iterator[dict[str, set[str]]]:
    """The subjects on which this process publishes, and those that it subscribes to."""
    used: dict[str, set[str]] = {"publish": set(), "subscribe": set()}
    send, subscribe = Link.send, Link.subscribe

    def sent(self: Link, data: bytes) -> None:
        verb, subject = data.split(b" ", 2)[:2] if b" " in data else (data, b"")
        if verb in {b"PUB", b"HPUB"}:
            used["publish"].add(subject.decode())
        send(self, data)

    def subscribed(self: Link, subject: str, handler: Handler) -> int:
        used["subscribe"].add(subject)
        return subscribe(self, subject, handler)

    with (
        mock.patch.object(Link, "send", sent),
        mock.patch.object(Link, "subscribe", subscribed),
    ):
        yield used


async def everything(nodes: Nodes, keys: str) -> None:
    """What two servers ask of a NATS: events, streams, keys, heads, retention."""
    bus = nodes.url.replace("nats://", "nats://userstream:pw@")
    given = {"prefix": "userstream", "keys": keys, "bus": bus}
    async with (
        serving(nodes, **given) as writer,
        serving(nodes, **given, accounts=(), roles=("rest", "stream")) as other,
        other.stream("binance") as socket,
    ):
        await turns(other, True)
        await publish_some(other, 1, 5)
        await take(socket, 5)
        await writer.service.accounts.revoke("alice", None)
        written = writer.service.bus
        assert isinstance(written, NatsBus)
        writer.service.clock.change(advance_ms=2 * 86_400_000)
        await written._appends._heads.settle(0)
        for shard in written._appends.shards:
            await written._retention.sweep(shard)


async def test_the_permissions_on_the_page_are_enough_and_each_is_needed(tmp_path: Path) -> None:
    permissions = allowed()
    users = (
        "authorization { users: [ { user: userstream, password: pw, permissions {"
        f" publish: {json.dumps(permissions['publish'])},"
        f" subscribe: {json.dumps(permissions['subscribe'])} }} }} ] }}"
    )
    with (
        running(one_node(tmp_path / "nats", users)) as nodes,
        noted() as used,
        mock.patch("userstream.server.nats.heads.SETTLES_S", 0.2),
    ):
        await everything(nodes, secret_in(tmp_path))
        log = nodes.nodes[0].log
        assert "Violation" not in log, log[-2_000:]
    for what, patterns in permissions.items():
        for pattern in patterns:
            assert any(covers(pattern, s) for s in used[what]), f"{what} {pattern} is not needed"
        for subject in used[what]:
            assert any(covers(p, subject) for p in patterns), f"{what} {subject} is not listed"
