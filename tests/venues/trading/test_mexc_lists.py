"""MEXC's lists, its account and what clients read before they trade. Doc: spot v3."""

from __future__ import annotations

from typing import Any

import pytest

from tests.venues.trading.counter import NOW, Counter, Refusal
from userstream.events import OrderUpdate
from userstream.markets import SANDBOX_MARKETS
from userstream.venue import Need
from userstream.venues import load, load_orders
from userstream.venues.mexc.catalog import exchange_info

ORDER, OPEN, ALL = "/api/v3/order", "/api/v3/openOrders", "/api/v3/allOrders"
TRADES = "/api/v3/myTrades"
LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "quantity": "0.5",
    "price": "40000",
}
DAY = 86_400_000
PARAMETER = Refusal(400, 33333, "param is error")
ILLEGAL = Refusal(400, 700008, "Illegal characters found in parameter")
SYMBOL = Refusal(400, -1121, "Invalid symbol.")


@pytest.fixture
def counter() -> Counter:
    return Counter("mexc")


def ids(found: Any) -> Any:
    return found if isinstance(found, Refusal) else [row["orderId"] for row in found]


def on_three_symbols(counter: Counter) -> None:
    for symbol, price in (("BTCUSDT", "40000"), ("ETHBTC", "0.05"), ("LTCBTC", "0.002")):
        counter.call("POST", ORDER, **LIMIT | {"symbol": symbol, "price": price})


def test_open_orders_of_all_one_or_some_symbols(counter: Counter) -> None:
    on_three_symbols(counter)
    assert ids(counter.call("GET", OPEN)) == ["30", "29", "28"]
    assert ids(counter.call("GET", OPEN, symbol="ETHBTC")) == ["29"]
    assert ids(counter.call("GET", OPEN, symbol="LTCBTC,BTCUSDT,LTCBTC")) == ["30", "28"]
    assert counter.call("GET", OPEN, symbol="MXUSDT") == []
    assert counter.call("GET", OPEN, account="bob") == []


def test_cancel_all_on_some_symbols(counter: Counter) -> None:
    on_three_symbols(counter)
    gone = counter.call("DELETE", OPEN, symbol="LTCBTC,BTCUSDT")
    assert [(o["orderId"], o["status"]) for o in gone] == [("30", "CANCELED"), ("28", "CANCELED")]
    assert list(gone[0]) == [
        "symbol", "origClientOrderId", "orderId", "clientOrderId", "price", "origQty",
        "executedQty", "cummulativeQuoteQty", "status", "timeInForce", "type", "side",
    ]  # fmt: skip
    assert ids(counter.call("GET", OPEN)) == ["29"]
    assert counter.call("DELETE", OPEN, symbol="LTCBTC,BTCUSDT") == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("symbol", "refused"),
    [
        ("BTCUSDT,NOPE", SYMBOL),
        ("BTCUSDT,", SYMBOL),
        ("BTCUSDT, ETHBTC", SYMBOL),
        ("A,B,C,D,E,F", PARAMETER),
    ],
)
def test_a_bad_list_of_symbols_cancels_nothing(
    counter: Counter, method: str, symbol: str, refused: Refusal
) -> None:
    on_three_symbols(counter)
    assert counter.call(method, OPEN, symbol=symbol) == refused
    assert len(counter.call("GET", OPEN)) == 3


def test_all_orders_are_those_of_the_last_day_newest_first(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT)
    counter.now_ms += DAY
    for _ in range(2):
        counter.call("POST", ORDER, **LIMIT)
    counter.call("DELETE", ORDER, symbol="BTCUSDT", orderId="29")
    assert counter.call("GET", ALL, symbol="BTCUSDT")[0] == counter.call("GET", ORDER, orderId="30")
    assert ids(counter.call("GET", ALL, symbol="BTCUSDT")) == ["30", "29"]
    assert ids(counter.call("GET", ALL, symbol="BTCUSDT", limit=1)) == ["30"]
    assert counter.call("GET", ALL, symbol="ETHBTC") == []


def test_windows_of_all_orders_reach_back_seven_days(counter: Counter) -> None:
    for _ in range(4):
        counter.call("POST", ORDER, **LIMIT)

    def within(start: int | None, end: int | None, **given: Any) -> Any:
        asked = {"symbol": "BTCUSDT", "startTime": start, "endTime": end, **given}
        return ids(counter.call("GET", ALL, **asked))

    assert within(NOW + 2, NOW + 3) == ["30", "29"]
    assert within(NOW + 1, NOW + 4, limit=3) == ["31", "30", "29"]
    assert within(NOW + 3, NOW + 2) == []
    assert within(0, NOW + 2) == ["29", "28"]
    for start, end in ((NOW, None), (None, NOW)):
        alone = Refusal(400, -1128, "Combination of optional parameters invalid.")
        assert within(start, end) == alone
    counter.now_ms = NOW + 7 * DAY + 2  # the next call is a millisecond later
    assert within(0, counter.now_ms) == ["31", "30"]


@pytest.mark.parametrize("path", [ALL, TRADES])
def test_bad_pages(counter: Counter, path: str) -> None:
    assert counter.call("GET", path, symbol="BTCUSDT", limit=0) == PARAMETER
    for name in ("limit", "startTime", "endTime"):
        assert counter.call("GET", path, symbol="BTCUSDT", **{name: "-1"}) == ILLEGAL
    assert counter.call("GET", path, symbol="NOPE") == SYMBOL
    assert counter.call("GET", path).code == 700004


