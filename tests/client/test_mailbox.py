"""Mailbox and spill: bounded, in order, and nothing lost between threads."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.client.mailbox import Item, Mailbox
from userstream.client.spill import Spill
from userstream.core.client.mender import Deliver
from userstream.core.client.plan import Proof
from userstream.core.client.told import Gap, OtherEvent


def items(*numbers: int) -> list[Item]:
    return [Deliver(Gap(why=str(n)), Proof(n)) for n in numbers]


def numbers(box: Mailbox) -> list[int]:
    found = []
    while (item := box.take()) is not None:
        assert isinstance(item.what, Gap)
        assert item.proof == Proof(int(item.what.why))
        found.append(int(item.what.why))
    return found


def test_a_full_one_asks_to_stop_and_says_when_to_go_on() -> None:
    rooms: list[int] = []
    box = Mailbox(4, None, lambda: rooms.append(len(box)))
    assert box.put(items(1, 2, 3)) is False
    assert box.put(items(4)) is True
    assert box.put(items(5)) is True
    assert numbers(box) == [1, 2, 3, 4, 5]
    assert rooms == [2]


def test_what_comes_while_it_empties_does_not_let_it_forget_who_waits() -> None:
    rooms: list[int] = []
    box = Mailbox(6, None, lambda: rooms.append(len(box)))
    assert box.put(items(1, 2, 3, 4, 5, 6)) is True
    assert box.take() is not None
    assert box.take() is not None
    box.put(items(7))  # not full, and not half empty: it was in the reader's hand when it stopped
    assert numbers(box) == [3, 4, 5, 6, 7]
    assert rooms == [3]


@given(st.lists(st.integers(-6, 6)), st.booleans())
def test_nobody_waits_for_ever_at_one_that_is_half_empty(steps: list[int], spills: bool) -> None:
    """Steps: so many are put, or taken."""
    waits = False

    def go_on() -> None:
        nonlocal waits
        waits = False

    box = Mailbox(4, Spill(600) if spills else None, go_on)
    with closing(box):
        for step in steps:
            if step > 0:
                waits |= box.put(items(*range(step)))
            for _ in range(-step):
                box.take()
            assert not waits or len(box) > 2
        numbers(box)
        assert not waits


def test_what_spills_comes_back_in_order_however_it_is_taken() -> None:
    spill = Spill(1 << 20)
    box = Mailbox(3, spill, lambda: None)
    assert box.put(items(*range(100))) is False
    assert len(box) == 100
    assert [box.take(), len(box)] == [items(0)[0], 99]
    box.put(items(*range(100, 110)))
    assert numbers(box) == list(range(1, 110))
    box.put(items(*range(20)))
    assert numbers(box) == list(range(20))
    box.close()


def test_a_spill_that_is_full_blocks_and_keeps_the_order() -> None:
    rooms: list[int] = []
    box = Mailbox(2, Spill(500), lambda: rooms.append(1))
    stopped = [box.put(items(n)) for n in range(30)]
    assert stopped[0] is False
    assert stopped[-1] is True
    assert numbers(box) == list(range(30))
    assert rooms
    box.close()


def test_a_disk_that_refuses_is_as_good_as_full(monkeypatch: pytest.MonkeyPatch) -> None:
    spill = Spill(1 << 20)

    class Full:
        def seek(self, _: int) -> None:
            raise OSError(28, "No space left on device")

    file = spill._file
    monkeypatch.setattr(spill, "_file", Full())
    assert spill.write(1) is False
    assert spill.takes is False
    file.close()


def test_a_frame_survives_the_disk_as_it_was() -> None:
    spill = Spill(1 << 20)
    things = [Deliver(OtherEvent(kind="", raw=raw)) for raw in (b"\xff", "text")]
    assert all(spill.write(thing) for thing in things)
    assert spill.read(9) == things
    spill.close()


def test_threads_hand_over_everything() -> None:
    box = Mailbox(100_000, None, lambda: None)
    threading.Thread(target=lambda: [box.put(items(n)) for n in range(2_000)]).start()
    seen: list[int] = []
    while len(seen) < 2_000:
        assert box.block_until(lambda: bool(len(box)), 5)
        seen += numbers(box)
    assert seen == list(range(2_000))
    began = time.monotonic()
    assert box.block_until(lambda: bool(len(box)), 0.05) is False
    assert time.monotonic() - began < 1
    assert box._waiters == {}
    box.close()
