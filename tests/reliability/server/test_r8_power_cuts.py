"""R8: 200 power cuts. The folder is copied, and its log cut between the last sync and its end."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.server.proof import NONE, Counts, differences
from tests.reliability.server.sizes import SIZES
from tests.server.cutting import Rig, Stream, rig
from tests.server.stores.conftest import Site
from tests.server.stores.test_rocks_crash import after_power_cut
from tests.venues.orders import order
from userstream.server import folder
from userstream.venue import WHOLE, Cursor
from userstream.venues import load

CUTS = SIZES.r8_cuts


class Published:
    """A bus whose events are numbered, and what it acknowledged."""

    def __init__(self, rigged: Rig) -> None:
        self.rigged = rigged
        self.acked: list[int] = []

    async def publish(self, count: int) -> None:
        first = len(self.acked) + 1
        numbers = range(first, first + count)
        await self.rigged.publish([order(order_id=str(n)) for n in numbers])
        self.acked += numbers


@pytest.fixture
def cut_power(
    power_cut: Callable[[], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[], None]:
    """The machine was started again, also to whom gives epochs."""
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(folder, "_BOOT_ID", boot)

    def cut() -> None:
        power_cut()
        boot.write_text(random.randbytes(8).hex())

    cut()
    return cut


def copy(site: Site, target: Path) -> Site:
    """The folder as it is on the disk now."""
    shutil.rmtree(target, ignore_errors=True)
    copied = site.copy(target / "log")
    shutil.copy(site.folder.parent / "key.secret", target / "key.secret")
    return copied


async def log_of(rigged: Rig) -> list[int]:
    """Order ids in the log, whose ``seq`` have no holes."""
    stored = await rigged.bus.history("alice", 1, 1 << 30)
    assert [s.seq for s in stored] == [*range(1, len(stored) + 1)]
    return [int(s.record.line.event.order_id) for s in stored]  # type: ignore[union-attr]


def seen(stream: Stream) -> list[int]:
    found = [stream.venue.decode(frame) for frame in stream.frames]
    return [int(r.event.order_id) for part in found for r in part]  # type: ignore[union-attr]


async def test_r8_no_synced_event_is_lost_and_the_reader_goes_on(
    tmp_path: Path, cut_power: Callable[[], None]
) -> None:
    chance = random.Random(8)
    site = Site(tmp_path / "data" / "log")
    async with rig(tmp_path / "data", synced=True) as rigged:
        published = Published(rigged)
        await published.publish(3)
        oldest_witness = (site.folder / "STORE").read_bytes()
        for _ in range(CUTS):
            await published.publish(chance.randrange(1, 9))
            acked, n = [*published.acked], rigged.n
            left = copy(site, tmp_path / "left")
            synced, name = left.log.stat().st_size, left.log.name
            await published.publish(chance.randrange(1, 9))  # under way when the power goes
            if site.log.name == name:
                left.log.write_bytes(after_power_cut(site.log.read_bytes(), synced, chance))
            if chance.random() < 0.5:
                (left.folder / "STORE").write_bytes(oldest_witness)
            cut_power()
            await goes_on(tmp_path / "left", acked, published.acked, n, chance)


async def goes_on(
    path: Path, acked: list[int], sent: list[int], n: int, chance: random.Random
) -> None:
    """What was acknowledged is there, what was under way is there or not, and it goes on."""
    before = chance.randrange(len(acked))
    async with rig(path, synced=True) as rigged:
        there = await log_of(rigged)
        assert there in (acked, sent)
        rigged.n = n + len(there) - len(acked)
        stream = rigged.stream(load("spacedex"), resume=Cursor(rigged.epoch(), before, WHOLE))
        again = Published(rigged)
        again.acked = [*there]
        await again.publish(2)
        await stream.settled()
        counts = differences({"alice": again.acked}, [("alice", acked[:before] + seen(stream))])
        assert counts == NONE, counts


async def test_r8_unsynced_only_the_end_is_lost_and_the_epoch_says_so(
    tmp_path: Path, cut_power: Callable[[], None]
) -> None:
    """There is no sync every so many milliseconds: what the system had not written is lost."""
    chance = random.Random(9)
    site = Site(tmp_path / "data" / "log")
    lost = 0
    async with rig(tmp_path / "data") as rigged:
        published, old = Published(rigged), rigged.epoch()
        for _ in range(CUTS):
            await published.publish(chance.randrange(1, 9))
            left = copy(site, tmp_path / "left")
            left.log.write_bytes(after_power_cut(left.log.read_bytes(), 0, chance))
            cut_power()
            async with rig(tmp_path / "left") as again:
                counts = differences({"alice": published.acked}, [("alice", await log_of(again))])
                assert counts == Counts(counts.missing, 0, 0, 0)
                there = len(published.acked) - counts.missing
                assert await log_of(again) == published.acked[:there]
                assert again.epoch() != old
                cursor = Cursor(old, len(published.acked), WHOLE)
                stream = await again.stream(load("bhex"), resume=cursor).settled()
                assert [m.reason for m in stream.said] == ["epoch"]
                lost += counts.missing
    assert lost > CUTS
