"""What every store does, whatever it survives."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from userstream.errors import StoreUnavailable
from userstream.server.store import Batch, Store, Survives
from userstream.server.stores.memory import MemoryStore
from userstream.server.stores.rocks import RocksStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KINDS = ("memory", "unsynced", "synced")
PROMISES = {
    "memory": Survives.NOTHING,
    "unsynced": Survives.PROCESS_KILL,
    "synced": Survives.POWER_CUT,
}


def build(kind: str, folder: Path) -> Store:
    if kind == "memory":
        return MemoryStore()
    return RocksStore(folder, kind == "synced", write_buffer=256 << 10)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def reopen(kind: str, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    stores: list[Store] = []

    def fresh() -> Store:
        for store in stores:
            store.close()
        stores.append(build(kind, tmp_path / "data"))
        return stores[-1]

    yield fresh
    for store in stores:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


def everything(store: Store) -> list[tuple[bytes, bytes]]:
    return list(store.scan(b"", b"\xff" * 64, 1 << 30))


def test_says_what_it_survives(store: Store, kind: str) -> None:
    assert store.survives is PROMISES[kind]


def test_an_unknown_key_has_no_value(store: Store) -> None:
    assert store.get(b"k") is None
    store.commit(Batch(puts=[(b"k", b"")]))
    assert store.get(b"k") == b""


def test_a_batch_is_visible_as_a_whole(store: Store) -> None:
    store.commit(Batch(puts=[(b"a", b"1"), (b"b", b"2")]))
    store.commit(Batch(puts=[(b"c", b"3"), (b"a", b"4")], deletes=[b"b", b"never"]))
    assert everything(store) == [(b"a", b"4"), (b"c", b"3")]


def test_the_last_put_of_a_key_counts_and_a_delete_counts_more(store: Store) -> None:
    store.commit(Batch(puts=[(b"a", b"1"), (b"a", b"2"), (b"b", b"3")], deletes=[b"b"]))
    assert everything(store) == [(b"a", b"2")]


def test_an_empty_batch_changes_nothing(store: Store) -> None:
    store.commit(Batch(puts=[(b"a", b"1")]))
    store.commit(Batch())
    assert everything(store) == [(b"a", b"1")]


def test_scans_in_the_order_of_bytes(store: Store) -> None:
    keys = [b"e/a\0" + number.to_bytes(8, "big") for number in (3, 256, 1, 255, 1 << 40)]
    store.commit(Batch(puts=[(key, key) for key in keys]))
    store.commit(Batch(puts=[(b"e/a", b""), (b"e/ab\0", b""), (b"\xff", b""), (b"", b"")]))
    assert [key for key, _ in everything(store)] == sorted([*keys, b"e/a", b"e/ab\0", b"\xff", b""])
    assert [key for key, _ in store.scan(b"e/a\0", b"e/a\1", 100)] == sorted(keys)


def test_a_scan_is_half_open_and_stops_at_its_limit(store: Store) -> None:
    store.commit(Batch(puts=[(b"%d" % number, b"") for number in range(10)]))
    assert [key for key, _ in store.scan(b"3", b"6", 100)] == [b"3", b"4", b"5"]
    assert [key for key, _ in store.scan(b"3", b"9", 2)] == [b"3", b"4"]
    assert list(store.scan(b"3", b"9", 0)) == []
    assert list(store.scan(b"6", b"3", 100)) == []


def test_a_scan_shows_what_was_there_when_it_was_called(store: Store) -> None:
    store.commit(Batch(puts=[(b"a", b"1"), (b"b", b"1")]))
    entries = store.scan(b"", b"z", 100)
    assert next(entries) == (b"a", b"1")
    store.commit(Batch(puts=[(b"b", b"2"), (b"c", b"2")]))
    assert list(entries) == [(b"b", b"1")]


def test_a_reopened_store_has_what_it_survives(store: Store, reopen: Callable[[], Store]) -> None:
    store.commit(Batch(puts=[(b"a", b"1"), (b"b", b"2")]))
    store.commit(Batch(deletes=[b"a"]))
    survived = [] if store.survives is Survives.NOTHING else [(b"b", b"2")]
    for _ in range(3):
        store = reopen()
        assert everything(store) == survived


def test_a_closed_store_refuses(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.get(b"a")
    with pytest.raises(StoreUnavailable, match="closed"):
        store.scan(b"", b"z", 1)
    with pytest.raises(StoreUnavailable, match="closed"):
        store.commit(Batch(puts=[(b"a", b"1")]))


def test_any_thread_may_use_it(store: Store) -> None:
    turn = threading.Lock()
    problems: list[BaseException] = []

    def use(thread: int) -> None:
        try:
            for number in range(100):
                key = b"%d/%d" % (thread, number)
                with turn:
                    store.commit(Batch(puts=[(key, key)]))
                    assert store.get(key) == key
                    assert len(list(store.scan(b"%d/" % thread, b"%d0" % thread, 1000))) > number
        except BaseException as problem:
            problems.append(problem)
            raise

    threads = [threading.Thread(target=use, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(everything(store)) == 400


def test_a_reader_beside_the_writer_sees_whole_batches(store: Store) -> None:
    done = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(len({value for _, value in store.scan(b"", b"z", 9)}))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(500):
        turn, other = (b"a", b"b") if number % 2 else (b"b", b"a")
        value = b"%d" % number
        store.commit(Batch([(turn, value), (b"c", value)], deletes=[other]))
    done.set()
    reader.join()
    assert seen <= {0, 1}


KEYS = st.binary(max_size=3)
BATCHES = st.builds(
    Batch,
    puts=st.lists(st.tuples(KEYS, st.binary(max_size=40)), max_size=6),
    deletes=st.lists(KEYS, max_size=4),
)
STEPS = st.lists(
    st.one_of(
        BATCHES,
        st.tuples(KEYS, KEYS, st.integers(0, 5)),
        st.just("reopen"),
    ),
    max_size=30,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_behaves_like_a_sorted_dictionary(
    kind: str, steps: list[object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("model")
    store, model = build(kind, folder), dict[bytes, bytes]()
    for step in steps:
        if isinstance(step, Batch):
            store.commit(step)
            model.update(step.puts)
            for key in step.deletes:
                model.pop(key, None)
        elif isinstance(step, tuple):
            start, stop, limit = step
            inside = sorted(entry for entry in model.items() if start <= entry[0] < stop)
            assert list(store.scan(start, stop, limit)) == inside[:limit]
            assert store.get(start) == model.get(start)
        else:
            store.close()
            model = {} if kind == "memory" else model
            store = build(kind, folder)
    assert everything(store) == sorted(model.items())
    store.close()
