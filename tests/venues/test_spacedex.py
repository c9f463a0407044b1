"""SpaceDEX: its names, its options and its edges."""

from __future__ import annotations

import msgspec
import pytest

from tests.venues.orders import SNAPSHOT, UPDATE, frame, frames, order, subscriber
from userstream import venues
from userstream.errors import MalformedFrame
from userstream.events import AccountSnapshot, AccountUpdate, OrderUpdate, Permissions
from userstream.markets import SANDBOX_MARKETS
from userstream.venue import Call, Control, ExpiryNotice, KeyPlace, Need, OnCreate, Refusal, Reply
from userstream.venues.spacedex import VENUE, Report

LISTED = venues.load("spacedex", {}, SANDBOX_MARKETS)
TEN = (
    '{"e":"executionReport","s":"A","i":1,"S":"BUY","X":"NEW","l":"0","L":"0","n":"0","N":null'
    ',"T":5'
)


def test_the_keys_of_executionreport_are_the_samples_ten() -> None:
    assert "".join(Report.__struct_fields__) == "esiSXlLnNT"
    assert "".join(frame(VENUE, order())) == "esiSXlLnNT"


def test_routes_are_those_of_the_document_and_the_start_up_calls() -> None:
    assert {(r.method, r.path): (r.call, r.weight) for r in VENUE.rest.routes} == {
        ("POST", "/api/v1/userDataStream"): (Call.CREATE, 1),
        ("PUT", "/api/v1/userDataStream"): (Call.RENEW, 1),
        ("DELETE", "/api/v1/userDataStream"): (Call.DELETE, 1),
        ("GET", "/api/v1/ping"): (Call.PING, 1),
        ("GET", "/api/v1/time"): (Call.TIME, 1),
        ("GET", "/api/v1/exchangeInfo"): (Call.INFO, 10),
    }
    info = LISTED.rest.info(7, {})
    assert isinstance(info, dict)
    assert info["serverTime"] == 7


def test_listen_key_calls_need_the_key_header_and_no_signature() -> None:
    rest = VENUE.rest
    assert rest.auth.header == "X-SDX-APIKEY"
    assert rest.auth.timestamp is rest.auth.signature is Need.NONE
    assert not rest.refuse_surplus
    assert rest.reply is Reply.EMPTY
    assert (rest.weight_per_window, rest.window_s) == (1_200, 60)


def test_a_timestamp_exactly_one_second_ahead_is_good() -> None:
    auth = VENUE.rest.auth
    assert auth.ahead_inclusive
    assert (auth.ahead_ms, auth.recv_window_ms, auth.max_recv_window_ms) == (1_000, 5_000, 60_000)


def test_a_key_has_64_characters_lives_an_hour_and_is_shared() -> None:
    keys = VENUE.keys
    assert (keys.length, keys.life_ms, keys.on_create) == (64, 3_600_000, OnCreate.REUSE)
    assert keys.max_per_account == 1


def test_a_stream_opens_by_path_or_in_the_combined_form_and_lasts_a_day() -> None:
    assert {p.path: p.place for p in VENUE.stream.paths} == {
        "/ws/": KeyPlace.PATH,
        "/stream": KeyPlace.STREAMS,
    }
    assert VENUE.stream.max_age_ms == 24 * 3_600_000


def test_pings_and_the_expiry_notice_are_settings() -> None:
    stream = VENUE.stream
    assert (stream.ping_every_ms, stream.dead_after_ms) == (20_000, 60_000)
    assert stream.expiry_notice is ExpiryNotice.EVENT
    stream = venues.load("spacedex", {"ping": "3min", "expiry_notice": False}).stream
    assert (stream.ping_every_ms, stream.dead_after_ms) == (180_000, 600_000)
    assert stream.expiry_notice is ExpiryNotice.NONE


def test_an_empty_parameter_is_refused_like_a_missing_one() -> None:
    errors = VENUE.errors
    assert errors[Refusal.PARAMETER_EMPTY] == errors[Refusal.PARAMETER_MISSING]
    assert errors[Refusal.API_KEY_MISSING][:2] == (401, -2014)
    assert errors[Refusal.LISTEN_KEY_UNKNOWN][:2] == (400, -1125)


# ── orders ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("symbol", "shown"),
    [("BTCUSDT", "64000.50"), ("MXUSDT", "64000.5000"), ("UNLISTED", "64000.50000000")],
)
def test_a_price_has_the_places_of_the_pairs_tick(symbol: str, shown: str) -> None:
    event = order(symbol=symbol, last_price="64000.5", last_quantity="0.01")
    assert frame(LISTED, event)["L"] == shown
    assert frame(LISTED, event)["l"] == "0.01000000"


