"""Publishers that are killed in mid-request, come back a week later, or were replaced meanwhile."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

from tests.cli.command import TOKEN, run
from tests.reliability.proxy import Proxy, proxied
from tests.reliability.server.home import Home
from tests.reliability.server.publishing import FENCED, LINES, Publishing, journal
from tests.server.running import until
from userstream.client.publisher import Publisher
from userstream.server.pagecache import PAGE

NAMES = ("alice", "bob", "carol", "dave")
KILLS, TOTAL = 10, 2_500
"""Events of each account."""
SLOW_BYTES_PER_S = 300_000
"""Between publisher and server: a request takes some 0.3 s."""


async def opened(home: Home, total: int = TOTAL) -> None:
    """Accounts with a bot each; the truth is the whole journal."""
    exchange = await home.open(NAMES)
    exchange.acked = {name: [*range(1, total + 1)] for name in NAMES}
    home.follow_all()
    await home.all_live()


async def tail(home: Home, account: str, behind: int) -> int:
    """The last ``seq`` that is stored of an account, at most 1,000 behind a given one."""
    query = {"account": account, "from": str(behind + 1)}
    lines = (await home.admin.get("/_events", params=query)).text.splitlines()
    return int(json.loads(lines[-1])["seq"]) if lines else behind


async def in_mid_request(proxy: Proxy, lines: int) -> None:
    """Waits until that many lines and some bytes of another went on, at about 250 bytes each."""
    target = proxy.up.carried + lines * 250 + random.randrange(250)
    await until(lambda: proxy.up.carried >= target, 30)


async def test_killed_10_times_in_mid_request_it_continues_without_hole_or_repeat(
    tmp_path: Path,
) -> None:
    (tmp_path / "journal").write_bytes(b"\n".join(journal(NAMES, 1, TOTAL)))
    split = 0
    async with Home(tmp_path) as home, proxied(home.server.urls["admin"]) as proxy:
        await opened(home)
        for _ in range(KILLS):
            proxy.up.bytes_per_s = SLOW_BYTES_PER_S
            publisher = Publishing(proxy.url("http"), tmp_path)
            await in_mid_request(proxy, random.randrange(2 * LINES))
            publisher.kill()
            acknowledged = publisher.acknowledged() // len(NAMES)
            split += await tail(home, NAMES[0], acknowledged) > acknowledged
            proxy.up.bytes_per_s = 0
        last = Publishing(proxy.url("http"), tmp_path)
        assert await last.ended() == 0
        await home.proven()
        for name in NAMES:
            assert await home.stored(name) == [*range(1, TOTAL + 1)]
    # The case that matters: stored, and the publisher died before it knew.
    assert split >= KILLS // 3, f"only {split} of {KILLS} kills left lines that nobody was told of"


async def test_a_week_later_when_its_events_are_gone_it_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    """Its events are dropped after a second here; the server is killed too."""
    before, after = 600, 700
    book = tmp_path / "journal"
    async with Home(tmp_path, retention_s=1, retention_check_s=0.1) as home:
        await opened(home, after)
        admin = ("--admin", home.server.urls["admin"])
        book.write_bytes(b"\n".join(journal(NAMES, 1, before)))
        first = await asyncio.to_thread(run, "publish", str(book), *admin)
        assert "2400 stored, 0 stored before, 0 refused" in first.stderr, first.stderr
        gone = [await until_gone(home, name) for name in NAMES]
        assert gone == [2 * PAGE] * len(NAMES)
        home.kill()
        await home.start()
        book.write_bytes(b"\n".join(journal(NAMES, 1, after)))
        again = await asyncio.to_thread(run, "publish", str(book), *admin)
        assert "400 stored, 2400 stored before, 0 refused" in again.stderr, again.stderr
        assert [await tail(home, name, before) for name in NAMES] == [after] * len(NAMES)
        await home.proven()
        async with Publisher(home.server.urls["admin"], token=TOKEN, trust_env=False) as late:
            hole = journal(NAMES[:1], after + 1, after + 2)[1]
            (answer,) = await late.send([hole])
        assert answer.error is not None
        assert answer.error.code == "hole"


async def until_gone(home: Home, account: str) -> int:
    """Waits until old events are dropped; the first that is left."""
    for _ in range(300):
        text = (await home.admin.get("/_events", params={"account": account})).text
        first = int(json.loads(text.splitlines()[0])["seq"])
        if first >= 2 * PAGE:
            return first
        await asyncio.sleep(0.1)
    raise AssertionError("nothing was dropped")


async def test_one_that_was_replaced_in_mid_request_is_fenced_when_it_wakes(
    tmp_path: Path,
) -> None:
    (tmp_path / "journal").write_bytes(b"\n".join(journal(NAMES, 1, TOTAL)))
    async with Home(tmp_path) as home, proxied(home.server.urls["admin"]) as proxy:
        await opened(home)
        proxy.up.bytes_per_s = SLOW_BYTES_PER_S
        asleep = Publishing(proxy.url("http"), tmp_path)
        await in_mid_request(proxy, random.randrange(100, LINES))
        asleep.stop()
        proxy.up.bytes_per_s = 0
        await settled(home)
        async with Publisher(home.server.urls["admin"], token=TOKEN, trust_env=False) as heir:
            for name in NAMES:
                last = await tail(home, name, 0)
                rest = journal([name], last + 1, TOTAL, source="heir")
                rest[0] = rest[0].replace(b'"n":', b'"takeover":true,"n":', 1)
                answers = await heir.send(rest)
                assert [a.seq for a in answers] == [*range(last + 1, TOTAL + 1)]
        asleep.go_on()
        assert await asleep.ended() == FENCED
        await home.proven()


async def settled(home: Home) -> None:
    """Waits until nothing more of what the stopped publisher had sent is stored."""
    got, quiet = -1, 0
    while quiet < 10:
        now = sum(len(f.log) for f in home.followers)
        got, quiet = now, quiet + 1 if now == got else 0
        await asyncio.sleep(0.05)
