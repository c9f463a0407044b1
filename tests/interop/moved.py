"""The bots of docs/how-to/move-a-bot.md, before and after, as they run here."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from tests.docs.snippets import ROOT, Site, blocks
from tests.interop.driven import HERE, Driven
from tests.interop.exchange import Exchange

PAGE = ROOT / "docs" / "how-to" / "move-a-bot.md"
PYTHON = HERE / "moved" / ".venv" / "bin" / "python"
"""One environment for before and after: the package gets on with both libraries."""
MEXC_CHANNELS = ("account", "deals", "orders")


class Fill(NamedTuple):
    """A fill, whoever tells of it."""

    trade_id: str
    side: str
    quantity: Decimal
    price: Decimal


class Bot:
    """One program of the page, that runs against a sandbox instead of the page's addresses."""

    def __init__(self, name: str, exchange: Exchange, folder: Path) -> None:
        site = Site(exchange.rest.url, exchange.stream.url, "", folder)
        for block in blocks(PAGE.read_text("utf-8")):
            code = block.code if exchange.venue == "mexc" else _at_binance(block.code)
            (folder / block.detail).write_text(site.placed(code), "utf-8")
        self.exchange = exchange
        self.said: list[dict[str, Any]] = []
        self.driven = Driven(
            [PYTHON, folder / f"{name}.py"], exchange, folder, {"PYTHONPATH": str(ROOT / "src")}
        )

    def listens(self, connections: int = 1) -> None:
        """Waits until the server has its so manieth stream, with all that it subscribes to."""
        self.exchange.stream.wait_for(b"HTTP/1.1 101", connections)
        if self.exchange.venue == "mexc":
            for channel in MEXC_CHANNELS:
                self.exchange.stream.wait_for(b"spot@private.%b.v3.api.pb" % channel.encode())

    def until(self, condition: Callable[[], bool], within_s: float = 25.0) -> None:
        """Waits until what it has said makes that true; ``within_s`` is for each line."""
        while not self.said or not condition():
            line = self.driven.line(within_s)
            if line.startswith("{"):
                self.said.append(json.loads(line))

    def fills(self, side: str | None = None) -> list[Fill]:
        """The fills that it was told of, in their order."""
        found = [f for said in self.said if (f := _fill(said)) is not None]
        return [f for f in found if side in {None, f.side}]

    def closed(self, side: str) -> set[str]:
        """The orders of that side that it was told are filled."""
        found = set()
        for said in self.said:
            order = said.get("order", said)
            if (order.get("X"), order.get("S")) == ("FILLED", side):
                found.add(str(order["i"]))
            elif (order.get("status"), order.get("side")) == ("closed", side.lower()):
                found.add(order["id"])
        return found


def _at_binance(code: str) -> str:
    """A program of ccxt at MEXC, as it is at Binance."""
    lines = code.replace("ccxt.mexc(", "ccxt.binance(").replace('"mexc"', '"binance"').splitlines()
    for number, line in enumerate(lines):
        if line.startswith("exchange = ccxt.binance"):
            lines[number] += "\nexchange.options |= " + str(
                {
                    "fetchMarkets": {"types": ["spot"]},
                    "fetchCurrencies": False,
                    "fetchMargins": False,
                }
            )
    changed = "\n".join(lines) + "\n"
    changed = changed.replace('["spot"][side] = "http://127.0.0.1:8080"',
                              '[side] = "http://127.0.0.1:8080/api/v3"')  # fmt: skip
    return changed.replace('exchange.urls["api"]["contract"]["public"]', "_")


def _fill(said: dict[str, Any]) -> Fill | None:
    if "trade" in said:
        t = said["trade"]
        amount, price = Decimal(str(t["amount"])), Decimal(str(t["price"]))
        return Fill(t["id"], t["side"].upper(), amount, price)
    if said.get("x") == "TRADE":
        return Fill(str(said["t"]), said["S"], Decimal(said["l"]), Decimal(said["L"]))
    return None


def true_fills(exchange: Exchange, side: str | None = None) -> list[Fill]:
    """The fills that were published."""
    events = [line["event"] for line in exchange.truth()]
    found = [
        Fill(e["trade_id"], e["side"], Decimal(e["last_quantity"]), Decimal(e["last_price"]))
        for e in events
        if e.get("execution") == "TRADE"
    ]
    return [f for f in found if side in {None, f.side}]