def test_limits_have_a_top(counter: Counter) -> None:
    counter.rest("SELL", "10", "40000")
    for _ in range(101):
        counter.call("POST", ORDER, **LIMIT | {"type": "MARKET", "quantity": "0.01"})
    assert len(counter.call("GET", TRADES, symbol="BTCUSDT")) == 100
    assert len(counter.call("GET", TRADES, symbol="BTCUSDT", limit=1000)) == 100
    assert len(counter.call("GET", ALL, symbol="BTCUSDT", limit=5000)) == 101


def test_trades_newest_first_by_window_order_and_reach(counter: Counter) -> None:
    counter.rest("SELL", "10", "40000")
    for _ in range(3):
        counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")

    def trades(**given: Any) -> list[str]:
        return [t["id"] for t in counter.call("GET", TRADES, symbol="BTCUSDT", **given)]

    assert trades() == ["3", "2", "1"]
    assert trades(limit=2) == ["3", "2"]
    assert trades(orderId="30") == ["2"]
    assert trades(startTime=NOW + 2) == ["3", "2"]
    assert trades(endTime=NOW + 2) == ["2", "1"]
    assert trades(startTime=NOW + 2, endTime=NOW + 2) == ["2"]
    counter.now_ms = NOW + 30 * DAY + 1  # the next call is a millisecond later
    assert trades() == ["3", "2"]
    counter.now_ms = NOW + 30 * DAY + 1
    assert trades(startTime=0) == ["3", "2"]


def test_a_trade_has_the_ids_of_its_push(counter: Counter) -> None:
    counter.rest("SELL", "10", "40000")
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    updates = [e for _, e in counter.events if isinstance(e, OrderUpdate)]
    (order,) = (u for u in updates if u.trade_id is not None and u.maker is False)
    (trade,) = counter.call("GET", TRADES, symbol="BTCUSDT")
    assert (trade["id"], trade["orderId"]) == (order.trade_id, order.order_id)
    assert trade == {
        "symbol": "BTCUSDT",
        "id": "1",
        "orderId": "29",
        "orderListId": -1,
        "price": "40000",
        "qty": "0.5",
        "quoteQty": "20000",
        "commission": "20",
        "commissionAsset": "USDT",
        "time": NOW + 1,
        "isBuyer": True,
        "isMaker": False,
        "isBestMatch": True,
        "isSelfTrade": False,
        "clientOrderId": "mine",
    }


def test_the_account_leaves_out_what_is_at_zero(counter: Counter) -> None:
    counter.rest("BUY", "100", "30000")
    counter.call("POST", ORDER, **LIMIT | {"type": "MARKET", "side": "SELL", "quantity": "100"})
    counter.call("POST", ORDER, **LIMIT)
    account = counter.call("GET", "/api/v3/account")
    balances = {row.pop("asset"): row for row in account.pop("balances")}
    assert account == {
        "makerCommission": None,
        "takerCommission": None,
        "buyerCommission": None,
        "sellerCommission": None,
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "updateTime": None,
        "accountType": "SPOT",
        "permissions": ["SPOT"],
    }
    assert set(balances) == {"ETH", "LTC", "MX", "USDT"}
    free = "12977000"
    assert balances["USDT"] == {"free": free, "locked": "20000", "available": free}
    assert balances["MX"] == {"free": "100000", "locked": "0", "available": "100000"}


def test_fees_are_numbers(counter: Counter) -> None:
    assert counter.call("GET", "/api/v3/tradeFee", symbol="BTCUSDT") == {
        "data": {"makerCommission": 0.001, "takerCommission": 0.001},
        "code": 0,
        "msg": "success",
        "timestamp": NOW + 1,
    }
    assert counter.call("GET", "/api/v3/tradeFee", symbol="NOPE") == SYMBOL


def test_the_description_names_the_fees_that_are_charged(counter: Counter) -> None:
    counter.rest("SELL", "1", "40000")
    counter.call("POST", ORDER, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.5")
    (fill,) = counter.call("GET", TRADES, symbol="BTCUSDT")
    for info in exchange_info(SANDBOX_MARKETS, NOW)["symbols"]:
        assert (info["makerCommission"], info["takerCommission"]) == ("0.001", "0.001")
    assert (fill["quoteQty"], fill["commission"]) == ("20000", "20")


def test_what_clients_read_before_they_trade(counter: Counter) -> None:
    assert counter.call("GET", "/api/v3/defaultSymbols") == {
        "code": 200,
        "data": ["BTCUSDT", "ETHBTC", "LTCBTC", "ETHUSDT", "MXUSDT"],
        "msg": None,
    }
    assert counter.call("GET", "/api/v1/contract/detail") == {
        "success": True,
        "code": 0,
        "data": [],
    }
    coins = counter.call("GET", "/api/v3/capital/config/getall")
    assert [row["coin"] for row in coins] == ["BTC", "USDT", "ETH", "LTC", "MX"]
    assert coins[0] == {"coin": "BTC", "name": "BTC", "networkList": []}


def test_signed_calls_want_a_lower_case_signature(counter: Counter) -> None:
    auth = counter.dialect.auth
    assert (auth.header, auth.lower_case_only) == ("X-MEXC-APIKEY", True)
    assert auth.timestamp is auth.signature is Need.REQUIRED
    assert auth.max_recv_window_ms == 60_000
    public = {e.path for e in counter.dialect.endpoints if e.serve is None}
    assert public == {"/api/v3/defaultSymbols", "/api/v1/contract/detail"}


def test_no_start_up_call_of_the_venue_is_replaced() -> None:
    own = {(r.method, r.path) for r in load("mexc").rest.routes}
    dialect = load_orders("mexc", None, SANDBOX_MARKETS)
    asked = {(e.method, e.path) for e in dialect.endpoints}
    assert not own & asked
    assert ("POST", "/api/v3/batchOrders") not in asked
