"""Groups: what was put meanwhile goes together, up to a bound, and in its order."""

from __future__ import annotations

import asyncio

from tests.server.fakes import SlowStore
from tests.server.running import until
from userstream.errors import StoreError
from userstream.server.committer import Committer
from userstream.server.store import Batch

KIB = 1 << 10


class Grouped(SlowStore):
    """Remembers how many entries each commit had."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[int] = []

    def commit(self, batch: Batch) -> None:
        super().commit(batch)
        self.groups.append(len(batch.puts))


async def test_a_group_is_a_mebibyte_at_most_but_for_one_larger_write() -> None:
    store = Grouped()
    committer = Committer(store)
    done: list[int] = []

    def put(number: int, size: int) -> None:
        def ended(error: StoreError | None) -> None:
            assert error is None
            done.append(number)

        committer.put([(b"%d" % number, bytes(size))], [], ended)

    store.hold()
    put(0, 1)
    await until(lambda: store.waiting)
    for number, size in enumerate((400, 400, 400, 3_000, 100, 100), 1):
        put(number, size * KIB)
    assert committer.pending_bytes > 4_000 * KIB
    store.release()
    await until(lambda: len(done) == 7)
    assert done == [0, 1, 2, 3, 4, 5, 6]
    assert store.groups == [1, 2, 1, 1, 2]
    assert committer.pending_bytes == 0
    await committer.close()


async def test_when_a_group_fails_all_that_waits_fails_too_and_it_says_that_it_refuses() -> None:
    store = Grouped()
    committer = Committer(store)
    store.hold()
    outcomes = [asyncio.ensure_future(committer.write([(b"0", b"")]))]
    await until(lambda: store.waiting)
    outcomes += [
        asyncio.ensure_future(committer.write([(b"%d" % n, bytes(700 * KIB))])) for n in (1, 2, 3)
    ]
    await asyncio.sleep(0)
    store.fail("the disk is full")
    store.release()
    errors = await asyncio.gather(*outcomes, return_exceptions=True)
    assert [str(error) for error in errors] == ["the disk is full"] * 4
    assert committer.refusing
    store.heal()
    await committer.write([(b"4", b"")])
    assert not committer.refusing
    assert store.get(b"1") is None
    await committer.close()
