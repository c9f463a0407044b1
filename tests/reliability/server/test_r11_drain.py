"""R11: SIGTERM under load. One process, so clients wait for the next one at the same address."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.reliability.server.home import Home, names

CLIENTS = 200
SECOND = timedelta(seconds=0.98)
"""Twenty waits in turn, each of which a timer may end a millisecond early."""


async def test_r11_a_stop_under_load_ends_200_streams_in_turn_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async with Home(tmp_path) as home:
        exchange = await home.open(names(CLIENTS))
        for name in exchange.accounts:
            home.follow(name, "spacedex")
        await home.all_live()
        async with exchange.load(500):
            await asyncio.sleep(0.5)
            stopping, began = asyncio.create_task(home.stop()), time.monotonic()
            await asyncio.sleep(0.1)
            assert (await home.admin.get("/_health/ready")).status_code == 503
            assert await stopping == 0
            took_s = time.monotonic() - began
            await home.start()
            await home.all_live()
        await home.proven()
    assert took_s <= 30, f"the stop took {took_s:.1f} s"
    assert {(f.ends[0].code, f.ends[0].reason) for f in home.followers} == {(1001, "shutdown")}
    ended = closes(tmp_path / "log")
    assert len(ended) == CLIENTS
    most = CLIENTS // 10
    for first, later in zip(ended, ended[most:], strict=False):
        assert later - first >= SECOND, f"more than {most} closes in a second"


def closes(log: Path) -> list[datetime]:
    """When the server ended streams since it was to stop, by its own log."""
    told = [json.loads(text) for text in log.read_text().splitlines()]
    return [
        datetime.fromisoformat(line["timestamp"])
        for line in told
        if line["event"] == "stream ended" and line["reason"] == "shutdown"
    ]
