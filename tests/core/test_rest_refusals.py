"""Every refusal of the four venues, byte for byte."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.core.gate import HEADERS, HOUR, JSON, NOW, PATHS, Gate
from userstream.core.limits import Limits
from userstream.core.rest import Response, RestGate
from userstream.venue import Refusal
from userstream.venues import load

STAMP = b"timestamp=%d" % NOW
FOREIGN = "é" * 10


class Row(NamedTuple):
    """A request and its whole answer; ``options`` are the venue's."""

    method: str
    query: bytes
    status: int
    body: str
    key: str | None = "key-alice"
    sent: bytes = b""
    path: str | None = None
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    limits: Limits = Limits()


def missing(code: int, name: str) -> str:
    return (
        f'{{"code":{code},"msg":"Mandatory parameter \'{name}\' was not sent, '
        'was empty/null, or malformed."}'
    )


FORMAT = '{"code":-2014,"msg":"API-key format invalid."}'
REJECTED = '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'
GONE = '{"code":-1125,"msg":"This listenKey does not exist."}'
DUPLICATE = '{"code":-1101,"msg":"Duplicate values for a parameter detected."}'
UNSUPPORTED = '{"code":-1020,"msg":"This operation is not supported."}'
TOO_LARGE = '{"code":-1020,"msg":"The request is too large."}'
SURPLUS = '{{"code":-1101,"msg":"Too many parameters; expected \'{}\' and received \'{}\'."}}'
ILLEGAL_KEY = (
    '{"code":-1100,"msg":"Illegal characters found in parameter \'listenKey\'; '
    "legal range is '^[A-Za-z0-9]{1,128}$'.\"}"
)
ILLEGAL_TEXT = (
    '{"code":-1100,"msg":"Illegal characters found in parameter \'query or body\'; '
    "legal range is '^[\\\\x20-\\\\x7E]{0,256}$'.\"}"
)
ILLEGAL_TIME = (
    '{"code":-1100,"msg":"Illegal characters found in parameter \'timestamp\'; '
    "legal range is '^[0-9]{1,20}$'.\"}"
)
ILLEGAL_WINDOW = ILLEGAL_TIME.replace("timestamp", "recvWindow")
OUTSIDE = '{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}'
AHEAD = '{"code":-1021,"msg":"Timestamp for this request was 1000ms ahead of the server\'s time."}'
SIGNATURE = '{"code":-1022,"msg":"Signature for this request is not valid."}'
SMALL = Limits(request_body_bytes=10)
SIXTY_FIVE = b"&".join(b"p%d=1" % i for i in range(65))

