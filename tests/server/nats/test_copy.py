"""A backup of what lies on NATS, while nodes serve; what is restored from it has a new epoch."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.server.nats.moving import (
    Lived,
    expiries,
    history,
    lived,
    move,
    node_on,
    publish,
    settings_of,
)
from tests.server.nats.servers import Nodes
from tests.server.running import Running, running
from userstream.errors import InvalidSettings, StoreDamaged
from userstream.server.backup import restore
from userstream.server.contents import Contents
from userstream.server.folder import open_folder
from userstream.server.nats import copy
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.copy import back_up_nats
from userstream.server.nats.jetstream import JetStream
from userstream.venues import load, names

POLICIES = {name: load(name).keys for name in names()}


async def moved(nodes: Nodes, path: Path) -> tuple[Lived, NatsSettings, Path]:
    """A system on NATS that came from a folder."""
    it, settings, keys = await lived(path / "data"), settings_of(nodes), path / "keys"
    await move(it, nodes, settings, keys).run()
    return it, settings, keys


def kept(data: Path) -> dict[str, Any]:
    """All that a folder has of every account: its head, its picture, its events."""
    folder = open_folder(data, synced=False)
    contents = Contents(folder.store)
    try:
        return {
            tail.account: (tail.head, tail.picture, tail.oldest, [*contents.events(tail)])
            for tail in contents.tails()
        }
    finally:
        contents.close()
        folder.close()


@contextlib.asynccontextmanager
async def load_on(server: Running, it: Lived) -> Any:
    """Alice's orders go on until the block ends."""

    async def on_and_on() -> None:
        while True:
            await publish(server, it, 5)

    task = asyncio.create_task(on_and_on())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_system_that_serves_is_copied_restored_and_moved_again(
    nats_node: Nodes, tmp_path: Path
) -> None:
    it, settings, keys = await moved(nats_node, tmp_path)
    target = tmp_path / "backup"
    async with node_on(nats_node, settings, keys) as server:
        bus = server.service.bus
        assert isinstance(bus, NatsBus)
        await publish(server, it, 10)
        await bus._appends._heads.settle(0)  # so that some events are behind their heads
        before = len(await history(server, "alice"))
        async with load_on(server, it):
            with mock.patch.object(copy, "_AT_ONCE", 50):
                label = await back_up_nats(target, nats_node.url, settings, keys, POLICIES)
        after = await history(server, "alice")
        shown = expiries(server, it.keys)
    assert label.epoch == it.epoch
    restored = tmp_path / "restored"
    restore(target, restored)
    async with running(bus=f"file:{restored}", accounts=()) as server:
        assert server.service.bus.epoch != it.epoch
        copied = await history(server, "alice")
        assert before <= len(copied)
        assert copied == after[: len(copied)]
        assert await history(server, "bob") == it.history["bob"]
        assert server.service.accounts.listed() == it.accounts
        assert expiries(server, it.keys) == shown
        it.n = len(copied)
        assert (await publish(server, it, 1))[0] == len(copied) + 1
    again = settings_of(nats_node)
    here = kept(restored)
    assert sorted(here) == ["alice", "bob", "dave"]  # and no probe's
    it.data = restored
    await move(it, nats_node, again, keys).run()
    await back_up_nats(tmp_path / "second", nats_node.url, again, keys, POLICIES)
    restore(tmp_path / "second", tmp_path / "there")
    assert kept(tmp_path / "there") == here


async def test_accounts_whose_events_are_all_gone_keep_their_positions(
    nats_node: Nodes, tmp_path: Path
) -> None:
    it, settings, keys = await moved(nats_node, tmp_path)
    async with node_on(nats_node, settings, keys) as server:
        js: JetStream = server.service.bus._js
        for shard in range(settings.shards):
            await js.purge(f"{settings.prefix}-events-{shard}", 10_000)
    await back_up_nats(tmp_path / "backup", nats_node.url, settings, keys, POLICIES)
    restore(tmp_path / "backup", tmp_path / "restored")
    async with running(bus=f"file:{tmp_path / 'restored'}", accounts=()) as server:
        assert await history(server, "alice") == []
        assert (await publish(server, it, 1))[0] == it.n - 3  # of four, the first
        assert len(await history(server, "alice")) == 4


async def test_what_cannot_be_copied_is_said(nats_node: Nodes, tmp_path: Path) -> None:
    _, settings, keys = await moved(nats_node, tmp_path)

    async def copied(name: str, of: NatsSettings = settings) -> None:
        await back_up_nats(tmp_path / name, nats_node.url, of, keys, POLICIES)

    with pytest.raises(InvalidSettings, match="NATS has no streams of nats"):
        await copied("none", settings_of(nats_node))
    assert not (tmp_path / "none").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(InvalidSettings, match="is there already"):
        await copied("full")
    async with node_on(nats_node, settings, keys) as server:
        response = await server.admin.post("/_backup", json={"folder": str(tmp_path / "b")})
        assert response.status_code == 400
        assert "userstream backup FOLDER --config FILE" in json.loads(response.text)["error"]["msg"]
        js: JetStream = server.service.bus._js
        shard = server.service.bus._layout.shard_of("alice")
        stream = f"{settings.prefix}-events-{shard}"
        await js.change(stream, lambda config: {**config, "deny_delete": False})
        await js.ask(f"STREAM.MSG.DELETE.{stream}", {"seq": 100})
    with pytest.raises(StoreDamaged, match="is gone: retention was faster; try again"):
        await copied("hole")
    with pytest.raises(InvalidSettings, match="is no finished backup"):
        restore(tmp_path / "hole", tmp_path / "restored")
