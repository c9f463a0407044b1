"""What each venue's stream tells of one cause, and in which order: the order event first, then
the balances; on MEXC orders, deals, account, with the cause of each balance.

A line is ``execution:status`` of an order event, its fill and its fee, as far as the venue shows
them (no JSON venue but Binance shows an execution, and MEXC tells fills twice: of the order and
as a deal), or the balances of an account event as ``ASSET=free+locked``, after MEXC's cause.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.bots import NEW, Bots, Heard, bots, limit
from userstream.events import AccountSnapshot, OrderUpdate, StreamEvent
from userstream.venues import names


def number(text: str | None) -> str:
    """A decimal without padding."""
    return f"{Decimal(text or 0).normalize():f}"


def line(event: StreamEvent) -> str:
    """An event as the tables below have it."""
    if isinstance(event, OrderUpdate):
        told = f"{event.execution or ''}:{event.status}"
        if Decimal(event.last_quantity or 0) and event.last_price is not None:
            told += f" {number(event.last_quantity)}@{number(event.last_price)}"
        if event.cumulative_quantity is not None and Decimal(event.cumulative_quantity):
            told += f" of {number(event.cumulative_quantity)}"
        if event.commission_asset:
            told += f" fee {number(event.commission)} {event.commission_asset}"
        return told
    balances = " ".join(
        f"{b.asset}={number(b.free)}+{number(b.locked)}" for b in getattr(event, "balances", ())
    )
    return f"{getattr(event, 'cause', None) or ''} {balances}".strip()


def told(heard: Heard) -> list[str]:
    """What a stream told; of Binance's two account frames the one with the changed assets."""
    return [line(e) for e in heard.events if not isinstance(e, AccountSnapshot)]


def story(text: str) -> list[str]:
    return [part.strip() for part in text.strip().split("\n")]


async def resting(b: Bots, **more: object) -> Any:
    return await b.place("binance", **limit("binance", "BUY", "0.01", "50000", **more))


async def new(b: Bots) -> None:
    await resting(b)


async def fills(b: Bots) -> None:
    order = (await resting(b))["orderId"]
    await b.market("fill", account="alice", order=order, percent="40")
    await b.market("fill", account="alice", order=order)