BINANCE = [
    Row("POST", b"", 401, FORMAT, key=None),
    Row("POST", b"", 401, FORMAT, key=""),
    Row("POST", b"", 401, FORMAT, key=" \t "),
    Row("POST", b"", 401, FORMAT, key="k" * 129),
    Row("POST", b"", 401, FORMAT, key=FOREIGN),
    Row("POST", b"", 401, FORMAT, key="a\x00b"),
    Row("POST", b"", 401, FORMAT, key="key-alice\xa0"),
    Row("POST", b"", 401, REJECTED, key="unknown"),
    Row("POST", b"", 401, REJECTED, key="KEY-ALICE"),
    Row("POST", b"timestamp=1&signature=x", 400, SURPLUS.format(0, 2)),
    Row("POST", b"listenKey=abc", 400, SURPLUS.format(0, 1)),
    Row("POST", b"a=1", 400, SURPLUS.format(0, 2), sent=b"b=2"),
    Row("PUT", b"listenKey=abc&timestamp=1&signature=x", 400, SURPLUS.format(1, 3)),
    Row("DELETE", b"timestamp=1&signature=x", 400, SURPLUS.format(1, 2)),
    Row("PUT", SIXTY_FIVE, 400, SURPLUS.format(64, 65)),
    Row("PUT", b"", 400, missing(-1102, "listenKey")),
    Row("DELETE", b"", 400, missing(-1102, "listenKey")),
    Row("PUT", b"listenkey=abc", 400, missing(-1102, "listenKey")),
    Row("PUT", b"", 400, missing(-1102, "listenKey"), sent=b'{"listenKey":"abc"}'),
    Row("PUT", b"listenKey=", 400, '{"code":-1105,"msg":"Parameter \'listenKey\' was empty."}'),
    Row("PUT", b"listenKey=a%20b", 400, ILLEGAL_KEY),
    Row("PUT", b"listenKey=" + b"a" * 129, 400, ILLEGAL_KEY),
    Row("PUT", b"listenKey=%D9%A1", 400, ILLEGAL_TEXT),
    Row("PUT", b"listenKey=a%00", 400, ILLEGAL_TEXT),
    Row("PUT", b"listenKey=a&listenKey=a", 400, DUPLICATE),
    Row("PUT", b"listenKey=abc", 400, GONE),
    Row("PUT", b"listenKey=" + b"a" * 128, 400, GONE),
    Row("DELETE", b"listenKey=abc", 400, GONE),
    Row("POST", b"", 400, SURPLUS.format(0, 1), sent=b"a=12345678", limits=SMALL),
    Row("GET", b"", 405, UNSUPPORTED),
    Row("PATCH", b"", 405, UNSUPPORTED, key=None),
    Row("POST", b"", 404, UNSUPPORTED, path="/api/v2/userDataStream"),
    Row("POST", b"", 404, UNSUPPORTED, path="/api/v1/userDataStream/"),
    Row("POST", b"", 404, UNSUPPORTED, path="/api/v1/userdatastream"),
    Row("POST", b"", 413, TOO_LARGE, sent=b"a=123456789", limits=SMALL),
]
BHEX = [
    Row("POST", STAMP, 401, '{"code":-1002,"msg":"You are not authorized to execute this '
        'request."}', key=None),
    Row("POST", STAMP, 401, FORMAT, key="k" * 129),
    Row("POST", STAMP, 401, REJECTED, key="unknown"),
    Row("POST", b"", 400, missing(-1102, "timestamp")),
    Row("POST", b"timestamp=", 400, missing(-1102, "timestamp")),
    Row("PUT", STAMP, 400, missing(-1102, "listenKey")),
    Row("PUT", b"", 400, missing(-1102, "listenKey")),
    Row("PUT", STAMP + b"&listenKey=", 400,
        '{"code":-1105,"msg":"Parameter \'listenKey\' was empty."}'),
    Row("PUT", STAMP + b"&listenKey=a-b", 400, ILLEGAL_KEY),
    Row("PUT", STAMP + b"&listenKey=abc", 400, GONE),
    Row("DELETE", STAMP + b"&listenKey=abc", 400, GONE),
    Row("POST", b"timestamp=1e3", 400, ILLEGAL_TIME),
    Row("POST", STAMP + b"&recvWindow=-1", 400, ILLEGAL_WINDOW),
    Row("POST", STAMP + b"&recvWindow=60001", 400,
        '{"code":-1130,"msg":"Data sent for parameter \'recvWindow\' is not valid."}'),
    Row("POST", b"timestamp=%d" % (NOW - 5_001), 400, OUTSIDE),
    Row("POST", b"timestamp=%d" % (NOW + 1_000), 400, AHEAD),
    Row("POST", STAMP + b"&signature=00", 401, SIGNATURE),
    Row("POST", STAMP + b"&signature=", 401, SIGNATURE),
    Row("POST", STAMP, 400, missing(-1102, "signature"), options={"signature": "required"}),
    Row("POST", STAMP + b"&" + STAMP, 400, DUPLICATE),
    Row("POST", SIXTY_FIVE, 400, '{"code":-1103,"msg":"An unknown parameter was sent."}'),
    Row("GET", STAMP, 405, UNSUPPORTED),
    Row("POST", STAMP, 404, UNSUPPORTED, path="/api/v1/userDataStream"),
    Row("POST", STAMP, 413, TOO_LARGE, sent=b"a=123456789", limits=SMALL),
]  # fmt: skip
SPACEDEX = [
    Row("POST", b"", 401, FORMAT, key=None),
    Row("POST", b"", 401, FORMAT, key="k" * 129),
    Row("POST", b"", 401, REJECTED, key="unknown"),
    Row("PUT", b"", 400, missing(-1102, "listenKey")),
    Row("PUT", b"listenKey=", 400, missing(-1102, "listenKey")),
    Row("PUT", b"listenKey=%2B", 400, ILLEGAL_KEY),
    Row("PUT", b"a=%FF&listenKey=abc", 400, ILLEGAL_TEXT),
    Row("PUT", b"listenKey=abc", 400, GONE),
    Row("DELETE", b"listenKey=abc", 400, GONE),
    Row("DELETE", b"listenKey=a&listenKey=b", 400, DUPLICATE),
    Row("GET", b"", 405, UNSUPPORTED),
    Row("POST", b"", 404, UNSUPPORTED, path="/api/v3/userDataStream"),
    Row("POST", b"", 413, TOO_LARGE, sent=b"a=123456789", limits=SMALL),
]
M_PARAMETER = '{"code":33333,"msg":"param is error"}'
M_OUTSIDE = '{"code":700003,"msg":"Timestamp for this request is outside of the recvWindow."}'
M_ILLEGAL = '{"code":700008,"msg":"Illegal characters found in parameter"}'
M_SIGNATURE = '{"code":700002,"msg":"Signature for this request is not valid."}'
M_GONE = '{"code":730708,"msg":"listen key information error"}'
MEXC = [
    Row("POST", b"", 400, '{"code":400,"msg":"api key required"}', key=None),
    Row("POST", b"", 400, '{"code":700001,"msg":"API-key format invalid"}', key="k" * 129),
    Row("POST", b"", 400, '{"code":10072,"msg":"Api key info invalid"}', key="unknown"),
    Row("PUT", b"", 400, missing(700004, "listenKey")),
    Row("PUT", b"listenKey=", 400, missing(700004, "listenKey")),
    Row("PUT", b"listenKey=a_b", 400, M_ILLEGAL),
    Row("PUT", b"", 400, M_ILLEGAL, sent=b'{"listenKey":null}'),
    Row("PUT", b"", 400, M_PARAMETER, sent=b'{"listenKey":"abc"'),
    Row("PUT", b"", 400, M_PARAMETER, sent=b'{"listenKey":"a","listenKey":"b"}'),
    Row("PUT", b"listenKey=a&listenKey=b", 400, M_PARAMETER),
    Row("PUT", b"listenKey=a%0A", 400, M_PARAMETER),
    Row("POST", SIXTY_FIVE, 400, M_PARAMETER),
    Row("PUT", b"listenKey=abc", 400, M_GONE),
    Row("DELETE", b"listenKey=abc", 400, M_GONE),
    Row("DELETE", b"", 400, M_GONE, sent=b'{"listenKey":"abc"}'),
    Row("POST", STAMP, 400, missing(700004, "signature")),
    Row("POST", b"signature=00", 400, missing(700004, "timestamp")),
    Row("POST", b"signature=00&timestamp=", 400, missing(700004, "timestamp")),
    Row("POST", b"", 400, missing(700004, "signature"), options={"auth": "required"}),
    Row("GET", b"", 400, missing(700004, "signature"), options={"auth": "required"}),
    Row("POST", b"signature=00", 400, missing(700004, "timestamp"), options={"auth": "required"}),
    Row("POST", b"signature=00&timestamp=x", 400, M_ILLEGAL),
    Row("POST", b"signature=00&timestamp=%d" % (NOW + 1_000), 400, M_OUTSIDE),
    Row("POST", b"signature=00&timestamp=%d" % (NOW - 5_001), 400, M_OUTSIDE),
    Row("POST", b"signature=00&recvWindow=60001&" + STAMP, 400,
        '{"code":700005,"msg":"recvWindow must less than 60000"}'),
    Row("POST", b"signature=00&" + STAMP, 400, M_SIGNATURE),
    Row("PATCH", b"", 405, '{"code":405,"msg":"Method Not Allowed"}'),
    Row("POST", b"", 404, '{"code":404,"msg":"Not Found"}', path="/api/v1/userDataStream"),
    Row("POST", b"", 413, '{"code":413,"msg":"Content Too Large"}', sent=b"a=123456789",
        limits=SMALL),
]  # fmt: skip
ROWS = [
    *(("binance", row) for row in BINANCE),
    *(("bhex", row) for row in BHEX),
    *(("spacedex", row) for row in SPACEDEX),
    *(("mexc", row) for row in MEXC),
]
WEIGHTS = {"binance": (("X-MBX-USED-WEIGHT", "1"), ("X-MBX-USED-WEIGHT-1M", "1"))}


