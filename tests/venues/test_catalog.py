"""The exchange's self-description, as start-up calls of clients need it."""

from __future__ import annotations

import json

import pytest

from tests.core.gate import Gate
from userstream.core.rest import Response
from userstream.markets import SANDBOX_MARKETS, Markets
from userstream.venues import load
from userstream.venues._catalog import exchange_info


def test_each_listed_pair_is_described_with_its_price_filter_first() -> None:
    info = exchange_info(SANDBOX_MARKETS, 7)
    assert (info["serverTime"], info["timezone"]) == (7, "UTC")
    assert [s["symbol"] for s in info["symbols"]] == list(SANDBOX_MARKETS.symbols)
    for symbol in info["symbols"]:
        assert symbol["status"] == "TRADING"
        assert {"baseAsset", "quoteAsset", "orderTypes", "permissions"} <= symbol.keys()
        assert symbol["filters"][0]["filterType"] == "PRICE_FILTER"


def test_steps_have_eight_places() -> None:
    first = exchange_info(SANDBOX_MARKETS, 7)["symbols"][0]
    assert first["filters"][0]["tickSize"] == "0.01000000"
    assert first["filters"][1]["stepSize"] == "0.00001000"


def test_nothing_listed_is_an_empty_list() -> None:
    assert exchange_info(Markets(), 7)["symbols"] == []


def test_the_limits_are_those_of_december_2017() -> None:
    limits = exchange_info(Markets(), 7)["rateLimits"]
    assert [(x["rateLimitType"], x["interval"], x["limit"]) for x in limits] == [
        ("REQUESTS", "MINUTE", 1200),
        ("ORDERS", "SECOND", 10),
        ("ORDERS", "DAY", 100000),
    ]


INFO = {
    "binance": "/api/v3/exchangeInfo",
    "spacedex": "/api/v1/exchangeInfo",
    "mexc": "/api/v3/exchangeInfo",
    "bhex": "/openapi/v1/brokerInfo",
}
ALL = list(SANDBOX_MARKETS.symbols)
INVALID = '{"code":-1121,"msg":"Invalid symbol."}'
BAD = '{"code":10007,"msg":"bad symbol"}'
BOTH = '{"code":-1128,"msg":"Combination of optional parameters invalid."}'
LEGAL_LIST = r"""^\\[\"[A-Z0-9_]{1,20}\"(,\"[A-Z0-9_]{1,20}\")*\\]$"""


def illegal(name: str, legal: str) -> str:
    said = f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    return f'{{"code":-1100,"msg":"{said}"}}'


def asked(venue: str, query: str) -> Response:
    """The answer to the call for the exchange's description of itself."""
    gate = Gate(load(venue, {}, SANDBOX_MARKETS))
    return gate.ask("GET", query.encode(), path=INFO[venue], key=None)


@pytest.mark.parametrize(
    ("venue", "query", "shown"),
    [
        ("binance", "", ALL),
        ("binance", "timestamp=1", ALL),
        ("binance", "symbol=ETHBTC", ["ETHBTC"]),
        ("binance", "symbols=%5B%22ETHBTC%22%5D", ["ETHBTC"]),
        ("binance", 'symbols=["ETHUSDT","BTCUSDT","ETHUSDT"]', ["BTCUSDT", "ETHUSDT"]),
        ("spacedex", "symbol=ETHBTC", ["ETHBTC"]),
        ("mexc", "", ALL),
        ("mexc", "symbol=MXUSDT", ["MXUSDT"]),
        ("mexc", "symbols=MXUSDT,BTCUSDT", ["BTCUSDT", "MXUSDT"]),
        ("bhex", "type=&timestamp=1&symbol=ETHBTC", ALL),  # the document has no parameter
    ],
)
def test_only_the_symbols_that_are_asked_for_are_described(
    venue: str, query: str, shown: list[str]
) -> None:
    response = asked(venue, query)
    assert response.status == 200, response.body
    assert [s["symbol"] for s in json.loads(response.body)["symbols"]] == shown


@pytest.mark.parametrize(
    ("venue", "query", "body"),
    [
        ("binance", "symbol=NOPE", INVALID),
        ("binance", 'symbols=["BTCUSDT","NOPE"]', INVALID),
        ("binance", "symbol=btcusdt", illegal("symbol", "^[A-Z0-9_]{1,20}$")),
        ("binance", "symbols=BTCUSDT,ETHBTC", illegal("symbols", LEGAL_LIST)),
        ("binance", "symbols=[]", illegal("symbols", LEGAL_LIST)),
        ("binance", 'symbols=["BTCUSDT" ,"ETHBTC"]', illegal("symbols", LEGAL_LIST)),
        ("binance", "symbol=", '{"code":-1105,"msg":"Parameter \'symbol\' was empty."}'),
        ("binance", 'symbol=ETHBTC&symbols=["ETHBTC"]', BOTH),
        ("spacedex", "symbol=NOPE", INVALID),
        ("mexc", "symbol=NOPE", BAD),
        ("mexc", "symbol=btcusdt", BAD),
        ("mexc", "symbols=BTCUSDT,NOPE", BAD),
        ("mexc", 'symbols=["BTCUSDT"]', BAD),
        ("mexc", "symbol=ETHBTC&symbols=ETHBTC", BOTH),
    ],
)
def test_a_symbol_that_is_not_traded_is_refused(venue: str, query: str, body: str) -> None:
    response = asked(venue, query)
    assert (response.status, response.body.decode()) == (400, body)
