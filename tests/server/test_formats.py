"""Data folders that earlier releases left are opened, with all that is in them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import msgspec
import pytest

from tests.server import formats
from tests.server.cutting import rig
from tests.server.running import running, take
from tests.venues.orders import order
from userstream.errors import StoreTooNew
from userstream.server.folder import open_folder
from userstream.server.records import RUN_KEY, EventRecord, decode
from userstream.server.store import Batch
from userstream.venue import WHOLE, Cursor
from userstream.venues import load
from userstream.version import VERSION

ARCHIVES = sorted(Path(formats.__file__).parent.glob("*.tar.gz"))


def unpacked(archive: Path, target: Path) -> Path:
    with tarfile.open(archive) as opened:
        for member in opened:
            path = target / member.name
            if member.isdir():
                path.mkdir(mode=0o700)
                continue
            file = opened.extractfile(member)
            assert file is not None
            path.write_bytes(file.read())
            path.chmod(member.mode)
    return target / "data"


def test_this_version_has_left_one() -> None:
    assert f"{VERSION}.tar.gz" in [archive.name for archive in ARCHIVES]


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda a: a.name)
async def test_what_a_release_left_is_all_there_and_goes_on(archive: Path, tmp_path: Path) -> None:
    data = unpacked(archive, tmp_path)
    told = json.loads((data / "told.json").read_text())
    folder = open_folder(data, synced=True)
    assert [(k.venue, k.account) for k in folder.listen_keys()] == [("binance", "alice")]
    folder.close()
    async with rig(data, synced=True) as rigged:
        assert (rigged.bus.epoch, rigged.bus.head("alice")) == (told["epoch"], told["head"])
        stored = await rigged.bus.history("alice", 1, 1_000)
        assert [s.record for s in stored] == msgspec.convert(told["events"], list[EventRecord])
        assert len(stored) == told["head"] > 200
        assert len(rigged.bus._ledger.account("alice").picture.balances) == told["picture"]
        stream = rigged.stream(load("mexc"), resume=Cursor(rigged.epoch(), 100, WHOLE))
        await stream.settled()
        assert {m.kind for m in stream.said} == {"us.resumed"}
        assert stream.mark(stream.frames[-1]).seq <= told["head"]
    async with running(bus=f"file:{data}", accounts=()) as server:
        assert {r.name for r in server.service.accounts.listed()} == {"alice", "bob"}
        key = await server.key()
        async with server.stream("binance", key) as socket:
            answer = await server.publisher.publish("alice", order(), n=1, takeover=True)
            assert (answer.seq, answer.duplicate) == (told["head"] + 1, False)
            assert await take(socket, 1) == server.frames("binance", "alice", answer)


@pytest.mark.parametrize("key", ["alice", None], ids=["an account", "the run"])
def test_what_a_later_release_left_is_refused_in_words(tmp_path: Path, key: str | None) -> None:
    data = unpacked(ARCHIVES[-1], tmp_path)
    folder = open_folder(data, synced=True)
    place = RUN_KEY if key is None else b"h\0" + key.encode()
    value = folder.store.get(place)
    assert value is not None
    later = json.loads(value) | {"v": 2}
    folder.store.commit(Batch([(place, json.dumps(later).encode())]))
    with pytest.raises(StoreTooNew, match="has version 2; this userstream knows 1"):
        decode(folder.store.get(place) or b"", dict)
    folder.store.close()
    if key is None:
        with pytest.raises(StoreTooNew, match="has version 2"):
            open_folder(data, synced=True)
