"""One contract for all venues: every vector, both directions, and whatever can go wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.venues.strategies import events, json_values
from tests.venues.vectors import (
    KINDS,
    NAMES,
    REST_VECTORS,
    VECTORS,
    Vector,
    minified,
    shown_values,
)
from userstream import schema, venues
from userstream.errors import MalformedFrame
from userstream.events import AccountSnapshot, Envelope, Event, OrderUpdate
from userstream.markets import SANDBOX_MARKETS
from userstream.venue import Alphabet, Call, Frame, Refusal, Reply, Venue

by_vector = pytest.mark.parametrize("vector", VECTORS, ids=str)
by_venue = pytest.mark.parametrize("name", NAMES)
LOADED = {name: venues.load(name, {}, SANDBOX_MARKETS) for name in NAMES}
AMOUNTS = set(schema._ORDER_AMOUNTS) | {"free", "locked", "free_change", "locked_change"}


# ── vectors ─────────────────────────────────────────────────────────────────────────────────────


@by_vector
def test_a_vector_says_where_it_comes_from(vector: Vector) -> None:
    assert vector.doc
    assert vector.kind in KINDS
    assert (vector.sample is not None) == (vector.kind == "verbatim" and vector.is_text)


@by_vector
def test_a_verbatim_frame_is_the_sample_without_its_comments(vector: Vector) -> None:
    if vector.sample is not None:
        assert minified(vector.sample) == vector.payload.decode()


@by_vector
def test_a_frame_decodes_to_its_events(vector: Vector) -> None:
    assert vector.venue.decode(vector.payload) == vector.received
    if vector.is_text:
        assert vector.venue.decode(vector.payload.decode()) == vector.received


@by_vector
def test_an_event_encodes_to_its_frame_byte_for_byte(vector: Vector) -> None:
    if vector.source is None:
        return
    frames = vector.venue.encode(vector.envelope, vector.picture)
    assert Frame(vector.payload, vector.channel, not vector.is_text) in frames


@pytest.mark.parametrize(
    ("name", "row"), REST_VECTORS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(REST_VECTORS)]
)
def test_a_rest_vector_agrees_with_the_venue(name: str, row: dict[str, Any]) -> None:
    venue = LOADED[name]
    request, response = row["request"], row["response"]
    if row["kind"] == "verbatim":
        assert minified(row["sample"]) == response["body"]
    if "refusal" in row:
        form = venue.errors[Refusal[row["refusal"]]]
        body = {"code": form.code, "msg": form.text.format(*row["details"])}
        assert (form.status, body) == (response["status"], json.loads(response["body"]))
        return
    call = {(r.method, r.path): r.call for r in venue.rest.routes}[
        request["method"], request["path"]
    ]
    shows_key = call in {Call.CREATE, Call.LIST} or venue.rest.reply is Reply.KEY
    body = json.loads(response["body"])
    assert body.keys() == ({"listenKey"} if shows_key else set())
    if call is Call.CREATE and "..." not in body["listenKey"]:  # one sample is elided
        assert set(body["listenKey"]) <= set(Alphabet.BASE62.value)


# ── round trips ─────────────────────────────────────────────────────────────────────────────────


def plain(name: str, value: Any) -> Any:
    return Decimal(value) if name in AMOUNTS else value


def assert_carried(venue: Venue, event: Event, decoded: list[Event]) -> None:
    """What is decoded is what was sent, apart from what the dialect cannot say."""
    kind = str(event.__struct_config__.tag)
    shown = shown_values(venue.name)
    for name in set(event.__struct_fields__) - venue.lost.get(kind, frozenset()) - {"balances"}:
        sent = getattr(event, name)
        if sent is None:
            continue
        sent = shown.get(name, {}).get(sent, sent) if isinstance(sent, str) else sent
        got = [v for v in (getattr(d, name, None) for d in decoded) if v is not None]
        assert got, f"{name} is neither carried nor declared lost"
        assert {plain(name, v) for v in got} == {plain(name, sent)}, name


def assert_same_balances(event: Event, decoded: list[Event]) -> None:
    assert not isinstance(event, OrderUpdate)
    got = [b for d in decoded if not isinstance(d, OrderUpdate) for b in d.balances]
    assert [b.asset for b in got] == [b.asset for b in event.balances]
    for sent, shown in zip(event.balances, got, strict=True):
        for name in ("free", "locked", "free_change", "locked_change"):
            a, b = getattr(sent, name), getattr(shown, name)
            if a is not None and b is not None:
                assert plain(name, a) == plain(name, b), name


@by_venue
@settings(max_examples=120, deadline=None)
@given(event=events, time_ms=st.integers(1, 2**45))
def test_what_is_encoded_decodes_to_the_same_event(name: str, event: Event, time_ms: int) -> None:
    schema.check(event)
    venue = LOADED[name]
    picture = None
    if not isinstance(event, OrderUpdate):
        picture = AccountSnapshot(
            time_ms=event.time_ms,
            balances=event.balances,
            permissions=event.permissions,
            commission_rates=event.commission_rates,
        )
    frames = venue.encode(Envelope(1, "alice", "epoch000", 1, time_ms, event), picture)
    assert frames == venue.encode(Envelope(1, "bob", "epoch111", 2, time_ms, event), picture)
    received = [r for f in frames for r in venue.decode(f.payload)]
    assert all(r.time_ms is not None for r in received)
    decoded = [r.event for r in received if isinstance(r.event, Event)]
    assert len(decoded) == len(received) == len(frames)
    same_kind = [d for d in decoded if type(d) is type(event)] or decoded
    if isinstance(event, OrderUpdate):
        assert decoded
    else:
        assert same_kind or not event.balances
        assert_same_balances(event, same_kind)
    if same_kind:
        assert_carried(venue, event, same_kind)


# ── damage ──────────────────────────────────────────────────────────────────────────────────────


def survives(venue: Venue, frame: bytes | str) -> None:
    try:
        received = venue.decode(frame)
    except MalformedFrame:
        return
    for r in received:
        if isinstance(r.event, Event):
            schema.check_amounts(r.event)


@by_vector
def test_a_frame_cut_at_any_byte_is_malformed(vector: Vector) -> None:
    decode = vector.venue.decode
    for end in range(len(vector.payload)):
        with pytest.raises(MalformedFrame):
            decode(vector.payload[:end])


@by_vector
def test_a_flipped_bit_is_malformed_or_a_normal_result(vector: Vector) -> None:
    venue = vector.venue
    damaged = bytearray(vector.payload)
    for at in range(len(damaged)):
        for bit in range(8):
            damaged[at] ^= 1 << bit
            survives(venue, bytes(damaged))
            damaged[at] ^= 1 << bit


@by_vector
def test_a_foreign_frame_is_malformed_or_a_normal_result(vector: Vector) -> None:
    for name in set(NAMES) - {vector.venue_name}:
        survives(LOADED[name], vector.payload)
        if vector.is_text:
            survives(LOADED[name], vector.payload.decode())


@by_venue
@settings(max_examples=150, deadline=None)
@given(frame=st.binary(max_size=200) | st.text(max_size=100) | st.just("\ud800"))
def test_random_bytes_and_text_are_malformed_or_a_normal_result(
    name: str, frame: bytes | str
) -> None:
    survives(LOADED[name], frame)


@by_venue
@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_any_value_in_any_field_is_malformed_or_a_normal_result(
    name: str, data: st.DataObject
) -> None:
    vector = data.draw(st.sampled_from([v for v in VECTORS if v.is_text]))
    frame = json.loads(vector.payload)
    fields = frame if isinstance(frame, dict) else frame[0]
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(json_values)
    survives(LOADED[name], json.dumps(frame))


@by_venue
@pytest.mark.parametrize("opening", [b"[", b'{"e":', b'{"ping":', b'{"stream":"x","data":'])
def test_endless_nesting_is_malformed(name: str, opening: bytes) -> None:
    with pytest.raises(MalformedFrame):
        LOADED[name].decode(opening * 100_000)
