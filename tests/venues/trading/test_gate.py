"""Order calls at the gate: what must be signed, over what, when, and what it weighs."""

from __future__ import annotations

import pytest

from tests.core.gate import HEADERS, NOW, verify
from tests.venues.trading.test_contract import NAMES
from userstream.core.limits import Limits
from userstream.core.rest import Admitted, Identity, Open, Request, Response, RestGate
from userstream.core.signing import sign
from userstream.trading import with_orders
from userstream.venue import Refusal, Venue
from userstream.venues import load, load_orders

by_venue = pytest.mark.parametrize("name", NAMES)
QUERY = b"symbol=BTCUSDT&orderId=1&timestamp=%d" % NOW


def orders_of(name: str) -> tuple[Venue, str]:
    """The venue with its order endpoints, and the path of the order calls."""
    dialect = load_orders(name)
    path = next(e.path for e in dialect.endpoints if e.places_order)
    return with_orders(load(name), dialect), path


def admit(
    venue: Venue, method: str, path: str, query: bytes, body: bytes = b""
) -> Admitted | Open | Response:
    gate = RestGate(venue, Limits())
    headers = {HEADERS[venue.name]: "key-alice"}
    return gate.admit(Request(method, path, query, headers, body, "192.0.2.1"), NOW)


def signed(query: bytes) -> bytes:
    """The query with its signature."""
    return query + b"&signature=" + sign("secret-alice", query).encode()


@by_venue
@pytest.mark.parametrize("cut", [0, QUERY.index(b"orderId"), len(QUERY)])
def test_a_signature_covers_query_and_body(name: str, cut: int) -> None:
    venue, path = orders_of(name)
    query, body = QUERY[:cut].rstrip(b"&"), QUERY[cut:]
    signature = b"&signature=" + sign("secret-alice", query + body).encode()
    query, body = (query, body + signature) if body else (query + signature, body)
    for method in ("GET", "POST", "DELETE"):
        admitted = admit(venue, method, path, query, body)
        assert isinstance(admitted, Admitted)
        assert isinstance(verify(admitted.credentials), Identity)
        assert admitted.parameters["orderId"] == "1"


@by_venue
def test_an_order_call_must_be_signed_by_its_account(name: str) -> None:
    venue, path = orders_of(name)
    unsigned = admit(venue, "GET", path, QUERY)
    assert isinstance(unsigned, Response)
    assert unsigned.refusal is Refusal.SIGNATURE_MISSING
    forged = admit(venue, "GET", path, QUERY + b"&signature=" + b"0" * 64)
    assert isinstance(forged, Admitted)
    assert verify(forged.credentials) is Refusal.SIGNATURE
    untimed = admit(venue, "GET", path, signed(b"symbol=BTCUSDT"))
    assert isinstance(untimed, Response)
    assert untimed.refusal is Refusal.PARAMETER_MISSING


@pytest.mark.parametrize(
    ("name", "ahead_ms", "good"),
    [
        ("spacedex", 1_000, True),
        ("spacedex", 1_001, False),
        ("bhex", 999, True),
        ("bhex", 1_000, False),
        ("spacedex", -5_000, True),
        ("bhex", -5_001, False),
    ],
)
def test_a_timestamp_is_good_for_a_while(name: str, ahead_ms: int, good: bool) -> None:
    venue, path = orders_of(name)
    asked = admit(venue, "GET", path, signed(b"orderId=1&timestamp=%d" % (NOW + ahead_ms)))
    assert isinstance(asked, Admitted) is good


def test_all_open_orders_weigh_more_than_those_of_a_symbol() -> None:
    venue, _ = orders_of("spacedex")
    for query, weight in ((QUERY, 3), (b"timestamp=%d" % NOW, 40)):
        admitted = admit(venue, "GET", "/api/v1/openOrders", signed(query))
        assert isinstance(admitted, Admitted)
        assert admitted.verdict.used == weight


def test_anybody_may_ask_for_the_pairs() -> None:
    venue, _ = orders_of("bhex")
    assert isinstance(admit(venue, "GET", "/openapi/v1/pairs", b""), Open)


def test_a_call_without_an_endpoint_is_not_found() -> None:
    for name, path in (("bhex", "/openapi/v1/balance_flow"), ("spacedex", "/api/v1/myTrades")):
        answer = admit(orders_of(name)[0], "GET", path, signed(QUERY))
        assert isinstance(answer, Response)
        assert answer.refusal is Refusal.NOT_FOUND