@pytest.mark.parametrize(("venue", "row"), ROWS)
def test_a_refusal_is_the_venues_own_byte_for_byte(venue: str, row: Row) -> None:
    gate = Gate(venue, limits=row.limits, **row.options)
    response = gate.ask(row.method, row.query, row.sent, key=row.key, path=row.path)
    assert response.status == row.status
    assert response.body.decode() == row.body
    assert response.headers == (JSON, *WEIGHTS.get(venue, ()))
    assert response.refusal is not None


@pytest.mark.parametrize(("venue", "row"), ROWS)
def test_a_refused_request_changes_nothing(venue: str, row: Row) -> None:
    gate = Gate(venue, limits=row.limits, **row.options)
    gate.ask(row.method, row.query, row.sent, key=row.key, path=row.path)
    assert len(gate.keys) == 0


TOO_MANY = {
    "binance": (429, '{"code":-1003,"msg":"Too many requests; current limit is 1200 requests per '
                     'minute."}'),
    "bhex": (429, '{"code":-1003,"msg":"Too many requests; current limit is 1500 requests per '
                  'minute. Please use the websocket for live updates to avoid polling the API."}'),
    "spacedex": (429, '{"code":-1003,"msg":"Too many requests; current limit is 1200 requests per '
                      'minute."}'),
    "mexc": (429, '{"code":429,"msg":"Too Many Requests"}'),
}  # fmt: skip
MINUTE = NOW - NOW % 60_000
BANNED = {
    "binance": '{{"code":-1003,"msg":"Way too many requests; IP banned until {}."}}',
    "bhex": '{{"code":-1003,"msg":"Way too many requests; IP banned until {}. '
            'Please use the websocket for live updates to avoid bans."}}',
    "spacedex": '{{"code":-1003,"msg":"Way too many requests; IP banned until {}."}}',
    "mexc": '{{"code":429,"msg":"Too Many Requests"}}',
}  # fmt: skip


