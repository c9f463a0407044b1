"""What every venue's order endpoints promise, whatever their document says."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tests.venues.trading.counter import Counter, Refusal
from tests.venues.trading.texts import LIMIT, changed
from userstream.errors import InvalidSettings
from userstream.orders import OrderRequest, Outcome, Reason, Refused
from userstream.sandbox.seat import Seat
from userstream.trading import Endpoint, Kind, Param, with_orders
from userstream.venue import Call, Need
from userstream.venues import load_orders, names

NAMES = [n for n in names() if importlib.util.find_spec(f"userstream.venues.{n}.orders")]
BAD = {
    Kind.SYMBOL: ("", "btcusdt", "BTC-USDT", "BTC USDT", "B" * 21, "NOPE"),
    Kind.DECIMAL: ("-1", "+1", "1e5", "NaN", ".5", "1.", "1,5", " 1", "1\n", "٣", "9" * 21),
    Kind.WHOLE: ("-1", "1.5", "9" * 19),
    Kind.CLIENT_ID: ("a b", "é", "x" * 37),
    Kind.SHORT_CLIENT_ID: ("a b", "é", "x" * 33),
    Kind.TEXT: ("x" * 257,),
}  # fmt: skip

by_venue = pytest.mark.parametrize("name", NAMES)


def order_call(counter: Counter) -> Endpoint:
    return next(e for e in counter.dialect.endpoints if e.places_order)


def bad_values(param: Param) -> Sequence[str]:
    return ("NOPE", "buy", "1") if param.words else BAD[param.kind]


class Refusing(Seat):
    """A seat on an exchange that takes no command."""

    reason = Reason.UNKNOWN_ORDER

    def place(self, _: OrderRequest) -> Outcome:
        return Refused(self.reason, "quantity")

    def check(self, _: OrderRequest) -> Refused | None:
        return Refused(self.reason, "quantity")

    def cancel(
        self, order: int | str, *, symbol: str | None = None, cancel_id: str | None = None
    ) -> Outcome:
        return Refused(self.reason)


@by_venue
@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_form(
    name: str, reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter(name)
    monkeypatch.setattr(Refusing, "reason", reason)
    monkeypatch.setattr("tests.venues.trading.counter.Seat", Refusing)
    path = order_call(counter).path
    for refused in (
        counter.call("POST", path, **LIMIT),
        counter.call("POST", f"{path}/test", **LIMIT),
        counter.call("DELETE", path, symbol="BTCUSDT", orderId=1),
    ):
        assert isinstance(refused, Refusal)
        assert 400 <= refused.status < 500
        assert refused.code
        assert refused.text
        assert "{" not in refused.text


@by_venue
def test_a_bad_value_of_any_field_changes_nothing(name: str) -> None:
    counter = Counter(name)
    counter.rest("SELL", "1", "40000")
    before = dict(counter.exchange.funds.balances("alice"))
    endpoint = order_call(counter)
    for param in endpoint.params:
        for bad in bad_values(param):
            refused = counter.call("POST", endpoint.path, **{**LIMIT, param.name: bad})
            assert isinstance(refused, Refusal), (param.name, bad)
            assert refused.status == 400
    assert counter.exchange.funds.balances("alice") == before
    assert counter.exchange.all_orders("alice") == []
    assert counter.events == []


@by_venue
def test_whatever_is_left_out_an_order_is_placed_whole_or_not_at_all(name: str) -> None:
    for left_out in LIMIT:
        counter = Counter(name)
        before = dict(counter.exchange.funds.balances("alice"))
        answer = counter.call(
            "POST", order_call(counter).path, **changed(LIMIT, **{left_out: None})
        )
        if isinstance(answer, Refusal):
            assert counter.exchange.funds.balances("alice") == before
        else:
            (order,) = counter.exchange.all_orders("alice")
            assert counter.exchange.funds.balances("alice")["USDT"].locked == order.locked


@by_venue
def test_a_test_order_changes_nothing(name: str) -> None:
    counter = Counter(name)
    before = dict(counter.exchange.funds.balances("alice"))
    test = f"{order_call(counter).path}/test"
    assert counter.call("POST", test, **LIMIT) == {}
    assert counter.call("POST", test, **changed(LIMIT, quantity="10000")) == {}
    assert counter.exchange.funds.balances("alice") == before
    assert counter.exchange.all_orders("alice") == []


@by_venue
def test_another_accounts_order_is_unknown(name: str) -> None:
    counter = Counter(name)
    path = order_call(counter).path
    order_id = counter.rest("SELL", "1", "40000")
    named: dict[str, Any] = {"symbol": "BTCUSDT", "orderId": order_id}
    for method in ("GET", "DELETE"):
        assert isinstance(counter.call(method, path, **named), Refusal)
    assert len(counter.exchange.open_orders("bob")) == 1


@by_venue
def test_options_are_values_that_know_their_fields(name: str) -> None:
    module = importlib.import_module(f"userstream.venues.{name}.orders")
    config = module.OrderOptions.__struct_config__
    assert issubclass(module.OrderOptions, msgspec.Struct)
    assert config.frozen
    assert config.forbid_unknown_fields
    with pytest.raises(InvalidSettings, match=f"venues.{name}.orders: .*colour"):
        load_orders(name, {"colour": "red"})


@by_venue
def test_endpoints_become_routes_beside_the_venues_own(name: str) -> None:
    counter = Counter(name)
    dialect = counter.dialect
    assert dialect.document
    assert len({(e.method, e.path) for e in dialect.endpoints}) == len(dialect.endpoints)
    whole = with_orders(counter.venue, dialect).rest.routes
    assert whole[: len(counter.venue.rest.routes)] == counter.venue.rest.routes
    routes = {(r.method, r.path): r for r in whole if r.call is Call.DESK}
    for endpoint in dialect.endpoints:
        assert (endpoint.serve is None) != (endpoint.show is None)
        assert endpoint.summary
        route = routes[endpoint.method, endpoint.path]
        assert (route.weight, route.bare_weight) == (endpoint.weight, endpoint.bare_weight)
        assert route.auth == (dialect.auth if endpoint.serve else None)
    assert dialect.auth.header == counter.venue.rest.auth.header
    assert dialect.auth.signature is dialect.auth.timestamp is Need.REQUIRED
