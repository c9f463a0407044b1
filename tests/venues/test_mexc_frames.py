"""MEXC: the frames of an event, in both encodings."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings

from tests.venues.orders import SNAPSHOT, UPDATE, frame, frames, order
from tests.venues.pushes import DEALS, ORDERS, TRADE, pushes, shown
from tests.venues.strategies import events
from userstream import venues
from userstream.events import AccountUpdate, Balance, Envelope, Event
from userstream.markets import SANDBOX_MARKETS
from userstream.venue import Venue
from userstream.venues.mexc import VENUE


@pytest.fixture(scope="module")
def as_json() -> Venue:
    return venues.load("mexc", {"push": "json"}, SANDBOX_MARKETS)


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
