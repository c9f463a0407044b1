"""Wrong calls of every order endpoint: refused in the venue's form, and nothing changed by them.

Schemathesis makes calls from our own OpenAPI documents, against them and as they want them, and
every parameter of a good call is wrong in turn. Each call is signed, or none would be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.sandbox.bots import NEW, limit
from tests.sandbox.hosted import Hosted, hosted
from userstream.core.signing import sign
from userstream.trading import Endpoint
from userstream.venues import load_orders, names

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
TWINS = ("/api/v1/", "/openapi/account/v1/")
"""The same calls once more; in the full-size runs only."""
SIGNING = ("timestamp", "recvWindow", "signature")
AnyCase: TypeAlias = Case[Any]
WRONG = [
    "", " ", "0", "0.0", "-1", "+1", "1e5", ".5", "5.", "0,1", "NaN", "Infinity", "0x10", "٣",
    "null", "true", "[]", "{}", "%00", "\0", "\n", "é", "btcusdt", "BTCUSDT ", "BTC-USDT", "XXXYYY",
    "buy", "HOLD", "LIMITED", "GTX", "'; --", "9" * 19, "9" * 20, "9" * 21, "0." + "0" * 17 + "1",
    "0." + "0" * 30 + "1", "1" * 257, "a" * 37, "A" * 5_000,
]  # fmt: skip

by_venue = pytest.mark.parametrize("venue", names())


class Signing(requests.auth.AuthBase):
    """Signs what is about to be sent, at a time when no limit is used up."""

    def __init__(self, here: Hosted, venue: str) -> None:
        self._here = here
        self._header = load_orders(venue).auth.header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        url = urlsplit(str(request.url))
        pairs = [p for p in url.query.split("&") if p and p.partition("=")[0] not in SIGNING]
        query = "&".join([*pairs, f"timestamp={self._here.later()}"])
        query += "&signature=" + sign("alicesecret", query.encode())
        request.url = urlunsplit(url._replace(query=query))
        request.headers[self._header] = "alicekey"
        return request


class Calls:
    """Calls of one venue, each of which must be good or change nothing."""

    def __init__(self, here: Hosted, venue: str, exits: requests.Session) -> None:
        self.here = here
        self.venue = venue
        self._session = exits
        self._session.trust_env = False
        self._auth = Signing(here, venue)
        self.url = f"{here.sandbox.service.urls['rest']}/{venue}"
        self.statuses: set[int] = set()

    def make(self, case: AnyCase) -> None:
        """A call that was made from the document."""
        before = self.here.balances()
        response = case.call(base_url=self.url, session=self._session, auth=self._auth)
        case.validate_response(response, checks=CHECKS)
        self._judge(response.status_code, response.json(), before)

    def send(self, method: str, path: str, fields: dict[str, str]) -> Any:
        """A call with these parameters; the status of the answer."""
        before = self.here.balances()
        response = self._session.request(
            method, f"{self.url}{path}?{urlencode(fields)}", auth=self._auth
        )
        body = response.json()
        self._judge(response.status_code, body, before)
        return body

    def _judge(self, status: int, body: Any, before: Any) -> None:
        self.statuses.add(status)
        assert status < 500, body
        if status != 200:
            assert set(body) == {"code", "msg"}
            assert isinstance(body["code"], int)
            assert body["msg"]
            assert self.here.balances() == before


@pytest.fixture
def calls(venue: str) -> Iterator[Calls]:
    with hosted(maker=False) as here, requests.Session() as session:
        made = Calls(here, venue, session)
        yield made
        assert here.imbalances() == set()


def document(here: Hosted, venue: str) -> Any:
    """The sandbox's own description, with symbols and amounts that get past the first check."""
    urls = here.sandbox.service.urls
    found = httpx.get(
        f"{urls['admin']}/_sandbox/openapi/{venue}", trust_env=False,
        headers={"authorization": "Bearer sandbox"},
    ).json()  # fmt: skip
    for operations in found["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "symbol":
                    parameter["schema"] = {"type": "string", "enum": ["BTCUSDT", "ETHBTC", "XXX"]}
                elif "quantity" in parameter["name"] or "price" in parameter["name"]:
                    parameter["schema"]["pattern"] = r"^([0-9]{1,5})(\.[0-9]{1,3})?$"
    return found


def size(examples: int) -> Any:
    """Settings of a run that finds the same each time, unless it is a full-size one."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < 100,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def described(calls: Calls, examples: int, *, wanted: Callable[[str], bool]) -> None:
    """Makes calls of every operation of the document."""
    schema = schemathesis.openapi.from_dict(document(calls.here, calls.venue))
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        if not wanted(operation.path):
            continue
        for mode in GenerationMode:
            if mode is GenerationMode.NEGATIVE and "security" not in operation.definition.raw:
                continue  # it has no parameters that could be wrong

            strategy: st.SearchStrategy[AnyCase] = operation.as_strategy(generation_mode=mode)
            size(examples)(given(case=strategy)(_maker(calls)))()
    assert calls.statuses >= {200, 400}


def _maker(calls: Calls) -> Callable[[AnyCase], None]:
    def call(case: AnyCase) -> None:
        calls.make(case)

    return call


@by_venue
def test_calls_made_from_the_document(calls: Calls, venue: str) -> None:
    described(calls, 10, wanted=lambda path: not path.startswith(TWINS) or venue == "spacedex")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@by_venue
def test_many_calls_made_from_the_document(calls: Calls) -> None:
    described(calls, 150, wanted=lambda _: True)


def good(endpoint: Endpoint, venue: str, order_id: str) -> dict[str, str]:
    """Parameters with which a call is good, as far as it has them."""
    known = {
        **{name: str(value) for name, value in limit(venue, "BUY", "0.01", "50000").items()},
        "orderId": order_id,
        "limit": "10",
        "startTime": "1",
        "endTime": "9999999999999",
    }
    fields = {p.name: known[p.name] for p in endpoint.params if p.name in known}
    if "allOrders" in endpoint.path or "rades" in endpoint.path or "history" in endpoint.path:
        fields.pop("orderId", None)
    return fields


def each_wrong(calls: Calls, values: list[str]) -> None:
    """Every parameter of every signed call wrong in turn, and left out."""
    sandbox = calls.here.sandbox
    exchange, now_ms = sandbox.exchange, sandbox.clock.ms()
    calls.here.ask(
        lambda: [
            exchange.cancel("alice", o.order_id, now_ms) for o in exchange.open_orders("alice")
        ]
    )
    fields = {k: str(v) for k, v in limit(calls.venue, "BUY", "0.01", "50000").items()}
    order_id = str(calls.send("POST", NEW[calls.venue], fields)["orderId"])
    for endpoint in load_orders(calls.venue).endpoints:
        if endpoint.serve is None or endpoint.path.startswith("/openapi/account/v1/"):
            continue
        fields = good(endpoint, calls.venue, order_id)
        for param in endpoint.params:
            for value in values:
                calls.send(endpoint.method, endpoint.path, fields | {param.name: value})
            without = {k: v for k, v in fields.items() if k != param.name}
            if param.required:
                body = calls.send(endpoint.method, endpoint.path, without)
                assert "code" in body, (endpoint, param)


@by_venue
def test_every_parameter_wrong_in_turn(calls: Calls) -> None:
    each_wrong(calls, WRONG)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@by_venue
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_every_parameter_any_text_in_turn(calls: Calls, values: list[str]) -> None:
    each_wrong(calls, values)
