"""What every bus promises, whatever it lies on."""

from __future__ import annotations

import asyncio

from tests.server.bus.places import Opened, Place, numbered
from tests.venues.orders import BALANCE, SNAPSHOT, UPDATE
from userstream.core.publishing import Acknowledged, Appended, Duplicate, Refused
from userstream.server.bus import Outcome


def codes(outcomes: list[Outcome]) -> list[str]:
    """What became of lines, in a word each; one is appended here or by another process."""
    words = [o.code if isinstance(o, Refused) else type(o).__name__ for o in outcomes]
    return ["Appended" if word == "Acknowledged" else word for word in words]


def seqs(outcomes: list[Outcome]) -> list[int]:
    """The places of lines that were appended."""
    return [o.seq for o in outcomes if isinstance(o, Appended | Acknowledged)]


async def test_lines_get_their_places_and_subscribers_get_them_in_order(place: Place) -> None:
    async with place.open() as it:
        await it.follow("alice", "bob")
        requests = [
            it.publish(range(n, n + 20), account)
            for n in range(1, 100, 20)
            for account in ("alice", "bob", "carol")
        ]
        outcomes = await asyncio.gather(*requests)
        assert sorted(seq for o in outcomes[::3] for seq in seqs(o)) == [*range(1, 101)]
        for account in ("alice", "bob"):
            given = await it.given(account, 100)
            assert [e.seq for e in given] == [*range(1, 101)]
            assert [e.envelope.event.order_id for e in given] == [str(n) for n in range(1, 101)]  # type: ignore[union-attr]
            assert {e.epoch for e in given} == {it.bus.epoch}
            assert it.bus.head(account) == 100
        assert it.bus.pending_bytes == 0


async def test_a_repeat_is_acknowledged_with_the_head_and_stored_once(place: Place) -> None:
    async with place.open() as it:
        await it.follow("alice")
        await it.publish([1, 2, 3])
        outcomes = await it.publish([2, 3, 4])
        assert codes(outcomes) == ["Duplicate", "Duplicate", "Appended"]
        assert isinstance(outcomes[0], Duplicate)
        assert outcomes[0].seq == 3
        assert [e.seq for e in await it.given("alice", 4)] == [1, 2, 3, 4]


async def test_a_repeat_waits_for_what_it_repeats(place: Place) -> None:
    async with place.open() as it:
        await it.follow("alice")
        first, again = it.bus.submission(), it.bus.submission()
        tickets = [it.bus.append(s, [numbered(1)]) for s in (first, again)]
        for ticket in tickets:
            await ticket.committed()
        assert [codes(t.outcomes) for t in tickets] == [["Appended"], ["Duplicate"]]
        assert len(await it.given("alice", 1)) == 1


async def test_a_publisher_that_was_taken_over_is_fenced_and_nothing_of_it_is_shown(
    place: Place,
) -> None:
    async with place.open() as it:
        await it.follow("alice")
        assert codes(await it.publish([1, 2], source="old")) == ["Appended"] * 2
        assert codes(await it.publish([1], source="new")) == ["other_source"]
        taken = await it.send(numbered(1, source="new", takeover=True))
        assert seqs(taken) == [3]
        assert codes(await it.publish([3, 2], source="old")) == ["fenced", "blocked_by"]
        assert seqs(await it.publish([2], source="new")) == [4]
        assert [e.seq for e in await it.given("alice", 4)] == [1, 2, 3, 4]


async def test_a_refused_line_blocks_the_later_ones_of_its_account_only(place: Place) -> None:
    async with place.open() as it:
        outcomes = await it.send(
            numbered(1, "alice"),
            numbered(3, "alice", prev_n=2),
            numbered(1, "bob"),
            numbered(4, "alice"),
            numbered(2, "bob"),
        )
        assert codes(outcomes) == ["Appended", "hole", "Appended", "blocked_by", "Appended"]
        lines = [numbered(3, "bob"), b'{"account":7}', numbered(4, "bob")]
        assert codes(await it.send(*lines)) == ["Appended", "malformed", "blocked_by"]
        assert seqs(await it.publish([2])) == [2]


async def test_a_request_goes_on_with_its_next_lines(place: Place) -> None:
    async with place.open() as it:
        request = it.bus.submission()
        tickets = [
            it.bus.append(request, [numbered(1), numbered(3, prev_n=2)]),
            it.bus.append(request, [numbered(4)]),
        ]
        for ticket in tickets:
            await ticket.committed()
        assert [t.first_line for t in tickets] == [1, 3]
        last = tickets[1].outcomes[0]
        assert isinstance(last, Refused)
        assert last.msg.startswith("line 2 ")


