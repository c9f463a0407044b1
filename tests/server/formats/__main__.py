"""Makes the data folder of this version, as ``kill -9`` leaves it."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import msgspec

from tests.server.cutting import rig
from tests.server.running import running
from tests.server.test_cuts import mixed
from userstream.version import VERSION

HERE = Path(__file__).parent


async def write(folder: Path) -> None:
    """Two hundred events and more in tables and in the log, accounts, listen keys."""
    bus = f"file:{folder}"
    async with running(bus=bus) as server:
        await server.key()
    async with rig(folder, synced=True) as rigged:
        await rigged.publish([*mixed(60)])
        await rigged.publish([*mixed(2)], "bob")
    async with rig(folder, synced=True) as rigged:
        rigged.n = 1_000
        await rigged.publish([*mixed(3)])
        events = await rigged.bus.history("alice", 1, 1_000)
        told = {
            "epoch": rigged.bus.epoch,
            "head": rigged.bus.head("alice"),
            "events": [msgspec.to_builtins(stored.record) for stored in events],
            "picture": len(rigged.bus._ledger.account("alice").picture.balances),
        }
        shutil.copytree(folder, folder.with_name("killed"))
    (folder.with_name("killed") / "told.json").write_text(json.dumps(told))


def main() -> None:
    target = HERE / f"{VERSION}.tar.gz"
    if target.exists():
        sys.exit(f"{target} is there: what a release left is never made anew")
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(write(Path(place) / "data"))
        with tarfile.open(target, "w:gz") as archive:
            archive.add(Path(place) / "killed", arcname="data")


if __name__ == "__main__":
    main()
