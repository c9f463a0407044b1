"""Backups of a running server and of a folder, and what is restored from them."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.server.cutting import rig
from tests.server.running import Running, running, take
from tests.server.stores.test_rocks_disk import fill, mounted
from tests.server.test_cuts import mixed
from tests.venues.orders import order
from userstream.errors import InvalidSettings, StoreDamaged, StoreTooNew, StoreUnavailable
from userstream.server.backup import back_up, restore
from userstream.server.folder import open_folder
from userstream.venue import WHOLE, Cursor
from userstream.venues import load


async def backed_up(server: Running, target: Path) -> dict[str, Any]:
    response = await server.admin.post("/_backup", json={"folder": str(target)}, timeout=30)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def refused(server: Running, folder: object) -> str:
    response = await server.admin.post("/_backup", json={"folder": folder})
    assert response.status_code == 400, response.text
    message: str = response.json()["error"]["msg"]
    return message


async def stored(server: Running) -> list[tuple[int, str]]:
    query = {"account": "alice", "from": "1"}
    lines = (await server.admin.get("/_events", params=query)).text.splitlines()
    events = [json.loads(text) for text in lines]
    return [(e["seq"], e["event"]["order_id"]) for e in events]


async def test_a_running_server_is_copied_as_it_is_at_one_moment(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "backup"
    async with running(bus=f"file:{data}") as server:
        key = await server.key()
        made = await backed_up_under_load(server, target)
        assert made["bytes"] > 1_000
        assert made["epoch"] == server.service.bus.epoch
        assert not (data / "checkpoint").exists()
        await (
            server.publish()
        )  # what was given up when publishing was stopped is stored by now, or never
        before = await stored(server)
        await server.publish()
        last = str(server.counts["alice"])
        assert await stored(server) == [*before, (len(before) + 1, last)]
    assert (target / "key.secret").read_text() == (data / "key.secret").read_text()
    assert {oct(p.stat().st_mode & 0o077) for p in (target, target / "key.secret")} == {"0o0"}
    restore(target, tmp_path / "restored")
    async with running(bus=f"file:{tmp_path / 'restored'}", accounts=()) as server:
        there = await stored(server)
        assert 20 <= len(there) <= len(before)
        assert there == before[: len(there)]
        assert server.service.bus.epoch != made["epoch"]
        async with server.stream("binance", key) as socket:  # its key secret came along
            answer = await server.publisher.publish("alice", order(), n=1_000)
            assert await take(socket, 1) == server.frames("binance", "alice", answer)
        assert await server.key() == key
        again = await server.publisher.publish("alice", order(), n=1)
        assert again.duplicate


async def backed_up_under_load(server: Running, target: Path) -> dict[str, Any]:
    """A backup while events are published, before, meanwhile and after."""
    for _ in range(20):
        await server.publish()

    async def publish() -> None:
        while True:
            await server.publish()

    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(publish())
        made = await backed_up(server, target)
        publishing.cancel()
    return made


async def test_after_a_restore_no_cursor_of_before_is_good(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "backup"
    async with rig(data) as rigged:
        await rigged.publish([*mixed(3)])
        stored, old, head = rigged.bus.epoch, rigged.epoch(), rigged.bus.head("alice")
    back_up(data, target, 5)
    assert restore(target, tmp_path / "restored").epoch == stored
    async with rig(tmp_path / "restored") as rigged:
        rigged.n = head
        await rigged.publish([order()])
        for cursor in (Cursor(old, 2, WHOLE), Cursor(old, head, WHOLE)):
            stream = await rigged.stream(load("bhex"), resume=cursor).settled()
            assert [(m.kind, m.reason) for m in stream.said] == [("us.refused", "epoch")]
        assert rigged.bus.head("alice") == head + 1


async def test_a_folder_that_cannot_be_a_backup_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    async with running(bus=f"file:{tmp_path / 'data'}") as server:
        for folder, why in (
            ("relative", "is not absolute"),
            (tmp_path / "data" / "backup", "is in the data folder"),
            (tmp_path / "mine", "is there already"),
            (tmp_path / "mine" / "thesis.txt", "is there already"),
            (tmp_path / "no" / "such", "cannot be written"),
            (tmp_path / ("x" * 300), "cannot be written"),
            (f"{tmp_path}/a\0b", "cannot be a folder"),
        ):
            assert why in await refused(server, str(folder))
        assert "a body is" in await refused(server, 7)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    async with running() as server:
        assert "in memory" in await refused(server, str(tmp_path / "x"))


async def test_a_folder_in_use_is_not_copied_from_outside(tmp_path: Path) -> None:
    async with rig(tmp_path / "data"):
        with pytest.raises(StoreUnavailable, match="is in use by another process"):
            back_up(tmp_path / "data", tmp_path / "backup", 5)
    with pytest.raises(InvalidSettings, match="is no data folder"):
        back_up(tmp_path, tmp_path / "backup2", 5)


def small(path: Path) -> Path:
    """A backup of an empty data folder."""
    open_folder(path / "data", synced=False).close()
    back_up(path / "data", path / "backup", 5)
    return path / "backup"


def test_a_backup_is_not_served_but_restored(tmp_path: Path) -> None:
    backup = small(tmp_path)
    with pytest.raises(InvalidSettings, match="is a backup: make a data folder from it"):
        open_folder(backup, synced=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(InvalidSettings, match="is there already"):
        restore(backup, tmp_path / "full")
    with pytest.raises(InvalidSettings, match="cannot be written"):
        restore(backup, tmp_path / "full" / "file" / "below")
    restore(backup, tmp_path / "restored")
    open_folder(tmp_path / "restored", synced=False).close()


def test_what_is_no_finished_backup_is_not_restored(tmp_path: Path) -> None:
    backup = small(tmp_path)
    label = backup / "BACKUP"
    whole = label.read_bytes()
    for text, error, why in (
        (b"{}", InvalidSettings, "is not what a backup says"),
        (whole.replace(b'"v":1', b'"v":2'), StoreTooNew, "is a backup of version 2"),
    ):
        label.write_bytes(text)
        with pytest.raises(error, match=why):
            restore(backup, tmp_path / "restored")
    label.unlink()
    with pytest.raises(InvalidSettings, match="is no finished backup"):
        restore(backup, tmp_path / "restored")
    label.write_bytes(whole)
    for path in (backup / "log" / "rocks").iterdir():
        path.write_bytes(os.urandom(100))
    with pytest.raises(StoreDamaged):
        restore(backup, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


async def test_a_backup_that_was_cut_short_leaves_nothing_behind(tmp_path: Path) -> None:
    left = tmp_path / "data" / "checkpoint"
    async with rig(tmp_path / "data"):
        left.mkdir()
        (left / "file").write_text("of a backup that was killed")
    async with rig(tmp_path / "data"):
        assert not left.exists()


async def test_a_full_disk_ends_a_backup_and_the_server_goes_on(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 8 << 20) as disk:
        async with running(bus=f"file:{tmp_path / 'data'}") as server:
            for _ in range(20):
                await server.publish()
            fill(disk, 8_192)
            body = {"folder": str(disk / "backup")}
            response = await server.admin.post("/_backup", json=body, timeout=30)
            assert response.status_code == 503, response.text
            assert not (disk / "backup" / "BACKUP").exists()
            assert (await server.publish()).error is None
