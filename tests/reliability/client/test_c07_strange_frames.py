"""C7: frames that no document knows are given as they came, and the loop goes on."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.client.fakevenue import SUBSCRIBED, FakeVenue
from tests.client.gathering import Gathered, gathered
from userstream import OtherEvent, State
from userstream.venues import names

NOT_EVENTS: list[bytes | str] = [
    "",
    b"",
    "null",
    "[]",
    "[1,2]",
    '"text"',
    "{",
    '{"e":"somethingNew","E":1,"x":{"y":[1,2,3]}}',
    '{"e":"executionReport"}',
    '{"e":7}',
    b"\x00\xff\xfe binary",
    "[" * 10_000,
]


def changed(frame: str) -> dict[str, str]:
    """A frame with a field more, and with its numbers as text."""
    event = json.loads(frame)

    def as_text(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: as_text(v) for k, v in value.items()}
        if isinstance(value, list):
            return [as_text(v) for v in value]
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    return {
        "a field more": json.dumps(event | {"zz": {"deep": [1, None]}, "": 0}),
        "numbers as text": json.dumps(as_text(event)),
    }


def has(seen: Gathered, order_id: str) -> bool:
    return any(order.order_id == order_id for order in seen.orders)


@pytest.mark.parametrize("venue", names())
async def test_c7_what_is_no_event_is_given_raw_and_the_loop_lives(venue: str) -> None:
    with FakeVenue() as fake:
        async with fake.stream(venue) as stream, gathered(stream) as seen:
            if venue == "mexc":
                await seen.until(lambda: fake.heard)
                fake.send(SUBSCRIBED)
            await stream.live(5)
            for number, frame in enumerate(NOT_EVENTS):
                fake.send(frame)
                order_id = fake.order(venue=venue)
                await seen.until(partial(has, seen, order_id))
                assert number + 1 == len({o.order_id for o in seen.orders})
            raw = [e.raw for e in seen.of(OtherEvent)]
            # Frames of no event at all are the venue's answers to requests, where it sends such.
            told = [frame for frame in NOT_EVENTS if frame in raw]
            assert '{"e":"somethingNew","E":1,"x":{"y":[1,2,3]}}' in told or venue == "mexc"
            assert b"\x00\xff\xfe binary" in told
            assert "{" in told
            assert stream.state is State.LIVE
            assert len(fake.sockets) == 1


@pytest.mark.parametrize("venue", ["binance", "bhex", "spacedex"])
@pytest.mark.parametrize("change", ["a field more", "numbers as text"])
async def test_c7_fields_more_and_numbers_as_text_are_read_all_the_same(
    venue: str, change: str
) -> None:
    with FakeVenue() as fake:
        async with fake.stream(venue) as stream, gathered(stream) as seen:
            await stream.live(5)
            (frame,) = fake.frames("77", venue)
            assert isinstance(frame, str)
            fake.send(changed(frame)[change])
            await seen.until(lambda: seen.orders)
            (order,) = seen.orders
            assert (order.order_id, order.raw) == ("77", changed(frame)[change])
            fake.send(*fake.frames("78", venue))
            await seen.until(lambda: len(seen.orders) == 2)
