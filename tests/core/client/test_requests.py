"""Listen-key requests of every venue, and what answers mean."""

from __future__ import annotations

import pytest

from userstream.core.client.requests import (
    NO_ANSWER,
    Access,
    Answer,
    Request,
    Verdict,
    key_request,
    needs_clock,
    read_answer,
    row_request,
)
from userstream.core.signing import sign
from userstream.venue import Call, Fetch
from userstream.venues import load

KEY = Access("api")
BOTH = Access("api", "secret")


def request(venue: str, access: Access, call: Call, key: str | None = None) -> Request:
    return key_request(load(venue), access, call, key, 1_700_000_000_000)


@pytest.mark.parametrize("access", [KEY, BOTH])
def test_binance_and_spacedex_want_the_header_and_nothing_else(access: Access) -> None:
    headers = {"X-MBX-APIKEY": "api"}
    path = "/api/v1/userDataStream"
    assert request("binance", access, Call.CREATE) == Request("POST", path, "", headers)
    assert request("binance", access, Call.RENEW, "k") == ("PUT", path, "listenKey=k", headers)
    assert request("spacedex", access, Call.DELETE, "k") == (
        "DELETE", path, "listenKey=k", {"X-SDX-APIKEY": "api"},
    )  # fmt: skip
    assert not needs_clock(load("binance"), access)


def test_bhex_wants_a_timestamp_and_takes_a_signature() -> None:
    head = {"X-BH-APIKEY": "api"}
    path = "/openapi/v1/userDataStream"
    query = "timestamp=1700000000000"
    assert request("bhex", KEY, Call.CREATE) == ("POST", path, query, head)
    signed = query + "&signature=" + sign("secret", query.encode())
    assert request("bhex", BOTH, Call.CREATE) == ("POST", path, signed, head)
    assert needs_clock(load("bhex"), KEY)


def test_mexc_is_signed_when_a_secret_is_known() -> None:
    head = {"X-MEXC-APIKEY": "api"}
    path = "/api/v3/userDataStream"
    assert request("mexc", KEY, Call.RENEW, "k") == ("PUT", path, "listenKey=k", head)
    query = "listenKey=k&timestamp=1700000000000"
    signed = query + "&signature=" + sign("secret", query.encode())
    assert request("mexc", BOTH, Call.RENEW, "k") == ("PUT", path, signed, head)
    assert not needs_clock(load("mexc"), KEY)
    assert needs_clock(load("mexc"), BOTH)


def test_nothing_secret_is_shown() -> None:
    shown = repr([BOTH, request("mexc", BOTH, Call.RENEW, "kkkk"), Answer(Verdict.GRANTED, "kkkk")])
    assert "api'" not in shown
    assert "secret" not in shown
    assert "kkkk" not in shown
    assert "/api/v3/userDataStream" in shown


@pytest.mark.parametrize(
    ("venue", "status", "body", "verdict"),
    [
        ("binance", 200, b'{"listenKey":"k"}', Verdict.GRANTED),
        ("binance", 200, b"{}", Verdict.GRANTED),
        ("mexc", 200, b'{"listenKey":"k","code":200}', Verdict.GRANTED),
        ("mexc", 200, b'{"code":730708,"msg":"listen key information error"}', Verdict.KEY_UNKNOWN),
        ("mexc", 200, b'{"code":"730708"}', Verdict.KEY_UNKNOWN),
        ("mexc", 400, b'{"code":700003}', Verdict.CLOCK),
        ("mexc", 400, b'{"code":10072}', Verdict.DENIED),
        ("mexc", 200, b'{"code":12345}', Verdict.FAILED),
        ("binance", 400, b'{"code":-1125}', Verdict.KEY_UNKNOWN),
        ("binance", 400, b'{"code":-1021}', Verdict.CLOCK),
        ("binance", 401, b'{"code":-2015}', Verdict.DENIED),
        ("binance", 401, b"<html>", Verdict.DENIED),
        ("binance", 429, b'{"code":-1003}', Verdict.BUSY),
        ("binance", 418, b"", Verdict.BUSY),
        ("binance", 400, b'{"code":-1003}', Verdict.BUSY),
        ("binance", 500, b'{"code":-1000}', Verdict.FAILED),
        ("binance", 502, b"\xff", Verdict.FAILED),
        ("binance", 500, b'{"code":"no number"}', Verdict.FAILED),
        ("binance", 302, b"", Verdict.FAILED),
    ],
)
def test_what_an_answer_means(venue: str, status: int, body: bytes, verdict: Verdict) -> None:
    assert read_answer(load(venue), status, body).verdict is verdict


def test_the_key_and_the_wait() -> None:
    venue = load("binance")
    assert read_answer(venue, 200, b'{"listenKey":"k"}').key == "k"
    assert read_answer(venue, 429, b"", "7").retry_after_ms == 7_000
    for text in ("soon", "-1", "", "99999999"):
        assert read_answer(venue, 429, b"", text).retry_after_ms is None
    assert NO_ANSWER.verdict is Verdict.FAILED


@pytest.mark.parametrize("venue", ["binance", "bhex", "mexc", "spacedex"])
def test_rows_are_asked_for_signed(venue: str) -> None:
    dialect = load(venue)
    fetch = Fetch("/rows", {"symbol": "A&B", "limit": "5"})
    query = "symbol=A%26B&limit=5&recvWindow=5000&timestamp=1700000000000"
    signed = query + "&signature=" + sign("secret", query.encode())
    assert row_request(dialect, BOTH, fetch, 1_700_000_000_000) == (
        "GET", "/rows", signed, {dialect.rest.auth.header: "api"},
    )  # fmt: skip
    assert row_request(dialect, KEY, fetch, 0) is None
