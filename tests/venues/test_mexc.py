"""MEXC: its facts, its numbers and words, its two encodings and what they cannot say."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.venues.orders import SNAPSHOT, UPDATE, frame, frames, order
from tests.venues.strategies import events
from tests.venues.vectors import vectors
from userstream import venues
from userstream.errors import InvalidSettings, MalformedFrame
from userstream.events import AccountUpdate, Balance, Envelope, Event, OrderUpdate, UnknownEvent
from userstream.markets import SANDBOX_MARKETS, Markets, Symbol
from userstream.venue import (
    Alphabet,
    Call,
    ExpiryNotice,
    KeyPlace,
    Need,
    OnCreate,
    Received,
    Refusal,
    Reply,
    Subscriber,
    Venue,
)
from userstream.venues.mexc import VENUE
from userstream.venues.mexc.push_pb2 import PrivateOrders, Push

ORDERS = "spot@private.orders.v3.api.pb"
DEALS = "spot@private.deals.v3.api.pb"
ACCOUNT = "spot@private.account.v3.api.pb"
TRADE = order(
    status="PARTIALLY_FILLED",
    execution="TRADE",
    quantity="2",
    cumulative_quantity="0.5",
    last_quantity="0.5",
    last_price="63999.9",
    trade_id="505979017439002624X1",
)
GOLDEN = {v.name: v for v in vectors("mexc") if v.name in {"orders", "deals", "account"}}


@pytest.fixture(scope="module")
def as_json() -> Venue:
    return venues.load("mexc", {"push": "json"}, SANDBOX_MARKETS)


def pushes(event: Event, venue: Venue = VENUE) -> list[Push]:
    encoded = venue.encode(Envelope(1, "alice", "epoch000", 1, 2_000, event), None)
    return [Push.FromString(f.payload) for f in encoded]


def shown(event: OrderUpdate) -> PrivateOrders:
    return pushes(event)[0].privateOrders


def read(push: Push) -> Event:
    (received,) = VENUE.decode(push.SerializeToString())
    assert isinstance(received.event, Event)
    return received.event


def read_order(**fields: Any) -> OrderUpdate:
    body = PrivateOrders(id="1", **fields)
    event = read(Push(channel=ORDERS, symbol="A", sendTime=1, privateOrders=body))
    assert isinstance(event, OrderUpdate)
    return event


# ── facts ───────────────────────────────────────────────────────────────────────────────────────


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


# ── words and numbers ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("order_type", "time_in_force", "number"),
    [
        ("LIMIT", None, 1),
        ("LIMIT", "GTC", 1),
        ("LIMIT_MAKER", None, 2),
        ("POST_ONLY", None, 2),
        ("LIMIT", "GTX", 2),
        ("LIMIT", "IOC", 3),
        ("IMMEDIATE_OR_CANCEL", None, 3),
        ("LIMIT", "FOK", 4),
        ("FILL_OR_KILL", None, 4),
        ("MARKET", "GTC", 5),
        ("STOP_LOSS", None, 100),
        ("TAKE_PROFIT_LIMIT", "GTC", 100),
        ("100", None, 100),
        ("TRAILING", None, 0),
        ("1234567890", None, 0),
        (None, None, 0),
    ],
)
def test_the_time_in_force_is_folded_into_the_order_type(
    order_type: str | None, time_in_force: str | None, number: int
) -> None:
    event = order(order_type=order_type, time_in_force=time_in_force)
    assert shown(event).orderType == number


@pytest.mark.parametrize(
    ("number", "order_type", "time_in_force"),
    [
        (0, None, None),
        (1, "LIMIT", "GTC"),
        (2, "LIMIT_MAKER", None),
        (3, "LIMIT", "IOC"),
        (4, "LIMIT", "FOK"),
        (5, "MARKET", None),
        (100, "100", None),
        (7, "7", None),
    ],
)
def test_an_order_type_is_read_with_its_time_in_force(
    number: int, order_type: str | None, time_in_force: str | None
) -> None:
    event = read_order(orderType=number)
    assert (event.order_type, event.time_in_force) == (order_type, time_in_force)


@pytest.mark.parametrize(
    ("status", "cumulative", "number"),
    [
        ("NEW", "0", 1),
        ("FILLED", "1", 2),
        ("PARTIALLY_FILLED", "0.5", 3),
        ("CANCELED", "0", 4),
        ("PARTIALLY_CANCELED", "0.5", 5),
        ("EXPIRED", "0.00", 4),
        ("EXPIRED", "0.5", 5),
        ("REJECTED", None, 4),
        ("PENDING_CANCEL", "0", 1),
        ("PENDING_CANCEL", "0.01", 3),
        ("9", "0", 9),
        ("", "0", 0),
        ("²", "0", 0),
    ],
)
def test_a_status_that_the_dialect_does_not_have_shows_as_the_nearest(
    status: str, cumulative: str | None, number: int
) -> None:
    assert shown(order(status=status, cumulative_quantity=cumulative)).status == number


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (0, ""),
        (1, "NEW"),
        (2, "FILLED"),
        (3, "PARTIALLY_FILLED"),
        (4, "CANCELED"),
        (5, "PARTIALLY_CANCELED"),
        (6, "6"),
    ],
)
def test_a_status_is_read_as_a_word_and_an_unknown_one_as_its_digits(
    number: int, status: str
) -> None:
    assert read_order(status=number).status == status


@pytest.mark.parametrize(("side", "number"), [("BUY", 1), ("SELL", 2), ("3", 3), ("", 0)])
def test_a_side_is_one_or_two(side: str, number: int) -> None:
    assert shown(order(side=side)).tradeType == number
    assert read_order(tradeType=number).side == side


# ── what an order event leaves to be computed ───────────────────────────────────────────────────


def test_a_resting_order_remains_whole() -> None:
    body = shown(order(price="0.01099", quantity="702.230"))
    assert (body.amount, body.remainAmount) == ("7.7175077", "7.7175077")
    assert (body.quantity, body.remainQuantity) == ("702.23", "702.23")
    assert (body.avgPrice, body.cumulativeQuantity, body.cumulativeAmount) == ("0", "0", "0")
    assert body.createTime == 1_000
    assert not body.HasField("lastDealQuantity")
    assert not body.HasField("triggerPrice")


def test_the_remaining_amount_is_price_times_the_remaining_quantity() -> None:
    # Figures of a push seen on the live service in February 2025.
    event = order(
        price="0.01099",
        quantity="702.23",
        cumulative_quantity="100.09",
        cumulative_quote="1.0999891",
    )
    body = shown(event)
    assert (body.amount, body.remainAmount, body.remainQuantity) == (
        "7.7175077",
        "6.6175186",
        "602.14",
    )
    assert (body.avgPrice, body.cumulativeAmount) == ("0.01099", "1.0999891")


def test_an_order_that_filled_below_its_price_has_nothing_left() -> None:
    # Figures of a push seen on the live service in March 2025.
    body = shown(
        order(price="0.5", quantity="20", cumulative_quantity="20", average_price="0.2999")
    )
    assert (body.amount, body.remainAmount, body.remainQuantity) == ("10", "0", "0")
    assert (body.avgPrice, body.cumulativeAmount) == ("0.2999", "5.998")


def test_an_average_price_has_at_most_18_places() -> None:
    third = shown(order(quantity="3", cumulative_quantity="3", cumulative_quote="10"))
    assert third.avgPrice == "3.333333333333333333"
    none = shown(order(cumulative_quantity="99999999999999999999", cumulative_quote="0.1"))
    assert none.avgPrice == "0"
    tiny = shown(order(cumulative_quantity="10000000000", cumulative_quote="0.1"))
    assert tiny.avgPrice == "0.00000000001"


def test_a_market_order_has_the_amount_it_was_placed_with() -> None:
    done = {"order_type": "MARKET", "cumulative_quantity": "3", "cumulative_quote": "9.5"}
    by_amount = shown(order(quantity="0", quote_quantity="10", price=None, **done))
    assert (by_amount.amount, by_amount.remainAmount) == ("10", "0.5")
    assert (by_amount.price, by_amount.remainQuantity) == ("0", "0")
    by_quantity = shown(order(quantity="4", **done))
    assert (by_quantity.amount, by_quantity.remainAmount) == ("0", "0")
    assert by_quantity.remainQuantity == "1"


def test_an_amount_that_is_given_is_not_computed() -> None:
    body = shown(order(quote_quantity="70000.0", cumulative_quantity="0.25"))
    assert (body.amount, body.remainAmount) == ("70000", "48000")
    assert (body.avgPrice, body.cumulativeAmount) == ("0", "0")  # neither is said


@given(
    st.decimals("0", "1e12", places=8, allow_nan=False).map(lambda d: format(d, "f")),
    st.decimals("0", "1e12", places=8, allow_nan=False).map(lambda d: format(d, "f")),
)
def test_amounts_are_exact_plain_and_without_padding(price: str, quantity: str) -> None:
    body = shown(order(price=price, quantity=quantity))
    assert Fraction(body.amount) == Fraction(price) * Fraction(quantity)
    for text in (body.price, body.quantity, body.amount, body.remainAmount):
        assert "E" not in text
        assert "." not in text or text[-1] not in "0."


def test_a_fill_without_its_amount_is_price_times_quantity() -> None:
    _, deal = pushes(TRADE)
    assert deal.privateDeals.amount == "31999.95"
    _, deal = pushes(order(**{**msgspec.structs.asdict(TRADE), "last_quote": "31999.50"}))
    assert deal.privateDeals.amount == "31999.5"


# ── frames ──────────────────────────────────────────────────────────────────────────────────────


def test_a_fill_is_an_orders_frame_then_a_deals_frame() -> None:
    encoded = VENUE.encode(Envelope(1, "alice", "epoch000", 1, 2_000, TRADE), None)
    assert [(f.channel, f.binary) for f in encoded] == [(ORDERS, True), (DEALS, True)]
    assert [p.sendTime for p in pushes(TRADE)] == [2_000, 2_000]


def test_any_other_change_of_an_order_is_an_orders_frame() -> None:
    assert [p.channel for p in pushes(order())] == [ORDERS]


def test_an_account_event_is_a_frame_for_each_asset_it_lists() -> None:
    assert [p.privateAccount.vcoinName for p in pushes(SNAPSHOT)] == ["USDT", "A"]
    assert pushes(AccountUpdate(time_ms=1)) == []


def test_a_balance_shows_no_change_and_no_cause_that_nobody_stated() -> None:
    (push,) = pushes(UPDATE)
    body = push.privateAccount
    assert (push.createTime, push.sendTime, body.time) == (2_000, 2_000, 1_000)
    assert (body.balanceAmountChange, body.frozenAmountChange, body.type) == ("0", "0", "")
    assert body.coinId == "128f589271cb4951b03e71e6323eb7be"


def test_a_stop_price_and_the_last_quantity_are_sent_only_when_they_are_said() -> None:
    body = shown(order(stop_price="0.450", last_quantity="0", created_ms=7))
    assert (body.triggerPrice, body.lastDealQuantity, body.createTime) == ("0.45", "0", 7)


def test_the_documents_program_can_read_the_json(as_json: Venue) -> None:
    change = Balance(asset="USDT", free="21.94210356004384", locked="0", free_change="10")
    event = AccountUpdate(time_ms=1_736_416_910_000, balances=(change,), cause="CONTRACT_TRANSFER")
    push = frame(as_json, event)
    assert push["channel"] == "spot@private.account.v3.api.pb"
    account = push["privateAccount"]
    assert (account["vcoinName"], account["type"]) == ("USDT", "CONTRACT_TRANSFER")
    assert (account["balanceAmount"], account["balanceAmountChange"]) == ("21.94210356004384", "10")
    assert (account["frozenAmount"], account["frozenAmountChange"]) == ("0", "0")
    assert account["time"] == 1_736_416_910_000


def test_json_has_every_plain_field_and_the_optional_ones_that_are_set(as_json: Venue) -> None:
    orders, deals = frames(as_json, TRADE)
    assert list(orders) == ["channel", "sendTime", "symbol", "privateOrders"]
    assert list(deals) == ["channel", "sendTime", "symbol", "privateDeals"]
    assert orders["privateOrders"]["isMaker"] is False
    assert orders["privateOrders"]["clientId"] == "own"
    assert orders["privateOrders"]["lastDealQuantity"] == "0.5"
    assert "triggerPrice" not in orders["privateOrders"]
    assert deals["privateDeals"]["feeCurrency"] == ""
    assert frame(as_json, order(stop_price="1"))["privateOrders"]["triggerPrice"] == "1"


def test_json_pushes_are_text_frames_on_the_same_channels(as_json: Venue) -> None:
    encoded = as_json.encode(Envelope(1, "alice", "epoch000", 1, 2_000, TRADE), None)
    assert [(f.channel, f.binary) for f in encoded] == [(ORDERS, False), (DEALS, False)]


@settings(deadline=None)
@given(events)
@example(
    AccountUpdate(
        time_ms=1,
        balances=(
            Balance(asset="X", free="0", locked="0", free_change="-0.0", locked_change="-0"),
        ),
    )
)
def test_both_encodings_say_the_same(event: Event) -> None:
    envelope = Envelope(1, "alice", "epoch000", 1, 2_000, event)
    text = venues.load("mexc", {"push": "json"}, SANDBOX_MARKETS)
    binary = [VENUE.decode(f.payload) for f in VENUE.encode(envelope, None)]
    assert binary == [VENUE.decode(f.payload.decode()) for f in text.encode(envelope, None)]


# ── what is read ────────────────────────────────────────────────────────────────────────────────


def test_an_orders_frame_does_not_claim_a_fill() -> None:
    orders, deals = (read(p) for p in pushes(TRADE))
    assert isinstance(orders, OrderUpdate)
    assert isinstance(deals, OrderUpdate)
    assert orders.execution is None
    assert (orders.last_price, orders.trade_id, orders.commission) == (None, None, None)
    assert orders.status == "PARTIALLY_FILLED"
    assert (deals.execution, deals.status) == ("TRADE", "")


def test_each_frame_of_a_fill_says_what_it_can_and_nothing_else() -> None:
    fill = order(
        **{
            **msgspec.structs.asdict(TRADE),
            "time_ms": 1_900,
            "time_in_force": "IOC",
            "quote_quantity": "128000",
            "stop_price": "1",
            "last_quote": "31999.95",
            "cumulative_quote": "31999.95",
            "average_price": "63999.9",
            "commission": "0.1",
            "commission_asset": "MX",
            "maker": True,
            "self_trade": True,
            "created_ms": 900,
        }
    )
    orders, deals = (read(p) for p in pushes(fill))
    for decoded, lost in ((orders, {"status", "execution"}), (deals, {"status"})):
        for name in set(decoded.__struct_fields__) - lost - {"time_ms"}:
            assert getattr(decoded, name) in {None, getattr(fill, name)}, name
    assert [deals.time_ms, orders.time_ms] == [1_900, 2_000]
    carried = {n for d in (orders, deals) for n in d.__struct_fields__ if getattr(d, n) is not None}
    assert set(fill.__struct_fields__) - carried == {
        "cancel_client_order_id",
        "iceberg_quantity",
        "execution_id",
        "reject_reason",
        "working",
    }


def split(message: bytes) -> list[bytes]:
    """The fields of a message whose lengths and tags are one or two bytes."""
    fields, at = [], 0
    while at < len(message):
        start = at
        tag = message[at] & 0x7F
        at += 1
        if message[at - 1] & 0x80:
            at += 1
        if tag & 7 == 2:
            length = message[at] & 0x7F
            at += 1
            if message[at - 1] & 0x80:
                length |= message[at] << 7
                at += 1
            at += length
        else:
            while message[at] & 0x80:
                at += 1
            at += 1
        fields.append(message[start:at])
    return fields


UNKNOWN = (b"\xc2\x3e\x05later", b"\x38\x2a", b"\xbd\x3e\x01\x02\x03\x04")


@pytest.mark.parametrize("name", sorted(GOLDEN))
@given(data=st.data())
def test_any_field_order_and_unknown_fields_are_read_alike(name: str, data: st.DataObject) -> None:
    vector = GOLDEN[name]
    *head, body = split(vector.payload)
    inner = split(body[4:] if body[2] & 0x80 else body[3:])
    shuffled = b"".join(data.draw(st.permutations([*inner, b"\xc2\x3e\x05later"])))
    size = bytes([len(shuffled) & 0x7F | 0x80, len(shuffled) >> 7])
    outer = data.draw(st.permutations([*head, body[:2] + size + shuffled, *UNKNOWN]))
    assert VENUE.decode(b"".join(outer)) == vector.received


def test_an_extension_appended_to_a_frame_is_skipped() -> None:
    vector = GOLDEN["orders"]
    assert VENUE.decode(vector.payload + UNKNOWN[0]) == vector.received


@pytest.mark.parametrize(
    "ack",
    [
        '{"id":0,"code":0,"msg":"PONG"}',
        '{"id":7,"code":0,"msg":"spot@private.account.v3.api.pb"}',
        '{"msg":"Not Subscribed successfully! [x].  Reason： Blocked! ","code":0,"id":0}',
        '{"id":0,"code":1,"msg":"invalid request"}',
    ],
)
def test_an_answer_to_a_request_is_no_event(ack: str) -> None:
    assert VENUE.decode(ack) == ()
    assert VENUE.decode(ack.encode()) == ()


@pytest.mark.parametrize(
    "push",
    [
        '{"channel":"spot@public.deals","sendTime":"5","publicDeals":{}}',
        '{"c":"spot@public.deals","d":{"p":1.5},"t":5}',
    ],
)
def test_json_of_another_channel_is_kept(push: str) -> None:
    expected = UnknownEvent(kind="spot@public.deals", frame=push.encode())
    assert VENUE.decode(push) == (Received(expected, 5),)


def test_a_body_that_is_not_ours_is_kept_and_a_missing_one_is_malformed() -> None:
    head = Push(channel="spot@public.deals", sendTime=5).SerializeToString()
    public = head + b"\xea\x12\x00"  # field 301, empty
    kept = UnknownEvent(kind="spot@public.deals", frame=public)
    assert VENUE.decode(public) == (Received(kept, 5),)
    for frame_ in (head, head + b"\x82\x7d\x00", b"\xea\x12\x00", b""):
        with pytest.raises(MalformedFrame, match="no body"):
            VENUE.decode(frame_)


@pytest.mark.parametrize("missing", ["symbol", "orderId", "tradeId", "price", "quantity"])
def test_a_fill_is_never_invented(missing: str) -> None:
    _, push = pushes(TRADE)
    if missing == "symbol":
        push.ClearField("symbol")
    else:
        setattr(push.privateDeals, missing, "")
    with pytest.raises(MalformedFrame, match="no "):
        VENUE.decode(push.SerializeToString())


@pytest.mark.parametrize("missing", ["vcoinName", "balanceAmount", "frozenAmount"])
def test_a_balance_is_never_invented(missing: str) -> None:
    (push,) = pushes(UPDATE)
    setattr(push.privateAccount, missing, "")
    with pytest.raises(MalformedFrame, match="no "):
        VENUE.decode(push.SerializeToString())


def test_an_order_needs_an_id_and_a_symbol() -> None:
    for push in (Push(symbol="A"), Push(channel=ORDERS)):
        push.privateOrders.price = "1"
        with pytest.raises(MalformedFrame, match="no "):
            VENUE.decode(push.SerializeToString())


def test_what_a_frame_does_not_say_is_absent() -> None:
    event = read_order()
    for name in ("price", "quantity", "client_order_id", "order_type", "average_price"):
        assert getattr(event, name) is None


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ('"createTime":1,"sendTime":2,', 1),
        ('"sendTime":2,', 2),
        ("", 0),
    ],
)
def test_frames_are_ordered_by_the_message_then_by_the_push(times: str, expected: int) -> None:
    body = '"privateAccount":{"vcoinName":"A","balanceAmount":1,"frozenAmount":"0"}'
    (received,) = VENUE.decode(f'{{"channel":"x",{times}{body}}}')
    assert received.time_ms == (expected or None)
    assert isinstance(received.event, AccountUpdate)
    assert received.event.time_ms == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("8.0", "8.0"),
        ('"8.0"', "8.0"),
        ("8", "8"),
        ("1e-7", "0.0000001"),
        ('"0.0003998377369698171"', "0.0003998377369698171"),
        ("null", None),
        ("123456789012345678.123456789012345678", "123456789012345678.123456789012345678"),
    ],
)
@pytest.mark.parametrize("form", ["today", "2024"])
def test_a_number_is_read_digit_by_digit(amount: str, expected: str | None, form: str) -> None:
    push = (
        f'{{"channel":"x","symbol":"A","privateOrders":{{"id":"1","price":{amount}}}}}'
        if form == "today"
        else f'{{"c":"spot@private.orders.v3.api","s":"A","d":{{"i":"1","p":{amount}}}}}'
    )
    (received,) = VENUE.decode(push)
    assert isinstance(received.event, OrderUpdate)
    assert received.event.price == expected


@pytest.mark.parametrize(
    "amount",
    [
        *("1e99999999", '"1e99999999"', "1e-99999999", "1e99999999999999999999", "1e41"),
        *('"NaN"', '"sNaN"', '"Infinity"', '""', '"x"', "-1", "true", "{}"),
    ],
)
@pytest.mark.parametrize("form", ["today", "2024"])
def test_what_is_not_an_amount_is_malformed(amount: str, form: str) -> None:
    push = (
        f'{{"channel":"x","symbol":"A","privateOrders":{{"id":"1","price":{amount}}}}}'
        if form == "today"
        else f'{{"c":"spot@private.orders.v3.api","s":"A","d":{{"i":"1","p":{amount}}}}}'
    )
    with pytest.raises(MalformedFrame):
        VENUE.decode(push)


@pytest.mark.parametrize(
    "frame_",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"code":0}',
        '{"msg":"x"}',
        '{"channel":1}',
        '{"c":"spot@private.orders.v3.api"}',
        '{"c":"spot@private.orders.v3.api","d":[]}',
        '{"e":"executionReport","c":"own","s":"BTCUSDT"}',
        '{"channel":"\ud800"}',
        b'{"channel":"\xff"}',
        b"\x0a\x01\xff",
        b"\x00",
        b"\x5b" * 1_000,
    ],
)
def test_whatever_the_document_does_not_describe_is_malformed(frame_: bytes | str) -> None:
    with pytest.raises(MalformedFrame):
        VENUE.decode(frame_)


def test_the_status_word_of_a_stop_order_of_2024_is_kept() -> None:
    body = '{"i":"1","s":"EXECUTED","o":100,"S":1}'
    (received,) = VENUE.decode(f'{{"c":"spot@private.orders.v3.api","s":"A","d":{body}}}')
    assert isinstance(received.event, OrderUpdate)
    assert (received.event.status, received.event.side) == ("EXECUTED", "BUY")


def test_integers_of_json_may_be_text() -> None:
    body = '{"id":"1","status":"2","orderType":"5","createTime":"9"}'
    (received,) = VENUE.decode(f'{{"channel":"x","symbol":"A","privateOrders":{body}}}')
    assert isinstance(received.event, OrderUpdate)
    event = received.event
    assert (event.status, event.order_type, event.created_ms) == ("FILLED", "MARKET", 9)
    assert (event.time_ms, received.time_ms) == (9, None)


def test_its_opening_frame_subscribes_to_every_private_channel() -> None:
    opening = VENUE.stream.opening
    assert opening is not None
    control = VENUE.control(opening, Subscriber(frozenset(), True, lambda _: False))
    assert control.channels == VENUE.channels
