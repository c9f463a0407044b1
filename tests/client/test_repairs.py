"""The port of repairs: the core's questions reach it, and its answers the program."""

from __future__ import annotations

from typing import Any

from tests.client.fakevenue import HASTY, KEY, SECRET, FakeVenue
from tests.client.gathering import gathered
from tests.core.client.test_feed import FULL
from tests.core.client.values import fill, order
from userstream import AccountEvent, Gap, OrderEvent, Origin, State
from userstream.client.http import Http
from userstream.client.repairs import NoRepairs, Repairs
from userstream.core.client.repair import Ask, FillsBy, NoRows, NotThere, RepairInput, Rows, What
from userstream.core.client.requests import Access
from userstream.entrance import UserStream
from userstream.events import AccountSnapshot, Balance
from userstream.venue import Venue


class FakeRepairs:
    supported = True
    fills_by = FillsBy.SYMBOL

    def __init__(self) -> None:
        self.asked: list[Ask] = []
        self.broken = 0

    async def ask(self, ask: Ask, venue_ms: int) -> RepairInput:
        assert venue_ms > 0
        self.asked.append(ask)
        if self.broken:
            self.broken -= 1
            return NoRows(ask.number, "HTTP 500")
        if ask.what is What.FILLS:
            row = fill("7", trade_id="70", status="", **{k: FULL[k] for k in ("commission",)})
            return Rows(ask.number, fills=(row,))
        if ask.what is What.ORDER:
            return NotThere(ask.number) if ask.order_id != "7" else Rows(
                ask.number, orders=(order("7", **FULL | {"status": "CANCELED"}),)
            )  # fmt: skip
        if ask.what is What.ACCOUNT:
            held = (Balance(asset="BTC", free="3", locked="1"),)
            return Rows(ask.number, account=AccountSnapshot(time_ms=venue_ms, balances=held))
        return Rows(ask.number)


def repaired(venue: FakeVenue, repairs: Repairs, **options: Any) -> UserStream:
    class Repaired(UserStream):
        @staticmethod
        def _repairer(of: Venue, access: Access, http: Http, rest_url: str) -> Repairs:
            assert (of.name, access.key, rest_url) == ("binance", KEY, "http://127.0.0.1:1")
            assert http is venue.http
            return repairs

    return Repaired(
        "binance", key=KEY, secret=SECRET, rest_url="http://127.0.0.1:1", stream_url=venue.url,
        http=venue.http, bounds=HASTY, states=True, symbols=["BTCUSDT"], **options,
    )  # fmt: skip


async def test_a_break_is_repaired_before_anything_newer_is_told() -> None:
    repairs = FakeRepairs()
    with FakeVenue() as venue:
        async with repaired(venue, repairs) as stream, gathered(stream) as seen:
            await seen.until(lambda: "BTC" in stream.account)
            assert stream.account["BTC"].locked == 1
            venue.cut()
            await seen.until(lambda: seen.states[-2:] == [State.REPLAYING, State.LIVE])
            await seen.until(lambda: len(seen.of(AccountEvent)) == 2)
            assert [o.origin for o in seen.orders if o.trade_id] == [Origin.REST]
            assert {a.what for a in repairs.asked} == set(What)


async def test_a_repair_that_fails_is_told_and_tried_again() -> None:
    repairs = FakeRepairs()
    repairs.broken = 4
    with FakeVenue() as venue:
        async with repaired(venue, repairs) as stream, gathered(stream) as seen:
            await seen.until(lambda: seen.of(Gap))
            await stream.live(10)
            assert seen.of(Gap)[0].why == "HTTP 500"


async def test_an_order_that_is_gone_leaves_the_programs_picture_too() -> None:
    repairs = FakeRepairs()
    with FakeVenue() as venue:
        async with repaired(venue, repairs) as stream, gathered(stream) as seen:
            await stream.live(5)
            venue.order(9)
            await seen.until(lambda: "9" in stream.orders)
            venue.cut()
            await seen.until(lambda: [g for g in seen.of(Gap) if g.order_id == "9"])
            await seen.until(lambda: "9" not in stream.orders)


async def test_without_a_secret_nothing_is_asked() -> None:
    assert await NoRepairs().ask(Ask(3, What.ACCOUNT), 0) == NoRows(3, "not supported")
    with FakeVenue() as venue:
        async with venue.stream() as stream:
            await stream.live(5)
            venue.order()
            assert [type(await anext(stream)) for _ in range(2)][1] is OrderEvent