def test_an_order_without_a_fill_shows_zeros_and_no_asset() -> None:
    shown = frame(LISTED, order())
    assert [shown[k] for k in "lLnN"] == ["0.00000000", "0.00", "0", None]


def test_commission_is_written_without_padding() -> None:
    assert frame(VENUE, order(commission="0.6400"))["n"] == "0.64"
    assert frame(VENUE, order(commission="10"))["n"] == "10"


def test_a_partial_cancel_shows_as_canceled_and_an_expiry_as_it_is() -> None:
    assert frame(VENUE, order(status="PARTIALLY_CANCELED"))["X"] == "CANCELED"
    assert frame(VENUE, order(status="EXPIRED"))["X"] == "EXPIRED"


def test_ten_keys_decode_without_inventing_the_others() -> None:
    (received,) = VENUE.decode(TEN + "}")
    assert received.time_ms == 5
    assert received.event == OrderUpdate(
        symbol="A",
        order_id="1",
        side="BUY",
        status="NEW",
        time_ms=5,
        last_quantity="0",
        last_price="0",
        commission="0",
    )


@pytest.mark.parametrize(
    ("more", "field", "value"),
    [
        ('"E":6', "time_ms", 5),
        ('"c":"mine"', "client_order_id", "mine"),
        ('"c":12', "client_order_id", "12"),
        ('"c":""', "client_order_id", None),
        ('"c":"mine","C":"null"', "client_order_id", "mine"),
        ('"c":"request","C":"mine"', "client_order_id", "mine"),
        ('"c":"request","C":"mine"', "cancel_client_order_id", "request"),
        ('"t":-1', "trade_id", None),
        ('"t":77', "trade_id", "77"),
        ('"r":"NONE"', "reject_reason", None),
        ('"r":"X"', "reject_reason", "X"),
        ('"x":"TRADE"', "execution", "TRADE"),
        ('"z":"0.5"', "cumulative_quantity", "0.5"),
    ],
)
def test_every_other_key_of_binance_is_read_where_it_is_there(
    more: str, field: str, value: object
) -> None:
    (received,) = VENUE.decode(f"{TEN},{more}}}")
    assert getattr(received.event, field) == value


def test_an_event_time_is_taken_where_it_is_there() -> None:
    (received,) = VENUE.decode(TEN + ',"E":6}')
    assert received.time_ms == 6


# ── accounts ────────────────────────────────────────────────────────────────────────────────────


def test_a_position_has_the_changed_assets_with_eight_places() -> None:
    assert frame(VENUE, UPDATE, SNAPSHOT) == {
        "e": "outboundAccountPosition",
        "E": 2_000,
        "u": 1_000,
        "B": [{"a": "USDT", "f": "10.50000000", "l": "0.00000000"}],
    }


def test_a_snapshot_is_a_position_with_all_assets() -> None:
    assert [b["a"] for b in frame(VENUE, SNAPSHOT, SNAPSHOT)["B"]] == ["USDT", "A"]
    assert frame(VENUE, AccountSnapshot(time_ms=1))["B"] == []


def test_an_update_without_assets_is_not_shown() -> None:
    assert frames(VENUE, AccountUpdate(time_ms=1, permissions=Permissions())) == []


# ── frames ──────────────────────────────────────────────────────────────────────────────────────


def test_a_frame_of_a_combined_stream_is_unwrapped() -> None:
    assert VENUE.decode('{"stream":"key","data":' + TEN + "}}") == VENUE.decode(TEN + "}")


@pytest.mark.parametrize(
    "text",
    [
        '{"stream":"key","data":{}}',
        '{"stream":"key"}',
        '{"data":{"e":"x"}}',
        '{"stream":"a","data":{"stream":"b","data":{"e":"x"}}}',
    ],
)
def test_a_broken_wrapper_is_malformed(text: str) -> None:
    with pytest.raises(MalformedFrame):
        VENUE.decode(text)


@pytest.mark.parametrize("text", ['{"ping":1}', '{"method":"SUBSCRIBE","params":["k"]}', "", "x"])
def test_text_of_clients_is_ignored(text: str) -> None:
    assert VENUE.control(text, subscriber()) == Control()


def test_a_text_order_id_shows_as_a_number() -> None:
    assert 2**62 <= frame(VENUE, order(order_id="A-1"))["i"] < 2**63
    assert msgspec.json.encode(frame(VENUE, order(order_id="7")))
