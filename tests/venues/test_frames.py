"""The reader of JSON objects: what is an event, what is unknown, what is malformed."""

from __future__ import annotations

import msgspec
import pytest

from userstream.errors import MalformedFrame
from userstream.events import ListenKeyExpired, UnknownEvent
from userstream.venue import Received
from userstream.venues._decimals import eight
from userstream.venues._frames import (
    Asset,
    Expired,
    Position,
    Reader,
    assets,
    balances,
    read_expired,
    read_position,
)

READ = Reader(
    {
        "outboundAccountPosition": (Position, read_position),
        "listenKeyExpired": (Expired, read_expired),
    }
)


@pytest.mark.parametrize("kind", ['"e" : "newA"', '"e":"newA"', r'"e":"new\u0041"'])
def test_an_unknown_kind_is_kept_with_its_frame_as_it_came(kind: str) -> None:
    (received,) = READ(f'{{{kind},"x":[1]}}')
    assert received.event == UnknownEvent(kind="newA", frame=f'{{{kind},"x":[1]}}'.encode())
    assert received.time_ms is None


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"e":1}',
        '{"e":"x"} ',
        '{"e":"x"}{',
        '{"e":"outboundAccountPosition"}',
        '{"e":"outboundAccountPosition","E":1,"u":1.5,"B":[]}',
        '{"e":"outboundAccountPosition","E":1,"u":1,"B":[{"a":"A","f":"1e5","l":"0"}]}',
        '{"e":"outboundAccountPosition","E":1,"u":1,"B":[{"a":"A","f":"","l":"0"}]}',
        '{"e":"outboundAccountPosition","E":1,"u":1,"B":[{"a":"A","f":1,"l":"0"}]}',
        b'{"e":"\xff"}',
        "\ud800",
    ],
)
def test_what_is_no_event_is_malformed(frame: bytes | str) -> None:
    if frame == '{"e":"x"} ':  # white space around an object is JSON
        assert READ(frame)
        return
    with pytest.raises(MalformedFrame):
        READ(frame)


def test_numbers_may_come_as_text() -> None:
    (received,) = READ('{"e":"outboundAccountPosition","E":"5","u":"4","B":[]}')
    assert received.time_ms == 5


@pytest.mark.parametrize(
    ("time", "time_ms"),
    [("5", 5), ('"5"', 5), ("null", None), ('"soon"', None), ("-5", None), ("1" * 17, None)],
)
def test_an_expiry_has_a_time_where_the_venue_gives_one(time: str, time_ms: int | None) -> None:
    (received,) = READ(f'{{"e":"listenKeyExpired","E":{time}}}')
    assert received == Received(ListenKeyExpired(time_ms=time_ms), time_ms)


def test_an_expiry_does_not_keep_the_key() -> None:
    (received,) = READ('{"e":"listenKeyExpired","listenKey":"secret"}')
    assert "secret" not in repr(received)


def test_assets_are_written_in_the_venues_form_and_read_as_they_are() -> None:
    entries = [Asset("BTC", "1", "0.5")]
    assert msgspec.to_builtins(assets(balances(entries), eight)) == [
        {"a": "BTC", "f": "1.00000000", "l": "0.50000000"}
    ]
