"""Repairs at every venue of a sandbox, over HTTP: questions, and whole repairs of a break."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.client.asking import repairs
from tests.sandbox.bots import NEW, Bots, bots, limit
from tests.sandbox.playing import fault
from tests.venues.rows.test_round_trips import facts, fill_facts, fill_truth, truth
from userstream.core.client.bounds import Bounds
from userstream.core.client.picture import Picture
from userstream.core.client.repair import Found, Repair
from userstream.core.client.reunion import Reunion
from userstream.core.client.told import AccountEvent, Gap, OrderEvent, Origin, Scope, Told
from userstream.events import OrderUpdate
from userstream.venue import Ask, FillsBy, NoRows, NotThere, RepairDialect, Rows, What
from userstream.venues import load, names

by_venue = pytest.mark.parametrize("venue", names())


def dialect(venue: str) -> RepairDialect:
    found = load(venue).repair
    assert found is not None
    return found


async def place(b: Bots, account: str, side: str, quantity: str, price: str, venue: str) -> str:
    answer = await b.place(venue, account=account, **limit(venue, side, quantity, price))
    return str(answer["orderId"])


async def cancel(b: Bots, venue: str, order_id: str) -> None:
    symbol = None if venue == "bhex" else "BTCUSDT"
    await b.call(venue, "DELETE", NEW[venue], symbol=symbol, orderId=order_id)


@by_venue
async def test_every_question_is_answered_with_the_truth_of_the_exchange(venue: str) -> None:
    async with bots(maker=False) as b:
        it = repairs(b, venue)
        exchange = b.sandbox.exchange

        async def ask(what: What, **fields: Any) -> Any:
            return await it.ask(Ask(5, what, **fields), b.sandbox.clock.ms())

        part = await place(b, "alice", "BUY", "2", "50000", venue)
        await place(b, "bob", "SELL", "0.5", "50000", "mexc")
        gone = await place(b, "alice", "SELL", "1", "70000", venue)
        await cancel(b, venue, gone)
        states = {str(o.order_id): o for o in exchange.all_orders("alice")}
        assert (await ask(What.OPEN_ORDERS)).orders[0].order_id == part
        for order_id in (part, gone):
            (row,) = (await ask(What.ORDER, symbol="BTCUSDT", order_id=order_id)).orders
            assert facts(row) == truth(states[order_id])
        assert await ask(What.ORDER, symbol="BTCUSDT", order_id="999999") == NotThere(5)
        by_account = dialect(venue).fills_by is FillsBy.ACCOUNT
        fills = await ask(What.FILLS, symbol=None if by_account else "BTCUSDT", since_ms=
                          b.sandbox.clock.ms() - 60_000)  # fmt: skip
        if venue == "spacedex":
            assert fills == NoRows(5, "the venue has no such call")
            orders = (await ask(What.ORDERS, symbol="BTCUSDT", since_ms=1)).orders
            assert {facts(o) for o in orders} == {truth(o) for o in states.values()}
        else:
            assert fill_facts(fills.fills) == fill_truth(exchange.trades("alice"))
        account = (await ask(What.ACCOUNT)).account
        held = {a.asset: (Decimal(a.free), Decimal(a.locked)) for a in account.balances}
        assert held == {
            asset: (Decimal(free), Decimal(locked))
            for asset, (free, locked) in b.balances().items()
        }


@by_venue
async def test_a_wrong_clock_and_a_wrong_secret_are_told_apart(venue: str) -> None:
    async with bots(maker=False) as b:
        slow = await repairs(b, venue).ask(Ask(1, What.ACCOUNT), b.sandbox.clock.ms() - 9_000)
        assert isinstance(slow, NoRows)
        assert slow.clock
        wrong = await repairs(b, venue, secret="no").ask(Ask(1, What.ACCOUNT), b.sandbox.clock.ms())
        assert isinstance(wrong, NoRows)
        assert wrong.why.startswith("refused: HTTP 4")
        assert not wrong.clock


@by_venue
async def test_refusals_of_a_busy_or_broken_venue_say_how_long_to_wait(venue: str) -> None:
    async with bots(maker=False) as b:
        for answer, expected in (
            ("429", NoRows(1, "too many requests, HTTP 429", 5_000)),
            ("418", NoRows(1, "too many requests, HTTP 418", 120_000)),
            ("500", NoRows(1, f"refused: HTTP 500, code {500 if venue == 'mexc' else -1000}")),
        ):
            await fault(b.server, "rest", answer=answer, venue=venue, count=1)
            given = await repairs(b, venue).ask(Ask(1, What.ACCOUNT), b.sandbox.clock.ms())
            assert given == expected


# ── whole repairs ───────────────────────────────────────────────────────────────────────────────


class Break:
    """What a client knew before its stream broke, and when that was."""

    def __init__(self, b: Bots, venue: str) -> None:
        self.b = b
        self.venue = load(venue)
        self.picture = Picture(self.venue.stream.fill_key, Bounds())
        self.since_ms = 0

    def heard(self, updates: list[OrderUpdate]) -> None:
        """The stream brought that, and then broke."""
        for update in updates:
            self.picture.apply(OrderEvent(update=update))
        self.since_ms = self.b.sandbox.clock.ms()

    async def mend(self, *symbols: str) -> list[Told]:
        """A whole repair over HTTP; waits of the machine pass at once."""
        it = Repair(
            self.picture, dialect(self.venue.name).fills_by, symbols, self.since_ms, Bounds(),
            lambda: 0.5,
        )  # fmt: skip
        port = repairs(self.b, self.venue.name)
        now_ms = 0
        asks = it.start(now_ms)
        while it.outcome is None:
            for ask in asks:
                given = await port.ask(ask, self.b.sandbox.clock.ms())
                assert isinstance(given, Rows | NotThere), given
                asks = it.answered(given, now_ms)
            if not asks and it.outcome is None:
                now_ms = it.deadline() or 0
                asks = it.tick(now_ms)
        assert isinstance(it.outcome, Found)
        return Reunion(
            self.picture,
            self.venue.stream.fill_key,
            it.outcome,
            (),
            since_ms=self.since_ms,
            now_ms=self.b.sandbox.clock.ms(),
            memory_ms=0,
        ).events()


def fills(told: list[Told]) -> list[tuple[str, Decimal]]:
    return sorted(
        (e.order_id, Decimal(e.update.last_quantity or 0))
        for e in told
        if isinstance(e, OrderEvent) and e.update.execution == "TRADE"
    )


def statuses(told: list[Told]) -> dict[str, str]:
    return {e.order_id: e.status for e in told if isinstance(e, OrderEvent) and e.status}


def gaps(told: list[Told]) -> dict[str | None, Decimal | None]:
    found = [e for e in told if isinstance(e, Gap)]
    assert all(gap.scope is Scope.FILLS for gap in found)
    return {gap.order_id: gap.missing_quantity for gap in found}


@by_venue
async def test_what_was_lost_in_a_break_is_found_again_or_told(venue: str) -> None:
    async with bots(maker=False) as b:
        it = Break(b, venue)
        async with b.heard(venue) as heard:
            part = await place(b, "alice", "BUY", "2", "50000", venue)
            await place(b, "bob", "SELL", "0.5", "50000", venue)
            await heard.until(lambda _: any(Decimal(o.last_quantity or 0) for o in heard.orders))
            await asyncio.sleep(0.05)
            it.heard(heard.orders)
        for quantity in ("0.3", "0.4"):
            await place(b, "bob", "SELL", quantity, "50000", venue)
        await cancel(b, venue, part)
        whole = await place(b, "alice", "SELL", "1", "60000", venue)
        for quantity in ("0.75", "0.25"):
            await place(b, "bob", "BUY", quantity, "60000", venue)
        still = await place(b, "alice", "BUY", "0.1", "40000", venue)

        told = await it.mend("BTCUSDT")
        assert statuses(told) == {part: "CANCELED", whole: "FILLED", still: "NEW"} | (
            {part: "PARTIALLY_CANCELED"} if venue == "mexc" else {}
        )
        lost = [
            (part, Decimal("0.3")), (part, Decimal("0.4")),
            (whole, Decimal("0.25")), (whole, Decimal("0.75")),
        ]  # fmt: skip
        if venue == "spacedex":
            assert fills(told) == []
            assert gaps(told) == {part: Decimal("0.7"), whole: Decimal(1)}
        else:
            assert fills(told) == sorted(lost)
            assert gaps(told) == {}
        assert all(not e.ambiguous for e in told if isinstance(e, OrderEvent))
        (account,) = (e for e in told if isinstance(e, AccountEvent))
        assert account.origin is Origin.REST
        held = {a: (h.free, h.locked) for a, h in account.balances.items()}
        assert held == {a: (Decimal(f), Decimal(x)) for a, (f, x) in b.balances().items()}


@by_venue
async def test_where_nothing_was_lost_nothing_is_told_but_the_account(venue: str) -> None:
    async with bots(maker=False) as b:
        it = Break(b, venue)
        async with b.heard(venue) as heard:
            await place(b, "alice", "BUY", "2", "50000", venue)
            over = await place(b, "alice", "BUY", "1", "49000", venue)
            await place(b, "bob", "SELL", "0.5", "50000", venue)
            await cancel(b, venue, over)
            await heard.ended("CANCELED")
            it.heard(heard.orders)
        told = await it.mend("BTCUSDT")
        assert [type(e) for e in told] == [AccountEvent]
