"""Bots that took their library's user stream take ours: nothing is lost any more.

The programs are those of docs/how-to/move-a-bot.md. Each sells what was bought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.interop.conftest import Start
from tests.interop.exchange import Exchange
from tests.interop.moved import Bot, true_fills
from tests.interop.trading import Said, check_clean, frames_of

pytestmark = pytest.mark.interop
Run = Callable[..., Bot]


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Run]:
    running: list[Bot] = []

    def start(name: str, exchange: Exchange) -> Bot:
        running.append(Bot(name, exchange, tmp_path))
        return running[-1]

    yield start
    for one in running:
        one.driven.close()


def buy(exchange: Exchange) -> int:
    return exchange.buy("0.05", "60000.00")


def sold(bot: Bot, times: int) -> Callable[[], bool]:
    """Whether it was told that so many sales of its own are through."""
    return lambda: len(bot.closed("SELL")) >= times


def free_usdt(bot: Bot) -> float:
    """As its last balance says."""
    balances = [said["balance"] for said in bot.said if "balance" in said]
    return float(balances[-1]["free"]["USDT"])


def check_fills(bot: Bot) -> None:
    """It is told every fill once, in order, and sold what it bought."""
    published = true_fills(bot.exchange)
    bot.until(lambda: len(bot.fills()) >= len(published))
    assert bot.fills() == published
    assert [f.quantity for f in bot.fills("SELL")] == [f.quantity for f in bot.fills("BUY")]


def check_ends(bot: Bot) -> None:
    """How it was last told of each order and balance, in ccxt's form, is how that ended."""
    events = [line["event"] for line in bot.exchange.truth()]
    orders = {e["order_id"]: Decimal(e["cumulative_quantity"]) for e in events if "order_id" in e}
    said = {s["order"]["id"]: s["order"]["filled"] for s in bot.said if "order" in s}
    assert {i: Decimal(str(filled)) for i, filled in said.items()} == orders
    held = {b["asset"]: b for e in events for b in e.get("balances", ())}
    last = [s["balance"] for s in bot.said if "balance" in s][-1]
    for asset, balance in held.items():
        shown = last["free"][asset], last["used"][asset]
        assert shown == (float(balance["free"]), float(balance["locked"]))


def of_stream(said: Said) -> bool:
    """Whether it came as a message of Binance: what the page makes of REST has fewer keys."""
    return bool({"P", "W", "u"} & said.keys())


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("library", ["binance", "threads"])
def test_while_nothing_breaks_both_get_all_messages(
    library: str, when: str, sandbox: Start, bot: Run
) -> None:
    exchange = sandbox("binance")
    it = bot(f"{library}_{when}", exchange)
    it.listens()
    order = buy(exchange)
    for number in (1, 2):
        exchange.fill(order, "40")
        it.until(sold(it, number))
    exchange.deposit("USDT", "25.5")
    frames = frames_of(exchange.truth())
    it.until(lambda: it.said[-1] == frames[-1])
    check_clean(exchange, [said for said in it.said if of_stream(said)])
    check_fills(it)


@pytest.mark.parametrize("when", ["before", "after"])
def test_while_nothing_breaks_both_have_the_same_in_the_form_of_ccxt(
    when: str, sandbox: Start, bot: Run
) -> None:
    exchange = sandbox("mexc")
    it = bot(f"ccxt_{when}", exchange)
    it.listens()
    order = buy(exchange)
    for number in (1, 2):
        exchange.fill(order, "40")
        it.until(sold(it, number))
    exchange.deposit("USDT", "25.5")
    (usdt,) = exchange.truth()[-1]["event"]["balances"]
    it.until(lambda: free_usdt(it) == float(usdt["free"]))
    check_ends(it)
    if when == "after":
        check_fills(it)
    else:
        # A trade that comes while its handler waits for an order is told with the next one.
        assert it.fills() in (true_fills(exchange), true_fills(exchange)[:-1])


@pytest.mark.parametrize("library", ["binance", "ccxt"])
def test_a_reset_takes_a_fill_from_the_bot_before(library: str, sandbox: Start, bot: Run) -> None:
    exchange = sandbox("mexc" if library == "ccxt" else "binance")
    it = bot(f"{library}_before", exchange)
    it.listens()
    order = buy(exchange)
    exchange.fault("reset", on="frame", event="order_update")
    exchange.fill(order, "40")
    it.listens(connections=2)
    exchange.fill(order, "40")
    it.until(sold(it, 1))
    lost, heard = true_fills(exchange, "BUY")
    assert it.fills("BUY") == [heard]
    assert lost.quantity == Decimal("0.02")
    assert len(true_fills(exchange, "SELL")) == 1


@pytest.mark.parametrize(
    ("library", "venue"), [("binance", "binance"), ("ccxt", "mexc"), ("ccxt", "binance")]
)
def test_a_reset_takes_nothing_from_the_bot_after(
    library: str, venue: str, sandbox: Start, bot: Run
) -> None:
    exchange = sandbox(venue)
    it = bot(f"{library}_after", exchange)
    it.listens()
    order = buy(exchange)
    exchange.fault("reset", on="frame", event="order_update")
    for number in (1, 2):
        exchange.fill(order, "40")
        it.until(sold(it, number))
    check_fills(it)


def test_a_deleted_key_ends_the_stream_of_the_bot_before(sandbox: Start, bot: Run) -> None:
    exchange = sandbox("binance")
    it = bot("threads_before", exchange)
    it.listens()
    order = buy(exchange)
    exchange.fault("delete-key")
    exchange.fill(order, "40")
    # It tries the dead key five times, up to half a minute in all, and gives up.
    it.until(lambda: {"e": "error", "m": "Max reconnect retries reached"} in it.said, within_s=45)
    assert not it.fills()
    assert not true_fills(exchange, "SELL")


def test_a_deleted_key_takes_nothing_from_the_bot_after(sandbox: Start, bot: Run) -> None:
    exchange = sandbox("binance")
    it = bot("threads_after", exchange)
    it.listens()
    order = buy(exchange)
    exchange.fault("delete-key")
    for number in (1, 2):
        exchange.fill(order, "40")
        it.until(sold(it, number))
    check_fills(it)
