"""Binance of 2017-12-01: its names, its options and its edges."""

from __future__ import annotations

import msgspec
import pytest

from tests.venues.orders import BALANCE, SNAPSHOT, UPDATE, frame, frames, order
from userstream import venues
from userstream.events import AccountUpdate, CommissionRates, OrderUpdate, Permissions
from userstream.venue import Call, ExpiryNotice, KeyPlace, Need, OnCreate, Reply
from userstream.venues.binance import VENUE
from userstream.venues.binance.frames import AccountInfo, Report


def test_the_keys_of_executionreport_are_the_documents_in_its_order() -> None:
    assert "".join(Report.__struct_fields__) == "eEscSofqpPFgCxXrilzLnNTtIwmM"


def test_the_keys_of_outboundaccountinfo_are_the_documents_in_its_order() -> None:
    assert "".join(AccountInfo.__struct_fields__) == "eEmtbsTWDuB"


def test_routes_are_served_on_v1_and_v3_alike() -> None:
    routes = {(r.method, r.path): r.call for r in VENUE.rest.routes}
    for version in ("v1", "v3"):
        path = f"/api/{version}/userDataStream"
        assert routes["POST", path] is Call.CREATE
        assert routes["PUT", path] is Call.RENEW
        assert routes["DELETE", path] is Call.DELETE
        assert routes["GET", f"/api/{version}/exchangeInfo"] is Call.INFO


def test_listen_key_calls_need_the_key_header_and_nothing_else() -> None:
    rest = VENUE.rest
    assert rest.auth.header == "X-MBX-APIKEY"
    assert rest.auth.timestamp is rest.auth.signature is Need.NONE
    assert rest.refuse_surplus
    assert rest.reply is Reply.EMPTY
    assert (rest.weight_per_window, rest.window_s) == (1_200, 60)


def test_a_key_lives_an_hour_and_is_shared() -> None:
    keys = VENUE.keys
    assert (keys.life_ms, keys.on_create, keys.max_per_account) == (3_600_000, OnCreate.REUSE, 1)
    assert keys.length == 60
    assert venues.load("binance", {"key_length": 64}).keys.length == 64


def test_a_stream_opens_by_path_by_parameter_or_by_subscription_and_lasts_a_day() -> None:
    assert {p.path: p.place for p in VENUE.stream.paths} == {
        "/ws/": KeyPlace.PATH,
        "/stream": KeyPlace.STREAMS,
        "/ws": KeyPlace.LATER,
    }
    assert VENUE.stream.max_age_ms == 24 * 3_600_000


def test_pings_come_every_20_s_or_every_3_min() -> None:
    assert (VENUE.stream.ping_every_ms, VENUE.stream.dead_after_ms) == (20_000, 60_000)
    slow = venues.load("binance", {"ping": "3min"}).stream
    assert (slow.ping_every_ms, slow.dead_after_ms) == (180_000, 600_000)


def test_weight_headers_and_expiry_notice_can_be_switched_off() -> None:
    assert VENUE.rest.used_weight_headers == ("X-MBX-USED-WEIGHT", "X-MBX-USED-WEIGHT-1M")
    off = venues.load("binance", {"used_weight_headers": False, "expiry_notice": False})
    assert off.rest.used_weight_headers == ()
    assert VENUE.stream.expiry_notice is ExpiryNotice.EVENT
    assert off.stream.expiry_notice is ExpiryNotice.NONE


@pytest.mark.parametrize(
    ("setting", "kinds"),
    [
        ("both", ["outboundAccountInfo", "outboundAccountPosition"]),
        ("info", ["outboundAccountInfo"]),
        ("position", ["outboundAccountPosition"]),
    ],
)
def test_account_events_are_shown_in_the_forms_that_are_set(setting: str, kinds: list[str]) -> None:
    venue = venues.load("binance", {"account_events": setting})
    assert [f["e"] for f in frames(venue, UPDATE, SNAPSHOT)] == kinds


def test_info_shows_the_whole_account_and_position_the_changed_assets() -> None:
    info, position = frames(VENUE, UPDATE, SNAPSHOT)
    assert [b["a"] for b in info["B"]] == ["USDT", "A"]
    assert [b["a"] for b in position["B"]] == ["USDT"]
    assert (info["E"], info["u"], position["E"], position["u"]) == (2_000, 900, 2_000, 1_000)


