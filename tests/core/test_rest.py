"""The REST side of a venue: what good requests get, where parameters may stand, what they weigh."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.gate import ACCOUNTS, HEADERS, HOUR, JSON, NOW, PATHS, PRIVATE, Gate
from userstream.core.limits import Limits
from userstream.core.rest import Admitted, Request, Response
from userstream.core.signing import sign
from userstream.venue import Call, Refusal
from userstream.venues import load

METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get", "PURGE", ""]
VENUES = sorted(PATHS)
GOOD = {
    Call.CREATE: {200},
    Call.LIST: {200},
    Call.RENEW: {400},  # of an unknown key
    Call.DELETE: {400},
    Call.PING: {200},
    Call.TIME: {200},
    Call.INFO: {200},
}


def created(gate: Gate, **sent: Any) -> str:
    response = gate.call(Call.CREATE, **sent)
    assert response.status == 200
    key: str = json.loads(response.body)["listenKey"]
    assert response.body == b'{"listenKey":"%b"}' % key.encode()
    return key


# ── methods and paths ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", VENUES)
def test_every_method_on_every_path_is_served_or_refused_as_the_routes_say(venue: str) -> None:
    gate = Gate(venue)
    routes = {(r.method, r.path): r.call for r in gate.venue.rest.routes}
    paths = {path for _, path in routes}
    for path in [*sorted(paths), "/", "", "/nowhere", PATHS[venue] + "/", PATHS[venue].upper()]:
        for method in METHODS:
            call = routes.get((method, path))
            query = b"timestamp=%d" % NOW if venue == "bhex" else b""
            response = gate.ask(method, query, path=path)
            if call is not None:
                assert response.status in GOOD[call], (method, path)
                assert response.refusal in {None, Refusal.PARAMETER_MISSING}
            else:
                expected = Refusal.METHOD if path in paths else Refusal.NOT_FOUND
                assert response.refusal is expected, (method, path)


@pytest.mark.parametrize("venue", VENUES)
def test_an_alias_of_the_path_serves_the_same_keys(venue: str) -> None:
    gate = Gate(venue)
    paths = {r.path for r in gate.venue.rest.routes if r.call is Call.CREATE}
    keys = [created(gate, path=path) for path in sorted(paths)]
    assert len(set(keys)) == 1
    assert PATHS[venue] in paths


@pytest.mark.parametrize("venue", VENUES)
def test_start_up_calls_need_no_key_and_read_no_parameters(venue: str) -> None:
    gate = Gate(venue)
    for route in gate.venue.rest.routes:
        query = b"listenKey=%FF&x=1&x=2"
        if route.call is Call.PING:
            assert gate.ask("GET", query, path=route.path, key=None).body == b"{}"
        elif route.call is Call.TIME:
            body = gate.ask("GET", query, path=route.path, key=None).body
            assert body == b'{"serverTime":%d}' % NOW
        elif route.call is Call.INFO:
            info = json.loads(gate.ask("GET", query, path=route.path, key=None).body)
            assert info["serverTime"] == NOW


# ── listen keys ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", VENUES)
def test_a_key_is_created_renewed_and_deleted(venue: str) -> None:
    gate = Gate(venue)
    key = created(gate)
    answer = b'{"listenKey":"%b"}' % key.encode() if venue == "mexc" else b"{}"
    query = b"listenKey=" + key.encode()
    for call, status in ((Call.RENEW, 200), (Call.DELETE, 200), (Call.DELETE, 400)):
        response = gate.call(call, query, now_ms=NOW + 5)
        assert response.status == status
        assert (response.body == answer) == (status == 200)
    assert len(gate.keys) == 0


@pytest.mark.parametrize("venue", VENUES)
def test_a_good_answer_is_json_that_no_cache_keeps(venue: str) -> None:
    response = Gate(venue).call(Call.CREATE)
    names = gate_headers(venue)
    assert response.headers == (JSON, *PRIVATE, *((name, "1") for name in names))
    assert response.refusal is None


def gate_headers(venue: str) -> tuple[str, ...]:
    return ("X-MBX-USED-WEIGHT", "X-MBX-USED-WEIGHT-1M") if venue == "binance" else ()


@pytest.mark.parametrize("venue", VENUES)
def test_a_put_that_was_answered_means_sixty_minutes_more(venue: str) -> None:
    gate = Gate(venue)
    key = created(gate)
    query = b"listenKey=" + key.encode()
    assert gate.call(Call.RENEW, query, now_ms=NOW + HOUR - 1).status == 200
    gate.keys.expire(NOW + HOUR)
    assert gate.keys.find(venue, key, NOW + 2 * HOUR - 2) is not None
    assert gate.keys.find(venue, key, NOW + 2 * HOUR - 1) is None


@pytest.mark.parametrize("venue", VENUES)
def test_another_accounts_key_is_as_good_as_unknown(venue: str) -> None:
    gate = Gate(venue)
    query = b"listenKey=" + created(gate).encode()
    for call in (Call.RENEW, Call.DELETE):
        assert gate.call(call, query, key="key-bob").refusal is Refusal.LISTEN_KEY_UNKNOWN
        assert gate.call(call, query, key="key-alice-2").status == 200


def test_mexc_lists_the_live_keys_of_the_account_the_oldest_first() -> None:
    gate = Gate("mexc")
    assert gate.call(Call.LIST).body == b'{"listenKey":[]}'
    keys = [created(gate, now_ms=NOW + i) for i in range(3)]
    assert json.loads(gate.call(Call.LIST).body) == {"listenKey": keys}
    assert json.loads(gate.call(Call.LIST, now_ms=NOW + HOUR).body) == {"listenKey": keys[1:]}
    assert gate.call(Call.LIST, key="key-bob").body == b'{"listenKey":[]}'


# ── where parameters stand ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    "content_type", [None, "application/json", "text/plain", "application/x-www-form-urlencoded"]
)
def test_an_empty_body_may_have_any_content_type(venue: str, content_type: str | None) -> None:
    gate = Gate(venue)
    headers = {"content-type": content_type} if content_type else {}
    key = created(gate, headers=headers)
    assert gate.call(Call.RENEW, b"listenKey=" + key.encode(), headers=headers).status == 200


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("call", [Call.RENEW, Call.DELETE])
def test_the_key_may_stand_in_the_body_and_the_querys_wins(venue: str, call: Call) -> None:
    gate = Gate(venue)
    good = b"listenKey=" + created(gate).encode()
    assert gate.call(Call.RENEW, b"", body=good).status == 200
    bad = gate.call(call, b"listenKey=abc", body=good)
    assert bad.refusal is Refusal.LISTEN_KEY_UNKNOWN
    assert gate.call(call, good, body=b"listenKey=abc").status == 200


def test_mexc_takes_parameters_as_a_json_object() -> None:
    gate = Gate("mexc")
    key = created(gate)
    body = b'{"listenKey":"%b"}' % key.encode()
    assert gate.call(Call.RENEW, body=body).body == body
    assert gate.call(Call.DELETE, b"listenKey=abc", body=body).status == 400
    assert gate.call(Call.DELETE, body=body).body == body


@pytest.mark.parametrize("venue", ["bhex", "spacedex", "mexc"])
def test_surplus_parameters_are_ignored_where_the_document_does_not_forbid_them(venue: str) -> None:
    gate = Gate(venue)
    response = gate.call(Call.CREATE, b"a=1&recvWindow=5000", body=b"b=2")
    assert response.status == 200


def test_spacedex_looks_at_no_timestamp_and_no_signature() -> None:
    assert Gate("spacedex").ask("POST", b"timestamp=x&signature=y&recvWindow=z").status == 200


# ── signed requests ─────────────────────────────────────────────────────────────────────────────


def signed(query: bytes, body: bytes = b"", *, secret: str = "secret-alice") -> bytes:
    return query + b"&signature=" + sign(secret, query + body).encode()


STAMP = b"recvWindow=5000&timestamp=%d" % NOW


@pytest.mark.parametrize(
    ("venue", "options"),
    [
        ("bhex", {}),
        ("bhex", {"signature": "required"}),
        ("mexc", {}),
        ("mexc", {"auth": "required"}),
    ],
)
def test_a_signed_request_is_served(venue: str, options: dict[str, Any]) -> None:
    gate = Gate(venue, **options)
    response = gate.ask("POST", signed(STAMP))
    assert response.status == 200
    key = b"listenKey=" + json.loads(response.body)["listenKey"].encode()
    assert gate.ask("PUT", signed(key + b"&" + STAMP)).status == 200
    assert gate.ask("PUT", signed(STAMP, key), key).status == 200
    assert gate.ask("DELETE", b"", signed(key + b"&" + STAMP)).status == 200


@pytest.mark.parametrize("venue", ["bhex", "mexc"])
@pytest.mark.parametrize(
    "query", [signed(STAMP, secret="secret-bob"), signed(STAMP) + b"&a=1", signed(STAMP, b"x")]
)
def test_a_signature_of_anything_else_is_refused(venue: str, query: bytes) -> None:
    assert Gate(venue).ask("POST", query).refusal is Refusal.SIGNATURE


@pytest.mark.parametrize(("venue", "status"), [("bhex", 200), ("mexc", 400)])
def test_an_upper_case_signature_is_good_where_the_venue_says_so(venue: str, status: int) -> None:
    query = STAMP + b"&signature=" + sign("secret-alice", STAMP).upper().encode()
    assert Gate(venue).ask("POST", query).status == status


def test_credentials_carry_what_was_signed_and_show_nothing() -> None:
    gate = Gate("bhex", signature="required")
    headers = {HEADERS["bhex"]: " key-alice\t"}
    request = Request("POST", gate.path, signed(STAMP), headers, b"", "ip")
    admitted = gate.gate.admit(request, NOW)
    assert isinstance(admitted, Admitted)
    credentials = admitted.credentials
    assert credentials.api_key == "key-alice"
    assert credentials.message == STAMP
    assert credentials.signature == sign("secret-alice", STAMP)
    assert credentials.signature_required
    shown = [repr(credentials), repr(admitted), repr(request), repr(gate.call(Call.CREATE))]
    assert shown == [
        "<Credentials>",
        "<Admitted CREATE>",
        "<Request POST /openapi/v1/userDataStream>",
        "<Response 400 SIGNATURE_MISSING>",
    ]
    assert repr(Gate("mexc").call(Call.CREATE)) == "<Response 200 good>"


@pytest.mark.parametrize("key", list(ACCOUNTS))
def test_spaces_around_an_api_key_are_no_part_of_it(key: str) -> None:
    assert Gate("binance").ask("POST", key=f" \t{key} ").status == 200


def test_a_second_header_is_read_where_the_first_is_missing_or_empty() -> None:
    venue = load("binance")
    auth = replaced(venue.rest.auth, other_headers=("X-Other",))
    gate = Gate(replaced(venue, rest=replaced(venue.rest, auth=auth)))
    assert gate.ask("POST", key=None, headers={"x-other": "key-bob"}).status == 200
    assert gate.ask("POST", key=" ", headers={"x-other": "key-bob"}).status == 200
    assert gate.ask("POST", key="unknown", headers={"x-other": "key-bob"}).status == 401


def replaced(value: Any, **changes: Any) -> Any:
    fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
    return type(value)(**(fields | changes))


# ── weights ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("venue", "path", "weight"),
    [("binance", "/api/v1/ping", 1), ("binance", "/api/v1/exchangeInfo", 1),
     ("bhex", "/openapi/v1/time", 0), ("bhex", "/openapi/v1/brokerInfo", 0),
     ("spacedex", "/api/v1/exchangeInfo", 10), ("mexc", "/api/v3/exchangeInfo", 10)],
)  # fmt: skip
def test_a_call_has_the_documents_weight(venue: str, path: str, weight: int) -> None:
    gate = Gate(venue)
    most = gate.venue.rest.weight_per_window
    good = 0
    while good <= most and gate.ask("GET", path=path, key=None).status == 200:
        good += 1
    assert good == (most // weight if weight else most + 1)


def test_used_weight_is_told_on_binance_unless_it_is_switched_off() -> None:
    gate = Gate("binance")
    gate.call(Call.CREATE)
    response = gate.ask("GET", path="/nowhere", key=None)
    assert response.headers[1:] == (("X-MBX-USED-WEIGHT", "2"), ("X-MBX-USED-WEIGHT-1M", "2"))
    other = Gate("binance", used_weight_headers=False).call(Call.CREATE)
    assert other.headers == (JSON, *PRIVATE)


def limited(gate: Gate, method: str, path: str) -> bool:
    return gate.ask(method, path=path, key=None).status == 429


def test_mexc_counts_each_endpoint_apart_and_others_count_all_together() -> None:
    mexc, binance = Gate("mexc"), Gate("binance")
    for _ in range(500):
        limited(mexc, "POST", mexc.path)
    assert limited(mexc, "POST", mexc.path)
    assert not limited(mexc, "PUT", mexc.path)
    assert not limited(mexc, "GET", "/api/v3/time")
    for _ in range(1_200):
        limited(binance, "POST", binance.path)
    assert limited(binance, "GET", "/api/v1/time")


@pytest.mark.parametrize("venue", ["mexc", "binance"])
def test_made_up_paths_and_methods_share_one_window(venue: str) -> None:
    gate = Gate(venue)
    most = gate.venue.rest.weight_per_window
    answers = [gate.ask("GET", path=f"/{i}", key=None).status for i in range(most + 5)]
    assert answers == [404] * most + [429] * 5
    assert limited(gate, "PURGE", gate.path)


def test_made_up_paths_do_not_drive_other_addresses_out_of_the_count() -> None:
    gate = Gate("mexc", limits=Limits(tracked_addresses=3))
    for _ in range(511):
        gate.ask("POST", key=None)
    for i in range(100):
        gate.ask("GET", path=f"/{i}", key=None, address="192.0.2.9")
    assert gate.ask("POST", key=None).refusal is Refusal.BANNED


def test_the_response_of_a_gate_can_be_told_from_an_admission() -> None:
    gate = Gate("binance")
    good = Request("POST", gate.path, b"", {"x-mbx-apikey": "k"}, b"", "ip")
    assert isinstance(gate.gate.admit(good, NOW), Admitted)
    assert isinstance(gate.gate.admit(good._replace(headers={}), NOW), Response)