async def cancel(b: Bots) -> None:
    order = (await resting(b))["orderId"]
    await b.call("binance", "DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=order)


async def cancel_after_fill(b: Bots) -> None:
    order = (await resting(b))["orderId"]
    await b.market("fill", account="alice", order=order, percent="40")
    await b.call("mexc", "DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=order)


async def rejection(b: Bots) -> None:
    await b.market("reject", account="alice", reason="PRICE_TOO_LOW")
    fields = limit("binance", "BUY", "0.01", "50000")
    assert await b.refused("binance", "POST", "/api/v3/order", **fields) == (400, -1013)


async def ioc(b: Bots) -> None:
    await b.place("bhex", account="bob", **limit("bhex", "SELL", "0.004", "50000"))
    await resting(b, timeInForce="IOC")


async def fok(b: Bots) -> None:
    await b.place("bhex", account="bob", **limit("bhex", "SELL", "0.004", "50000"))
    await resting(b, timeInForce="FOK")


async def stop(b: Bots) -> None:
    await b.place("bhex", account="bob", **limit("bhex", "BUY", "0.01", "50000"))
    await b.place("bhex", account="bob", **limit("bhex", "SELL", "0.001", "50000"))
    await b.place(
        "binance", symbol="BTCUSDT", side="SELL", type="STOP_LOSS_LIMIT", timeInForce="GTC",
        quantity="0.01", price="48000", stopPrice="49000",
    )  # fmt: skip
    await b.place("bhex", account="bob", **limit("bhex", "BUY", "0.006", "49000"))
    await b.place("bhex", account="bob", **limit("bhex", "SELL", "0.01", "49000"))


async def deposit(b: Bots) -> None:
    await b.admin("POST", "accounts/alice/deposit", {"asset": "BTC", "amount": "1.5"})


async def withdrawal(b: Bots) -> None:
    await b.admin("POST", "accounts/alice/withdraw", {"asset": "BTC", "amount": "1.5"})


async def transfer(b: Bots) -> None:
    for source, to, amount in (("alice", "bob", "2"), ("bob", "alice", "1")):
        body = {"asset": "BTC", "amount": amount, "to": to}
        await b.admin("POST", f"accounts/{source}/transfer", body)


_PLAIN_FILLS = """
    :NEW
    USDT=9999500+500
    :PARTIALLY_FILLED 0.004@50000 of 0.004 fee 0.000004 BTC
    BTC=100.004+0 USDT=9999500+300
    BTC=100.003996+0
    :FILLED 0.006@50000 of 0.01 fee 0.000006 BTC
    BTC=100.009996+0 USDT=9999500+0
    BTC=100.00999+0
"""
_MEXC_FILL = """
    :NEW
    ENTRUST_PLACE USDT=9999500+500
    :PARTIALLY_FILLED of 0.004
    TRADE: 0.004@50000 fee 0.000004 BTC
    ENTRUST BTC=100.004+0
    ENTRUST USDT=9999500+300
    TRADE_FEE BTC=100.003996+0
"""
_PLAIN_FILL = "\n".join(story(_PLAIN_FILLS)[:5])
STORIES: dict[Any, dict[str, str]] = {
    new: {
        "binance": "NEW:NEW\nUSDT=9999500+500",
        "bhex": ":NEW\nUSDT=9999500+500",
        "mexc": ":NEW\nENTRUST_PLACE USDT=9999500+500",
    },
    fills: {
        "binance": _PLAIN_FILLS.replace(":NEW", "NEW:NEW")
        .replace(":PART", "TRADE:PART")
        .replace(":FILLED", "TRADE:FILLED"),
        "bhex": _PLAIN_FILLS,
        "mexc": _MEXC_FILL.rstrip()
        + """
            :FILLED of 0.01
            TRADE: 0.006@50000 fee 0.000006 BTC
            ENTRUST BTC=100.009996+0
            ENTRUST USDT=9999500+0
            TRADE_FEE BTC=100.00999+0
        """,
    },
    cancel: {
        "binance": "NEW:NEW\nUSDT=9999500+500\nCANCELED:CANCELED\nUSDT=10000000+0",
        "bhex": ":NEW\nUSDT=9999500+500\n:CANCELED\nUSDT=10000000+0",
        "mexc": """
            :NEW
            ENTRUST_PLACE USDT=9999500+500
            :CANCELED
            ENTRUST_CANCEL USDT=10000000+0
        """,
    },
    cancel_after_fill: {
        "binance": _PLAIN_FILL.replace(":NEW", "NEW:NEW").replace(":PART", "TRADE:PART")
        + "\nCANCELED:CANCELED of 0.004\nUSDT=9999800+0",
        "bhex": _PLAIN_FILL + "\n:CANCELED of 0.004\nUSDT=9999800+0",
        "mexc": _MEXC_FILL.rstrip()
        + "\n:PARTIALLY_CANCELED of 0.004\nENTRUST_CANCEL USDT=9999800+0",
    },
    rejection: {
        "binance": "REJECTED:REJECTED",
        "bhex": ":REJECTED",
        "mexc": ":CANCELED",
    },
    ioc: {
        "binance": _PLAIN_FILL.replace(":NEW", "NEW:NEW").replace(":PART", "TRADE:PART")
        + "\nEXPIRED:EXPIRED of 0.004\nUSDT=9999800+0",
        "bhex": _PLAIN_FILL + "\n:CANCELED of 0.004\nUSDT=9999800+0",
        "spacedex": _PLAIN_FILL + "\n:EXPIRED of 0.004\nUSDT=9999800+0",
        "mexc": _MEXC_FILL.rstrip()
        + "\n:PARTIALLY_CANCELED of 0.004\nENTRUST_CANCEL USDT=9999800+0",
    },
    fok: {
        "binance": "NEW:NEW\nUSDT=9999500+500\nEXPIRED:EXPIRED\nUSDT=10000000+0",
        "bhex": ":NEW\nUSDT=9999500+500\n:CANCELED\nUSDT=10000000+0",
        "spacedex": ":NEW\nUSDT=9999500+500\n:EXPIRED\nUSDT=10000000+0",
        "mexc": """
            :NEW
            ENTRUST_PLACE USDT=9999500+500
            :CANCELED
            ENTRUST_CANCEL USDT=10000000+0
        """,
    },
}


@pytest.mark.parametrize("venue", names())
@pytest.mark.parametrize("scene", STORIES, ids=lambda scene: scene.__name__)
async def test_what_a_stream_tells_of_an_order(scene: Any, venue: str) -> None:
    stories = STORIES[scene]
    expected = story(stories.get(venue, stories["bhex"]))
    if venue == "spacedex":  # its reports have no cumulative quantity
        expected = [text.partition(" of ")[0] + _fee(text) for text in expected]
    async with bots(maker=False) as b, b.heard(venue) as heard:
        await scene(b)
        await heard.until(lambda _: len(told(heard)) >= len(expected))
        await asyncio.sleep(0.05)
        assert told(heard) == expected
        assert b.imbalances() == set()


def _fee(text: str) -> str:
    _, found, fee = text.partition(" fee ")
    return f" fee {fee}" if found else ""


@pytest.mark.parametrize("venue", names())
async def test_a_stop_shows_before_and_after_it_triggers(venue: str) -> None:
    async with bots(maker=False) as b, b.heard(venue) as heard:
        await stop(b)
        await heard.ended("PARTIALLY_FILLED")
        assert [o.status for o in heard.orders if o.status] == ["NEW", "NEW", "PARTIALLY_FILLED"]
        kinds = [type(e) for e in heard.events]
        assert kinds[0] is OrderUpdate
        assert kinds[1] is not OrderUpdate  # what it locks
        if venue in {"binance", "bhex"}:
            assert [o.working for o in heard.orders] == [False, True, True]
        if venue == "mexc":
            assert [a.cause for a in heard.accounts] == [
                "ENTRUST_PLACE", "ENTRUST", "ENTRUST", "TRADE_FEE",
            ]  # fmt: skip
        else:  # triggering changes no balance
            first_two = [heard.events.index(o) for o in heard.orders[1:3]]
            assert first_two[1] == first_two[0] + 1
        assert b.imbalances() == set()


@pytest.mark.parametrize("venue", names())
@pytest.mark.parametrize(
    ("scene", "expected", "cause"),
    [
        (deposit, ["101.5"], "DEPOSIT"),
        (withdrawal, ["98.5"], "WITHDRAW"),
        (transfer, ["98", "99"], "CONTRACT_TRANSFER"),
    ],
)
async def test_money_from_and_to_elsewhere(
    scene: Any, expected: list[str], cause: str, venue: str
) -> None:
    lines = [f"{cause if venue == 'mexc' else ''} BTC={amount}+0".strip() for amount in expected]
    async with bots(maker=False) as b, b.heard(venue) as heard:
        await scene(b)
        await heard.until(lambda _: len(told(heard)) >= len(lines))
        await asyncio.sleep(0.05)
        assert told(heard) == lines
        assert b.imbalances() == set()


@pytest.mark.parametrize(
    ("venue", "refusal"),
    [("binance", (400, -2010)), ("bhex", (400, -2010)), ("mexc", (400, 70011)),
     ("spacedex", (400, -2010))],
)  # fmt: skip
async def test_a_change_of_permissions_shows_where_the_venue_has_them(
    venue: str, refusal: tuple[int, int]
) -> None:
    async with bots(maker=False) as b, b.heard(venue) as heard:
        placed = await b.place(venue, **limit(venue, "BUY", "0.01", "50000"))
        await b.admin("POST", "accounts/alice/permissions", {"can_trade": False})
        fields = limit(venue, "BUY", "0.01", "50000")
        path = NEW[venue]
        assert await b.refused(venue, "POST", path, **fields) == refusal
        symbol = None if venue == "bhex" else "BTCUSDT"
        await b.call(venue, "DELETE", path, symbol=symbol, orderId=placed["orderId"])
        await heard.ended("CANCELED")
        may = [e.permissions.can_trade for e in heard.accounts if e.permissions]
        shows = venue in {"binance", "bhex"}
        assert (may == sorted(may, reverse=True) and may[-1] is False) if shows else not may
