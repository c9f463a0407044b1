"""Repairs: conversations over an HTTP port, and what becomes of those that fail."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from userstream.client.http import Reply
from userstream.client.repairs import Repairs
from userstream.core.client.requests import Access
from userstream.core.signing import sign
from userstream.venue import Ask, NoRows, NotThere, Rows, What
from userstream.venues import load

NOW = 1_700_000_000_000
ACCOUNT = Ask(3, What.ACCOUNT)
FILLS = Ask(4, What.FILLS, "BTCUSDT", since_ms=NOW)
ALICE = Access("alicekey", "alicesecret")


class Port:
    """Answers from a list; ``None`` in it is no answer."""

    def __init__(self, *answers: Any, lasts_s: float = 0) -> None:
        self.answers = list(answers)
        self.lasts_s = lasts_s
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []

    async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply | None:
        self.asked.append((method, url, headers))
        await asyncio.sleep(self.lasts_s)
        answer = self.answers.pop(0)
        if answer is None:
            return None
        status, sent, body = answer
        return Reply(status, body, {k.lower(): v for k, v in sent.items()}.get("retry-after"))

    async def close(self) -> None:
        pass


def repairs(port: Port, access: Access = ALICE, venue: str = "binance") -> Repairs:
    return Repairs(load(venue), access, "https://api.example/", port)


def trade(number: int) -> dict[str, Any]:
    return {
        "id": number, "orderId": 1, "price": "1", "qty": "1", "time": NOW, "isBuyer": True,
        "commission": "0", "commissionAsset": "A",
    }  # fmt: skip


async def test_every_page_is_signed_with_a_time_of_its_own() -> None:
    full = json.dumps([trade(n) for n in range(500)]).encode()
    port = Port((200, {}, full), (200, {}, json.dumps([trade(500)]).encode()), lasts_s=0.02)
    rows = await repairs(port).ask(FILLS, NOW)
    assert isinstance(rows, Rows)
    assert len(rows.fills) == 501
    times = []
    for method, url, headers in port.asked:
        assert (method, headers) == ("GET", {"X-MBX-APIKEY": "alicekey"})
        parts = urlsplit(url)
        assert (parts.netloc, parts.path) == ("api.example", "/api/v3/myTrades")
        message, _, signature = parts.query.partition("&signature=")
        assert signature == sign("alicesecret", message.encode())
        query = parse_qs(parts.query)
        assert query["recvWindow"] == ["5000"]
        times.append(int(query["timestamp"][0]))
    assert NOW <= times[0] < NOW + 1_000
    assert times[0] + 20 <= times[1] < times[0] + 5_000


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, NoRows(3, "no answer")),
        ((429, {"Retry-After": "3"}, b""), NoRows(3, "too many requests, HTTP 429", 3_000)),
        ((503, {"retry-after": "3"}, b""), NoRows(3, "refused: HTTP 503, code None", 3_000)),
        ((400, {}, b'{"code":-2013}'), NoRows(3, "refused: HTTP 400, code -2013")),
    ],
)
async def test_a_request_that_fails_says_why(answer: Any, expected: NoRows) -> None:
    assert await repairs(Port(answer)).ask(ACCOUNT, NOW) == expected


async def test_an_order_that_is_not_there() -> None:
    port = Port((400, {}, b'{"code":-2013}'))
    assert await repairs(port).ask(Ask(9, What.ORDER, "A", "1"), NOW) == NotThere(9)


async def test_a_request_without_an_answer() -> None:
    assert await repairs(Port(None)).ask(ACCOUNT, NOW) == NoRows(3, "no answer")


async def test_without_a_secret_nothing_is_asked() -> None:
    port = Port()
    given = await repairs(port, Access("key")).ask(ACCOUNT, NOW)
    assert given == NoRows(3, "the API key's secret is not known")
    assert port.asked == []


async def test_what_a_venue_cannot_be_asked() -> None:
    port = Port()
    given = await repairs(port, venue="spacedex").ask(FILLS, NOW)
    assert given == NoRows(4, "the venue has no such call")
    mute = dataclasses.replace(load("binance"), repair=None)
    given = await Repairs(mute, ALICE, "https://api.example", port).ask(ACCOUNT, NOW)
    assert given == NoRows(3, "the venue cannot be asked")
    assert port.asked == []


async def test_cancelling_ends_it() -> None:
    task = asyncio.ensure_future(repairs(Port(lasts_s=9)).ask(ACCOUNT, NOW))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_nothing_secret_is_shown() -> None:
    assert repr(repairs(Port())) == "<Repairs binance>"
