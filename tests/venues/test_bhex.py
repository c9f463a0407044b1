"""The broker "openapi": its names, its options, its heartbeat and its edges."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.venues.orders import SNAPSHOT, UPDATE, frame, frames, order, subscriber
from userstream import venues
from userstream.errors import InvalidSettings, MalformedFrame
from userstream.events import (
    AccountSnapshot,
    AccountUpdate,
    Envelope,
    OrderUpdate,
    Permissions,
    UnknownEvent,
)
from userstream.markets import SANDBOX_MARKETS
from userstream.venue import (
    Call,
    Control,
    ExpiryNotice,
    KeyPlace,
    Need,
    Notice,
    OnCreate,
    Refusal,
    Reply,
)
from userstream.venues.bhex import VENUE
from userstream.venues.bhex.frames import AccountInfo, Report


def test_the_keys_of_executionreport_are_the_21_that_are_not_commented_out() -> None:
    assert "".join(Report.__struct_fields__) == "eEscSofqpXilzLnNuwmOZ"
    assert "".join(frame(VENUE, order())) == "eEscSofqpXilzLnNuwmOZ"


def test_the_keys_of_outboundaccountinfo_are_the_six_that_are_not_commented_out() -> None:
    assert "".join(AccountInfo.__struct_fields__) == "eETWDB"
    assert "".join(frame(VENUE, UPDATE)) == "eETWDB"


def test_the_java_sdks_paths_are_served_too() -> None:
    routes = {(r.method, r.path): (r.call, r.weight) for r in VENUE.rest.routes}
    for part in ("v1", "account/v1"):
        path = f"/openapi/{part}/userDataStream"
        assert routes["POST", path] == (Call.CREATE, 1)
        assert routes["PUT", path] == (Call.RENEW, 1)
        assert routes["DELETE", path] == (Call.DELETE, 1)
    for part in ("v1", "quote/v1"):
        assert routes["GET", f"/openapi/{part}/ping"] == (Call.PING, 0)
        assert routes["GET", f"/openapi/{part}/time"] == (Call.TIME, 0)
    assert routes["GET", "/openapi/v1/brokerInfo"] == (Call.INFO, 0)


def test_a_timestamp_is_mandatory_and_a_signature_is_checked_when_it_is_there() -> None:
    auth = VENUE.rest.auth
    assert auth.header == "X-BH-APIKEY"
    assert (auth.timestamp, auth.signature) == (Need.REQUIRED, Need.OPTIONAL)
    assert (auth.recv_window_ms, auth.max_recv_window_ms) == (5_000, 60_000)
    assert not auth.ahead_inclusive
    assert not auth.lower_case_only


def test_a_signature_can_be_required() -> None:
    venue = venues.load("bhex", {"signature": "required"})
    assert venue.rest.auth.signature is Need.REQUIRED


def test_the_limit_is_1500_a_minute_and_no_header_tells_the_weight() -> None:
    rest = VENUE.rest
    assert (rest.weight_per_window, rest.window_s, rest.used_weight_headers) == (1_500, 60, ())
    assert not rest.refuse_surplus
    assert rest.reply is Reply.EMPTY


def test_a_key_has_64_characters_lives_an_hour_and_is_shared() -> None:
    keys = VENUE.keys
    assert (keys.length, keys.life_ms, keys.on_create) == (64, 3_600_000, OnCreate.REUSE)


def test_the_stream_is_below_openapi_and_lasts_a_day() -> None:
    (path,) = VENUE.stream.paths
    assert (path.path, path.place) == ("/openapi/ws/", KeyPlace.PATH)
    assert VENUE.stream.max_age_ms == 24 * 3_600_000


def test_what_an_api_key_lacks_is_never_a_400() -> None:
    errors = VENUE.errors
    assert errors[Refusal.API_KEY_MISSING][:2] == (401, -1002)
    assert errors[Refusal.API_KEY_MALFORMED][:2] == (401, -2014)
    assert errors[Refusal.API_KEY_REJECTED][:2] == (401, -2015)
    assert errors[Refusal.FORBIDDEN].status == 403
    assert errors[Refusal.RECV_WINDOW][:2] == (400, -1130)


def test_pings_json_pings_and_the_expiry_notice_are_settings() -> None:
    stream = VENUE.stream
    assert (stream.ping_every_ms, stream.dead_after_ms) == (20_000, 60_000)
    assert stream.json_ping_every_ms is None
    assert stream.expiry_notice is ExpiryNotice.EVENT
    options = {"ping": "3min", "json_ping_s": 30, "expiry_notice": False}
    stream = venues.load("bhex", options).stream
    assert (stream.ping_every_ms, stream.dead_after_ms) == (180_000, 600_000)
    assert stream.json_ping_every_ms == 30_000
    assert stream.expiry_notice is ExpiryNotice.NONE


@pytest.mark.parametrize("wrong", [{"json_ping_s": -1}, {"json_ping_s": 3_601}, {"frame": "text"}])
def test_a_setting_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings, match=r"venues\.bhex"):
        venues.load("bhex", wrong)


def test_brokerinfo_gives_precisions_as_steps_and_limits_as_numbers() -> None:
    info: Any = venues.load("bhex", {}, SANDBOX_MARKETS).rest.info(7, {})
    assert info["serverTime"] == 7
    assert [(r["rateLimitType"], r["limit"]) for r in info["rateLimits"]] == [
        ("REQUESTS_WEIGHT", 1500),
        ("ORDERS", 20),
        ("ORDERS", 350000),
    ]
    eth = next(s for s in info["symbols"] if s["symbol"] == "ETHBTC")
    assert (eth["baseAssetPrecision"], eth["quotePrecision"]) == ("0.01", "0.000001")
    assert [f["filterType"] for f in eth["filters"]] == ["PRICE_FILTER", "LOT_SIZE", "MIN_NOTIONAL"]


# ── orders ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client_order_id", "shown"),
    [
        ("1000087761", 1000087761),
        ("0", 0),
        (str(2**63 - 1), 2**63 - 1),
        (str(2**63), str(2**63)),
        ("0071", "0071"),
        ("-5", "-5"),
        ("6k9M212T12092", "6k9M212T12092"),
        (None, ""),
    ],
)
def test_a_client_order_id_is_a_number_where_that_loses_nothing(
    client_order_id: str | None, shown: int | str
) -> None:
    event = order(client_order_id=client_order_id)
    assert frame(VENUE, event)["c"] == shown
    (received,) = VENUE.decode(msgspec.json.encode(frame(VENUE, event)))
    assert isinstance(received.event, OrderUpdate)
    assert received.event.client_order_id == client_order_id


@pytest.mark.parametrize(
    ("status", "shown"),
    [("EXPIRED", "CANCELED"), ("PARTIALLY_CANCELED", "CANCELED"), ("REJECTED", "REJECTED")],
)
def test_statuses_that_the_platform_lacks_show_as_canceled(status: str, shown: str) -> None:
    assert frame(VENUE, order(status=status))["X"] == shown


def test_an_order_without_a_fill_shows_zeros_and_no_asset() -> None:
    shown = frame(VENUE, order())
    assert [shown[k] for k in "flzLnNuwmOZ"] == [
        "GTC", "0.00000000", "0.00000000", "0.00000000", "0", None, True, True, False, 1_000,
        "0.00000000",
    ]  # fmt: skip
    assert frame(VENUE, order(commission="0.1", created_ms=3))["n"] == "0.10000000"
    assert frame(VENUE, order(created_ms=3))["O"] == 3
    assert frame(VENUE, order(status="FILLED"))["w"] is False
    assert frame(VENUE, order(status="FILLED", working=True))["w"] is True


@pytest.mark.parametrize("ignored", ['"u":true,', '"u":1499405658657,', ""])
def test_the_key_to_ignore_cannot_cost_a_fill(ignored: str) -> None:
    text = msgspec.json.encode(frame(VENUE, order())).decode()
    assert VENUE.decode(text.replace('"u":true,', ignored)) == VENUE.decode(text)


# ── accounts ────────────────────────────────────────────────────────────────────────────────────


def test_an_account_event_shows_its_own_assets_not_the_whole_account() -> None:
    assert [b["a"] for b in frame(VENUE, UPDATE, SNAPSHOT)["B"]] == ["USDT"]
    assert [b["a"] for b in frame(VENUE, SNAPSHOT, SNAPSHOT)["B"]] == ["USDT", "A"]


def test_permissions_come_from_the_picture_then_from_the_event_then_are_all_true() -> None:
    no_trade, no_deposit = Permissions(can_trade=False), Permissions(can_deposit=False)
    picture = AccountSnapshot(time_ms=1, permissions=no_trade)
    event = msgspec.structs.replace(UPDATE, permissions=no_deposit)
    shown = [frame(VENUE, *x) for x in ((event, picture), (event, SNAPSHOT), (event,), (UPDATE,))]
    assert [[s[k] for k in "TWD"] for s in shown] == [
        [False, True, True],
        [True, True, False],
        [True, True, False],
        [True, True, True],
    ]


def test_an_update_without_assets_is_shown_only_for_its_permissions() -> None:
    assert frames(VENUE, AccountUpdate(time_ms=1)) == []
    assert frame(VENUE, AccountUpdate(time_ms=1, permissions=Permissions()))["B"] == []
    assert frame(VENUE, AccountSnapshot(time_ms=1))["B"] == []


# ── frames ──────────────────────────────────────────────────────────────────────────────────────


def test_frames_come_in_arrays_where_that_is_set() -> None:
    venue = venues.load("bhex", {"frame": "array"})
    for event in (order(), UPDATE):
        (encoded,) = venue.encode(Envelope(1, "alice", "epoch000", 1, 2_000, event), None)
        assert encoded.payload.startswith(b"[{")
        assert encoded.payload.endswith(b"}]")
        assert len(VENUE.decode(encoded.payload)) == 1


def test_an_array_may_hold_heartbeats_unknown_events_or_nothing() -> None:
    assert VENUE.decode("[]") == ()
    assert VENUE.decode(' [ {"ping":1} ] ') == ()
    (received,) = VENUE.decode('[{"pong":1},{"e":"ticketInfo"}]')
    assert received.event == UnknownEvent(kind="ticketInfo", frame=b'{"e":"ticketInfo"}')


@pytest.mark.parametrize(
    "text",
    ['[{"ping":1}', "[1]", '[[{"ping":1}]]', '[{"e":"executionReport"}]', '[{"x":1}]', "[\xff]"],
)
def test_a_broken_element_makes_the_array_malformed(text: str) -> None:
    with pytest.raises(MalformedFrame):
        VENUE.decode(text.encode("latin-1"))


@pytest.mark.parametrize("text", ['{"ping":1}', '{"pong":"x"}', '{"ping":1,"channelId":"c","f":0}'])
def test_a_heartbeat_holds_no_event(text: str) -> None:
    assert VENUE.decode(text) == ()


def test_a_broken_event_is_not_taken_for_a_heartbeat() -> None:
    with pytest.raises(MalformedFrame):
        VENUE.decode('{"e":"executionReport","ping":1}')


# ── what clients send ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ('{"ping":1538323200000}', b'{"pong":1538323200000}'),
        ('{"ping": 1.50e3 }', b'{"pong":1.50e3}'),
        ('{"ping":"abc"}', b'{"pong":"abc"}'),
        ('{"ping":99999999999999999999999}', b'{"pong":99999999999999999999999}'),
        ('{"ping":1,"channelId":"c-1"}', b'{"pong":1,"channelId":"c-1"}'),
    ],
)
def test_a_ping_is_answered_with_exactly_its_number(text: str, reply: bytes) -> None:
    assert VENUE.control(text, subscriber("key")) == Control((reply,), counts_as_life=True)


def test_a_pong_counts_as_life_and_is_not_answered() -> None:
    assert VENUE.control('{"pong":1}', subscriber()) == Control(counts_as_life=True)


def test_a_ping_too_long_to_repeat_is_not_answered() -> None:
    text = '{"ping":"%s"}' % ("x" * 63)
    assert VENUE.control(text, subscriber()) == Control(counts_as_life=True)
    assert VENUE.control('{"ping":"%s"}' % ("x" * 62), subscriber()).replies


@pytest.mark.parametrize(
    "text",
    [
        '{"topic":"order","event":"sub","params":{"binary":false}}',
        '{"method":"SUBSCRIBE","params":["key"],"id":1}',
        '{"e":1,"ping":1}',
        '{"ping":',
        "[]",
        "",
        "\ud800",
        '{"x":' * 100_000,
    ],
)
def test_all_other_text_is_ignored(text: str) -> None:
    assert VENUE.control(text, subscriber()) == Control()


@pytest.mark.parametrize(
    ("frame", "reply"),
    [
        ('{"ping":7}', b'{"pong":7}'),
        (b'{"ping":7,"channelId":"c"}', b'{"pong":7,"channelId":"c"}'),
        ('{"pong":7}', None),
        ('{"ping":"' + "9" * 99 + '"}', None),
    ],
)
def test_a_client_owes_the_server_a_pong(frame: bytes | str, reply: bytes | None) -> None:
    assert VENUE.notice(frame) == Notice(reply=reply)


@pytest.mark.parametrize("frame", ["", "[]", "{}", b"\xff", '{"e":"executionReport","ping":1}'])
def test_events_and_nonsense_owe_nothing(frame: bytes | str) -> None:
    assert VENUE.notice(frame) is None