async def test_the_log_is_read_from_any_place_with_pictures(place: Place) -> None:
    async with place.open() as it:
        await it.send(numbered(1, event=SNAPSHOT), *(numbered(n) for n in range(2, 400)))
        await it.send(numbered(400, event=UPDATE), numbered(401))
        await it.follow("alice")
        assert (it.bus.head("alice"), await it.bus.oldest("alice")) == (401, 1)
        for start in (1, 2, 130, 255, 256, 257, 300, 399, 400, 401):
            read = [*await it.bus.read("alice", start)]
            assert [e.seq for e in read] == [*range(start, start + len(read))]
            while read[-1].seq < 401:
                more = await it.bus.read("alice", read[-1].seq + 1)
                assert more[0].seq == read[-1].seq + 1
                read += more
            assert read[-1].seq == 401
        (account_event, _) = [*await it.bus.read("alice", 400)][:2]
        assert account_event.picture is not None
        assert BALANCE in account_event.picture.balances
        assert len(account_event.picture.balances) == 2
        stored = await it.bus.history("alice", 399, 2)
        assert [(s.seq, s.record.line.n) for s in stored] == [(399, 399), (400, 400)]
        assert await it.bus.history("nobody", 1, 5) == []


async def test_nobody_is_followed_from_where_the_account_is(place: Place) -> None:
    async with place.open() as it:
        await it.follow("nobody")
        assert (it.bus.head("nobody"), await it.bus.oldest("nobody")) == (0, 1)
        assert seqs(await it.publish([1], "nobody")) == [1]
        assert [e.seq for e in await it.given("nobody", 1)] == [1]
        it.bus.unfollow("nobody")
        await it.publish([2], "nobody")
        await it.follow("nobody")
        assert it.bus.head("nobody") == 2
        await it.publish([3], "nobody")
        assert (await it.given("nobody", 3))[-1].seq == 3
        assert it.bus.proven("nobody")


async def test_who_follows_in_the_middle_of_events_misses_none_behind_the_head(
    place: Place,
) -> None:
    async with place.open() as it:
        publishing = asyncio.gather(*(it.publish(range(n, n + 10)) for n in range(1, 600, 10)))
        await asyncio.sleep(0)
        await it.follow("alice")
        before = it.bus.head("alice")
        await publishing
        given = await it.given("alice", 600)
        assert [e.seq for e in given if e.seq > before] == [*range(before + 1, 601)]


async def _told_and_shown(it: Opened, n: int) -> tuple[list[str], int]:
    return codes(await it.publish([n])), len(it.seen["alice"])


async def test_what_cannot_be_committed_is_told_to_publishers_and_shown_to_nobody(
    lasting: Place,
) -> None:
    async with lasting.open() as it:
        await it.follow("alice")
        await it.publish([1, 2])
        await it.given("alice", 2)
        async with lasting.broken():
            assert await _told_and_shown(it, 3) == (["unavailable"], 2)
            assert await _told_and_shown(it, 4) == (["unavailable"], 2)
            assert it.bus.head("alice") == 2
        outcomes = await it.accepted(3)  # it works again by itself
        assert codes(outcomes) in (["Appended"], ["Duplicate"])  # perhaps it was stored after all
        await it.publish([5])
        given = await it.given("alice", 4)
        assert [e.seq for e in given] == [1, 2, 3, 4]
        assert [e.envelope.event.order_id for e in given] == ["1", "2", "3", "5"]  # type: ignore[union-attr]
        assert it.bus.pending_bytes == 0


async def test_everything_is_there_after_a_restart(lasting: Place) -> None:
    async with lasting.open() as it:
        epoch = it.bus.epoch
        await it.send(numbered(1, event=SNAPSHOT), numbered(2), numbered(3))
        await it.send(numbered(1, source="new", takeover=True))
    async with lasting.open() as it:
        assert it.bus.epoch == epoch
        await it.follow("alice")
        assert it.bus.head("alice") == 4
        assert codes(await it.publish([4])) == ["fenced"]
        outcomes = await it.publish([1, 2], source="new")
        assert codes(outcomes) == ["Duplicate", "Appended"]
        assert seqs(await it.send(numbered(3, source="new", event=UPDATE))) == [6]
        given = await it.given("alice", 6)
        assert [e.seq for e in given] == [5, 6]
        assert given[-1].picture is not None
        assert len(given[-1].picture.balances) == 2
        assert [e.seq for e in await it.bus.read("alice", 1)] == [1, 2, 3, 4, 5, 6]


async def test_heads_and_positions_outlive_their_events(lasting: Place) -> None:
    async with lasting.open() as it:
        await it.send(numbered(1, event=SNAPSHOT), *(numbered(n) for n in range(2, 700)))
        await it.follow("alice")
        it.clock.change(advance_ms=2 * 86_400_000)
        while 1 in [stored.seq for stored in await it.bus.history("alice", 1, 1)]:
            await lasting.settled(it)
    async with lasting.open() as it:
        await it.follow("alice")
        assert it.bus.head("alice") == 699
        assert await it.bus.oldest("alice") >= 256
        assert codes(await it.publish([699])) == ["Duplicate"]
        assert seqs(await it.send(numbered(700, event=UPDATE))) == [700]
        (updated,) = await it.given("alice", 700)
        assert updated.seq == 700
        assert updated.picture is not None
        assert len(updated.picture.balances) == 2
