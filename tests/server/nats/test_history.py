"""Reading history without a NATS: any event is found, and one near the end of a long log soon."""

from __future__ import annotations

import asyncio
import bisect
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from tests.core.lines import line
from userstream.core.publishing import Appended
from userstream.server.nats.history import History
from userstream.server.nats.jetstream import JetStream, Kept
from userstream.server.nats.layout import Layout, write_event
from userstream.server.pagecache import PAGE

LAYOUT = Layout("us", 1, "e", batches=True)
LINE = line()


class Copy:
    """A shard's stream: an account's events lie at some places, others' between them."""

    def __init__(self, places: list[int], first: int = 1) -> None:
        self.places = places
        self.first = first
        self.asked = 0

    async def several(
        self, _: str, *, seq: int, next_by_subj: str, batch: int, **__: object
    ) -> list[Kept]:
        assert next_by_subj == "us.in.0.alice"
        self.asked += 1
        at = bisect.bisect_left(self.places, seq)
        return [self._kept(n) for n in range(at, min(at + batch, len(self.places)))]

    async def get(self, _: str, *, last_by_subj: str) -> Kept | None:
        assert last_by_subj == "us.in.0.alice"
        return self._kept(len(self.places) - 1) if self.places else None

    def _kept(self, n: int) -> Kept:
        event = Appended("alice", "e", self.first + n, 1, LINE, None)
        return Kept("us.in.0.alice", self.places[n], write_event(event))

    def read(self, from_seq: int) -> list[int]:
        history = History(cast("JetStream", self), LAYOUT)
        head = self.first + len(self.places) - 1
        events = asyncio.run(history.read("alice", from_seq, head, self.places[-1]))
        return [event.seq for event in events]


@given(st.sets(st.integers(1, 50_000), min_size=1, max_size=2_000), st.integers(1, 3), st.data())
def test_what_is_retained_is_found_wherever_it_lies(
    places: set[int], first: int, data: st.DataObject
) -> None:
    copy = Copy(sorted(places), first)
    head = first + len(places) - 1
    from_seq = data.draw(st.integers(1, head))
    found = copy.read(from_seq)
    begun = max(from_seq, first)
    assert found
    assert found == list(range(begun, begun + len(found)))
    assert found[-1] <= head
    assert len(found) <= PAGE


def test_one_near_the_end_of_a_long_log_is_found_with_one_look() -> None:
    copy = Copy(list(range(7, 1_000_000, 20)))
    head = len(copy.places)
    assert copy.read(head - 5)[0] == head - 5
    assert copy.asked == 2  # a look, and the page


def test_one_far_from_the_end_takes_no_more_looks_than_halving_would() -> None:
    copy = Copy(list(range(7, 1_000_000, 20)))
    assert copy.read(25_000)[0] == 25_000
    assert copy.asked <= 20
