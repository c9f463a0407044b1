"""A data folder moves to NATS: epoch, places and keys stay; what is cut short is begun anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.server.nats.moving import (
    Lived,
    check,
    history,
    lived,
    move,
    node_on,
    publish,
    settings_of,
)
from tests.server.nats.servers import Nodes
from tests.server.running import running
from tests.server.test_cuts import mixed
from userstream.errors import InvalidSettings, StoreDamaged, StoreUnavailable
from userstream.server.folder import MOVED, open_folder
from userstream.server.nats import filling
from userstream.server.nats.accounts import NatsAccounts
from userstream.server.nats.filling import Filling
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.keys import NatsKeys
from userstream.server.nats.move import Move
from userstream.server.nats.target import Target
from userstream.server.records import event_key
from userstream.server.store import Batch


async def test_all_that_a_folder_has_is_on_nats_and_goes_on(
    nats_node: Nodes, tmp_path: Path
) -> None:
    it, settings, keys = await lived(tmp_path / "data"), settings_of(nats_node), tmp_path / "keys"
    told: list[tuple[str, int, int]] = []
    moved = await move(it, nats_node, settings, keys, told=lambda *t: told.append(t)).run()
    assert (moved.accounts, moved.listen_keys) == (3, 4)
    assert {what for what, _, _ in told} == {"events", "positions", "accounts and listen keys"}
    assert told[0] == ("events", moved.events, moved.events)
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.read_text() == (it.data / "key.secret").read_text()
    again = await move(it, nats_node, settings, keys).run()
    assert again == moved
    with pytest.raises(InvalidSettings, match="was moved to NATS, as its file MOVED says"):
        open_folder(it.data, synced=True)
    elsewhere = settings_of(nats_node)
    with pytest.raises(InvalidSettings, match="was moved already, but not to here"):
        await move(it, nats_node, elsewhere, keys).run()
    await check(it, moved, nats_node, settings, keys)


class Cut(Exception):
    """A crash."""


def _cut(owner: Any, name: str, *, after: int = 0, before: bool = False) -> Any:
    """That call does not come back, the first or a later time."""
    real, calls = getattr(owner, name), 0

    async def crashing(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after and before:
            raise Cut
        done = await real(*args, **kwargs)
        if calls > after:
            raise Cut
        return done

    return mock.patch.object(owner, name, crashing)


POINTS = {
    "some streams are made": lambda: _cut(JetStream, "provide", after=2),
    "all streams are made": lambda: _cut(Target, "make"),
    "some events are stored": lambda: _cut(Filling, "_stored", after=2),
    "some heads are stored": lambda: _cut(Filling, "_write_head", after=1),
    "events and heads are stored": lambda: _cut(Filling, "run"),
    "accounts are stored": lambda: _cut(NatsAccounts, "take"),
    "some listen keys are stored": lambda: _cut(NatsKeys, "_taken", after=1),
    "all is stored": lambda: _cut(NatsKeys, "take"),
}


@pytest.mark.parametrize("point", POINTS)
async def test_what_a_crash_left_is_nobodys_and_the_next_try_moves_all(
    point: str, nats_node: Nodes, tmp_path: Path
) -> None:
    it, settings, keys = await lived(tmp_path / "data"), settings_of(nats_node), tmp_path / "keys"
    with POINTS[point](), mock.patch.object(filling, "_AT_ONCE", 100), pytest.raises(Cut):
        await move(it, nats_node, settings, keys).run()
    assert not (it.data / MOVED).exists()
    with pytest.raises(InvalidSettings, match="is not finished: run `userstream move` again"):
        async with node_on(nats_node, settings, keys):
            pass
    await _goes_on(it)
    moved = await move(it, nats_node, settings, keys).run()
    await check(it, moved, nats_node, settings, keys)


async def _goes_on(it: Lived) -> None:
    """Whoever has to serve meanwhile can: the folder is as it was."""
    async with running(bus=f"file:{it.data}", accounts=()) as server:
        assert server.service.bus.epoch == it.epoch
        answer = await server.publisher.publish("dave", next(mixed(1)), n=2)
        assert answer.seq == 2
        it.history["dave"] = await history(server, "dave")


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_a_move_that_was_cut_short_at_its_end_is_finished(
    before: bool, nats_node: Nodes, tmp_path: Path
) -> None:
    it, settings, keys = await lived(tmp_path / "data"), settings_of(nats_node), tmp_path / "keys"
    with _cut(Target, "finish", before=before), pytest.raises(Cut):
        await move(it, nats_node, settings, keys).run()
    assert (it.data / MOVED).exists()
    with mock.patch.object(Move, "_copied", side_effect=AssertionError("copied twice")):
        moved = await move(it, nats_node, settings, keys).run()
    await check(it, moved, nats_node, settings, keys)


async def test_a_target_that_has_data_is_refused_and_left_alone(
    nats_node: Nodes, tmp_path: Path
) -> None:
    it, settings, keys = await lived(tmp_path / "data"), settings_of(nats_node), tmp_path / "keys"
    other = tmp_path / "other"
    other.write_text("ab" * 32)
    other.chmod(0o600)
    async with node_on(nats_node, settings, other) as server:
        await server.account("zoe")
        await server.publish("zoe")
    with pytest.raises(InvalidSettings, match=r"has data of nats\.prefix .* already, 5 streams"):
        await move(it, nats_node, settings, keys).run()
    async with node_on(nats_node, settings, other) as server:
        assert [r.name for r in server.service.accounts.listed()] == ["zoe"]
        assert (await server.publish("zoe")).seq == 1  # the same n: a repeat
    with pytest.raises(InvalidSettings, match="holds another key secret than the folder's"):
        await move(it, nats_node, settings_of(nats_node), other).run()


async def test_a_folder_that_is_none_or_in_use_or_damaged_is_not_moved(
    nats_node: Nodes, tmp_path: Path
) -> None:
    settings, keys = settings_of(nats_node), tmp_path / "keys"
    with pytest.raises(InvalidSettings, match=r"is no data folder: it has no key\.secret"):
        await move(Lived(tmp_path / "none"), nats_node, settings, keys).run()
    assert not (tmp_path / "none").exists()
    it = await lived(tmp_path / "data")
    async with running(bus=f"file:{it.data}", accounts=()):
        with pytest.raises(StoreUnavailable, match="is in use by another process"):
            await move(it, nats_node, settings, keys).run()
    folder = open_folder(it.data, synced=True)
    folder.store.commit(Batch(deletes=[event_key("alice", 100)]))
    folder.close()
    with pytest.raises(StoreDamaged, match="event 100 of an account is missing"):
        await move(it, nats_node, settings, keys).run()
    nowhere = tmp_path / "no" / "folder"
    with pytest.raises(InvalidSettings, match="cannot be written: No such file"):
        await move(it, nats_node, settings, nowhere).run()


async def test_what_nats_has_no_room_for_is_said_in_words(nats_node: Nodes, tmp_path: Path) -> None:
    it, keys = await lived(tmp_path / "data"), tmp_path / "keys"
    async with running(bus=f"file:{it.data}", accounts=()) as server:
        for _ in range(12):
            await publish(server, it, 90)
    small = settings_of(nats_node, max_bytes=1_048_576)
    with pytest.raises(InvalidSettings, match=r"a shard of this folder needs more than \d+"):
        await move(it, nats_node, small, keys).run()
    with (
        mock.patch.object(filling, "_OVERHEAD_BYTES", -1_000_000),
        mock.patch.object(filling, "_WAIT_S", 0.5),
        pytest.raises(InvalidSettings, match=r"is full: nats\.max_bytes is 1048576; raise it"),
    ):
        await move(it, nats_node, small, keys).run()
    with (
        mock.patch.object(filling, "_HEADER_BYTES", (1 << 20) - 600),
        pytest.raises(InvalidSettings, match="NATS allows 600: raise its max_payload"),
    ):
        await move(it, nats_node, settings_of(nats_node, prefix=small.prefix), keys).run()
