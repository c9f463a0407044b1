"""Readers of the same history share what is read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from userstream.core.publishing import Appended
from userstream.errors import StoreUnavailable
from userstream.events import AccountSnapshot
from userstream.server.nats.reads import Reads

PAGE = 256


class Log:
    """Events 1 to ``head`` of every account, of which the first are not retained."""

    def __init__(self, oldest: int = 1, picture: AccountSnapshot | None = None) -> None:
        self.oldest = oldest
        self.picture = picture
        self.asked: list[tuple[str, int]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.fails = False

    async def read(self, account: str, from_seq: int, head: int, _: int) -> Sequence[Appended]:
        self.asked.append((account, from_seq))
        await self.go.wait()
        if self.fails:
            raise StoreUnavailable("no copy")
        start = max(from_seq, self.oldest)
        return [
            Appended(account, "e", seq, 0, b"{}", None, None, self.picture)
            for seq in range(start, min(start + PAGE, head + 1))
        ]


def seqs(run: Sequence[Appended]) -> list[int]:
    return [event.seq for event in run]


async def test_who_comes_while_a_run_is_read_waits_for_it() -> None:
    log = Log()
    log.go.clear()
    reads = Reads(log, 10_000_000)
    herd = [asyncio.create_task(reads.read("alice", n, 300, 9)) for n in (1, 1, 1, 5, 200)]
    other = asyncio.create_task(reads.read("bob", 1, 300, 9))
    await asyncio.sleep(0)
    gone = herd.pop()
    gone.cancel()  # one hangs up
    await asyncio.sleep(0)
    log.go.set()
    runs = [seqs(await reader) for reader in herd]
    assert runs == [[*range(1, 257)]] * 3 + [[*range(5, 257)]]
    assert seqs(await other) == [*range(1, 257)]
    assert log.asked == [("alice", 1), ("bob", 1)]
    assert seqs(await reads.read("alice", 256, 300, 9)) == [256]
    assert seqs(await reads.read("alice", 257, 300, 9)) == [*range(257, 301)]
    assert log.asked[2:] == [("alice", 257)]


async def test_what_a_run_has_not_is_read() -> None:
    log = Log()
    reads = Reads(log, 10_000_000)
    assert seqs(await reads.read("alice", 1, 10, 9)) == [*range(1, 11)]
    assert seqs(await reads.read("alice", 11, 10, 9)) == []
    assert seqs(await reads.read("alice", 11, 12, 9)) == [11, 12]  # it went on since
    assert seqs(await reads.read("alice", 3, 12, 9)) == [*range(3, 11)]
    assert log.asked == [("alice", 1), ("alice", 11)]


async def test_a_run_whose_beginning_is_not_retained_is_no_answer_to_what_lies_before() -> None:
    log = Log(oldest=50)
    reads = Reads(log, 10_000_000)
    assert seqs(await reads.read("alice", 10, 60, 9)) == [*range(50, 61)]
    assert seqs(await reads.read("alice", 20, 60, 9)) == [*range(50, 61)]
    assert seqs(await reads.read("alice", 55, 60, 9)) == [*range(55, 61)]
    log.oldest = 61
    assert seqs(await reads.read("alice", 61, 60, 9)) == []


async def test_a_failure_is_told_to_all_and_forgotten() -> None:
    log = Log()
    log.fails = True
    log.go.clear()
    reads = Reads(log, 10_000_000)
    herd = [asyncio.create_task(reads.read("alice", 1, 9, 9)) for _ in range(3)]
    await asyncio.sleep(0)
    log.go.set()
    for reader in herd:
        with pytest.raises(StoreUnavailable):
            await reader
    log.fails = False
    assert seqs(await reads.read("alice", 1, 9, 9)) == [*range(1, 10)]
    assert len(log.asked) == 2


async def test_no_more_is_kept_than_may_be() -> None:
    log = Log(picture=AccountSnapshot(time_ms=1, balances=()))
    event = 1_502
    reads = Reads(log, 20 * event)
    for name in ("alice", "bob"):
        await reads.read(name, 1, 10, 9)
    await reads.read("alice", 1, 10, 9)  # is used again, so bob's goes first
    await reads.read("carol", 1, 10, 9)
    assert len(log.asked) == 3
    await reads.read("alice", 1, 10, 9)
    assert len(log.asked) == 3
    await reads.read("bob", 1, 10, 9)
    assert len(log.asked) == 4
    await reads.read("dave", 1, 21, 9)  # too much by itself
    await reads.read("dave", 1, 21, 9)
    assert len(log.asked) == 6


async def test_nobody_reads_after_the_end() -> None:
    log = Log()
    log.go.clear()
    reads = Reads(log, 10_000_000)
    reader = asyncio.create_task(reads.read("alice", 1, 9, 9))
    await asyncio.sleep(0)
    await reads.close()
    with pytest.raises(asyncio.CancelledError):
        await reader
