"""MEXC: its facts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.venues.pushes import ACCOUNT, DEALS, ORDERS
from userstream import venues
from userstream.errors import InvalidSettings
from userstream.markets import Markets, Symbol
from userstream.venue import (
    Alphabet,
    Call,
    ExpiryNotice,
    KeyPlace,
    Need,
    OnCreate,
    Refusal,
    Reply,
    Subscriber,
)
from userstream.venues.mexc import VENUE


def test_listen_keys_are_made_listed_renewed_and_deleted_on_one_path() -> None:
    routes = {(r.method, r.path): (r.call, r.weight) for r in VENUE.rest.routes}
    path = "/api/v3/userDataStream"
    assert routes["POST", path] == (Call.CREATE, 1)
    assert routes["GET", path] == (Call.LIST, 1)
    assert routes["PUT", path] == (Call.RENEW, 1)
    assert routes["DELETE", path] == (Call.DELETE, 1)
    assert routes["GET", "/api/v3/ping"] == (Call.PING, 1)
    assert routes["GET", "/api/v3/time"] == (Call.TIME, 1)
    assert routes["GET", "/api/v3/exchangeInfo"] == (Call.INFO, 10)
    assert len(routes) == 7


def test_put_and_delete_give_the_key_back_and_parameters_may_be_json() -> None:
    rest = VENUE.rest
    assert rest.reply is Reply.KEY
    assert rest.json_body
    assert not rest.refuse_surplus


def test_the_limit_is_500_in_ten_seconds_for_each_endpoint() -> None:
    rest = VENUE.rest
    assert (rest.weight_per_window, rest.window_s, rest.per_endpoint) == (500, 10, True)
    assert rest.used_weight_headers == ()


def test_a_signature_is_checked_when_it_is_there_in_lower_case_only() -> None:
    auth = VENUE.rest.auth
    assert auth.header == "X-MEXC-APIKEY"
    assert (auth.timestamp, auth.signature) == (Need.OPTIONAL, Need.OPTIONAL)
    assert auth.lower_case_only
    assert (auth.recv_window_ms, auth.max_recv_window_ms) == (5_000, 60_000)


def test_a_signature_can_be_required_as_on_the_live_service() -> None:
    auth = venues.load("mexc", {"auth": "required"}).rest.auth
    assert (auth.timestamp, auth.signature) == (Need.REQUIRED, Need.REQUIRED)


@pytest.mark.parametrize("options", [{"auth": "none"}, {"push": "text"}, {"pull": 1}])
def test_an_option_that_is_not_one_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings):
        venues.load("mexc", options)


def test_an_account_has_60_independent_keys_of_64_hex_digits_with_5_sockets_each() -> None:
    keys = VENUE.keys
    assert (keys.length, keys.alphabet, keys.life_ms) == (64, Alphabet.HEX, 3_600_000)
    assert (keys.on_create, keys.max_per_account, keys.max_sockets) == (OnCreate.NEW, 60, 5)


def test_the_stream_takes_the_key_as_a_parameter_and_is_never_pinged() -> None:
    stream = VENUE.stream
    (path,) = stream.paths
    assert (path.path, path.place) == ("/ws", KeyPlace.QUERY)
    assert (stream.ping_every_ms, stream.json_ping_every_ms) == (None, None)
    assert stream.expiry_notice is ExpiryNotice.NONE
    assert (stream.subscribe_within_ms, stream.idle_after_ms) == (30_000, 60_000)
    assert (stream.max_messages_per_s, stream.max_subscriptions) == (100, 30)
    assert stream.max_age_ms == 24 * 3_600_000


def test_events_reach_only_sockets_that_subscribed_to_their_channel() -> None:
    assert VENUE.channels == {ORDERS, DEALS, ACCOUNT}


def test_a_dead_key_is_730708_and_a_61st_is_refused() -> None:
    assert VENUE.errors[Refusal.LISTEN_KEY_UNKNOWN][:2] == (400, 730708)
    assert VENUE.errors[Refusal.LISTEN_KEYS_EXHAUSTED][:2] == (400, 26)
    assert VENUE.errors[Refusal.SOCKETS_EXHAUSTED] == (403, 403, "Access Denied")


def test_exchange_info_has_what_clients_read_of_a_symbol() -> None:
    symbol = Symbol(
        name="MXUSDT", base="MX", quote="USDT", tick="0.00010", lot="0.01", min_notional="1.0"
    )
    info: Any = venues.load("mexc", {}, Markets(symbols={"MXUSDT": symbol})).rest.info(5, {})
    assert (info["serverTime"], info["rateLimits"], info["exchangeFilters"]) == (5, [], [])
    (shown_symbol,) = info["symbols"]
    assert shown_symbol["symbol"] == "MXUSDT"
    assert shown_symbol["status"] == "1"
    assert (shown_symbol["baseAsset"], shown_symbol["quoteAsset"]) == ("MX", "USDT")
    assert shown_symbol["isSpotTradingAllowed"] is True
    assert shown_symbol["permissions"] == ["SPOT"]
    assert shown_symbol["filters"] == []
    assert {"LIMIT", "MARKET", "LIMIT_MAKER"} < set(shown_symbol["orderTypes"])
    assert (shown_symbol["baseAssetPrecision"], shown_symbol["quoteAssetPrecision"]) == (2, 4)
    assert shown_symbol["baseSizePrecision"] == "0.01"
    assert shown_symbol["quoteAmountPrecision"] == "1"


def test_its_opening_frame_subscribes_to_every_private_channel() -> None:
    opening = VENUE.stream.opening
    assert opening is not None
    control = VENUE.control(opening, Subscriber(frozenset(), True, lambda _: False))
    assert control.channels == VENUE.channels