def used_up(venue: str, now_ms: int) -> tuple[Gate, Response]:
    """A gate after one request more than may be, and the answer to that one."""
    gate = Gate(venue)
    for _ in range(gate.venue.rest.weight_per_window):
        assert gate.ask("POST", key=None, now_ms=now_ms).refusal is Refusal.API_KEY_MISSING
    return gate, gate.ask("POST", now_ms=now_ms)


def weights(venue: str, used: int) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(used)) for name, _ in WEIGHTS.get(venue, ()))


@pytest.mark.parametrize("venue", sorted(PATHS))
def test_whoever_asks_too_often_is_told_when_to_come_back(venue: str) -> None:
    gate, response = used_up(venue, MINUTE + 1)
    status, body = TOO_MANY[venue]
    assert (response.status, response.body.decode()) == (status, body)
    window_s, most = gate.venue.rest.window_s, gate.venue.rest.weight_per_window
    assert response.headers == (JSON, *weights(venue, most), ("retry-after", str(window_s)))
    later = gate.ask("POST", key=None, now_ms=MINUTE + window_s * 1000)
    assert later.refusal is Refusal.API_KEY_MISSING
    assert gate.ask("POST", key=None, now_ms=MINUTE, address="192.0.2.2").status != 429


@pytest.mark.parametrize("venue", sorted(PATHS))
def test_whoever_goes_on_is_banned_for_longer_each_time(venue: str) -> None:
    gate, _ = used_up(venue, MINUTE)
    now_ms = MINUTE
    for ban_s in (120, 240, 480):
        until_ms = now_ms + ban_s * 1000
        for _ in range(9):
            assert gate.ask("POST", now_ms=now_ms).status == 429
        response = gate.ask("POST", now_ms=now_ms)
        assert (response.status, response.body.decode()) == (418, BANNED[venue].format(until_ms))
        assert response.headers[-1] == ("retry-after", str(ban_s))
        assert gate.ask("GET", path="/x", now_ms=until_ms - 1).status == 418
        now_ms = until_ms
        for _ in range(gate.venue.rest.weight_per_window + 1):
            gate.ask("POST", key=None, now_ms=now_ms)


@pytest.mark.parametrize("venue", sorted(PATHS))
def test_a_key_is_refused_from_the_millisecond_at_which_it_dies(venue: str) -> None:
    gate = Gate(venue)
    stamp = b"timestamp=%d&" % (NOW + HOUR) if venue == "bhex" else b""
    random = gate.keys.create(venue, "alice", "api", bytes(32), NOW)
    assert not isinstance(random, Refusal)
    query = stamp + b"listenKey=" + random.key.encode()
    for method in ("PUT", "DELETE"):
        response = gate.ask(method, query, now_ms=NOW + HOUR)
        assert response.body.decode() == (M_GONE if venue == "mexc" else GONE)


def test_the_sixty_first_key_is_refused() -> None:
    gate = Gate("mexc")
    for _ in range(60):
        assert gate.ask("POST").status == 200
    response = gate.ask("POST")
    assert (response.status, response.body) == (400, b'{"code":26,"msg":"operation not allowed"}')


@pytest.mark.parametrize("venue", sorted(PATHS))
@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_has_a_form_that_its_details_fill(venue: str, refusal: Refusal) -> None:
    loaded = load(venue)
    gate = RestGate(loaded, Limits())
    response = gate.refuse(refusal, "{first}", "second")
    form = loaded.errors[refusal]
    assert response.status == form.status >= 400
    assert response.refusal is refusal
    assert response.headers == (JSON,)
    assert b"{}" not in response.body


def test_an_api_key_is_found_whatever_else_is_sent() -> None:
    for venue, header in HEADERS.items():
        others = {h: "unknown" for h in HEADERS.values() if h != header}
        stamp = STAMP if venue == "bhex" else b""
        assert Gate(venue).ask("POST", stamp, headers=others).status == 200
        assert Gate(venue).ask("POST", stamp, key=None, headers=others).status in {400, 401}