def test_without_a_picture_info_shows_what_the_event_lists() -> None:
    info, _ = frames(VENUE, UPDATE)
    assert [b["a"] for b in info["B"]] == ["USDT"]
    assert (info["T"], info["W"], info["D"], info["m"]) == (True, True, True, 0)


def test_rates_and_permissions_come_from_the_picture() -> None:
    picture = msgspec.structs.replace(
        SNAPSHOT,
        permissions=Permissions(can_withdraw=False),
        commission_rates=CommissionRates(maker=1, taker=2, buyer=3, seller=4),
    )
    info, _ = frames(VENUE, UPDATE, picture)
    assert [info[k] for k in "mtbsTWD"] == [1, 2, 3, 4, True, False, True]


def test_a_change_of_permissions_alone_gives_no_position() -> None:
    assert [f["e"] for f in frames(VENUE, AccountUpdate(time_ms=1))] == ["outboundAccountInfo"]


def test_absent_fields_are_shown_as_the_sample_shows_nothing() -> None:
    shown = frame(VENUE, order(client_order_id=None, price=None))
    assert [shown[k] for k in "cfpPFgCrnNtIM"] == [
        "", "GTC", "0.00000000", "0.00000000", "0.00000000", -1, "null", "NONE", "0", None, -1, 0,
        False,
    ]  # fmt: skip


def test_on_a_cancel_c_is_the_requests_id_and_big_c_the_orders_own() -> None:
    shown = frame(VENUE, order(cancel_client_order_id="request"))
    assert (shown["c"], shown["C"]) == ("request", "own")


@pytest.mark.parametrize("nothing", ['"null"', "null", '""'])
def test_no_original_id_is_null_in_any_editions_spelling(nothing: str) -> None:
    text = msgspec.json.encode(frame(VENUE, order())).decode()
    (received,) = VENUE.decode(text.replace('"C":"null"', f'"C":{nothing}'))
    assert isinstance(received.event, OrderUpdate)
    assert received.event.client_order_id == "own"
    assert received.event.cancel_client_order_id is None


def test_an_order_whose_own_id_is_the_word_null_keeps_it() -> None:
    text = msgspec.json.encode(frame(VENUE, order(client_order_id="null")))
    (received,) = VENUE.decode(text)
    assert isinstance(received.event, OrderUpdate)
    assert received.event.client_order_id == "null"


def test_an_unset_working_flag_follows_the_status() -> None:
    assert frame(VENUE, order())["w"] is True
    assert frame(VENUE, order(status="FILLED"))["w"] is False
    assert frame(VENUE, order(working=False))["w"] is False


def test_commission_is_a_bare_zero_or_has_eight_places() -> None:
    assert frame(VENUE, order(commission="0"))["n"] == "0"
    assert frame(VENUE, order(commission="0.5"))["n"] == "0.50000000"


def test_text_ids_show_as_numbers_and_stay_the_same() -> None:
    shown = frame(VENUE, order(order_id="A-1", trade_id="T-1", execution_id="E-1"))
    assert all(isinstance(shown[k], int) and 2**62 <= shown[k] < 2**63 for k in "itI")
    assert shown["i"] == frame(VENUE, order(order_id="A-1"))["i"]


def test_keys_of_2018_show_when_the_order_was_made_and_what_it_cost() -> None:
    venue = venues.load("binance", {"keys_2018": True})
    assert list(frame(venue, order()))[-2:] == ["O", "Z"]
    assert frame(venue, order())["O"] == 1_000
    shown = frame(venue, order(created_ms=5, cumulative_quote="1.5"))
    assert (shown["O"], shown["Z"]) == (5, "1.50000000")
    assert "O" not in frame(VENUE, order())


def test_info_decodes_to_a_whole_account_and_position_to_changes() -> None:
    encoded = [msgspec.json.encode(f) for f in frames(VENUE, UPDATE, SNAPSHOT)]
    kinds = [type(r.event).__name__ for f in encoded for r in VENUE.decode(f)]
    assert kinds == ["AccountSnapshot", "AccountUpdate"]
    (received,) = VENUE.decode(encoded[1])
    assert received.event == AccountUpdate(
        time_ms=1_000,
        balances=(msgspec.structs.replace(BALANCE, free="10.50000000", locked="0.00000000"),),
    )
