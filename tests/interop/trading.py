"""What every client does with an order, and how what it saw is held against the truth."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from tests.interop.driven import Driven
from tests.interop.exchange import Exchange

Said = dict[str, Any]
DEPOSIT = "25.5"


class Traded(NamedTuple):
    """What the client said of each step, and what then was published of its account."""

    limit: Said
    cancel: Said
    market: Said
    bad: Said
    look: Said
    truth: list[Said]

    @property
    def orders(self) -> list[Said]:
        """The order events of the truth."""
        return [t["event"] for t in self.truth if t["event"]["type"] == "order_update"]

    @property
    def fills(self) -> list[Said]:
        """Those of them that are fills."""
        return [o for o in self.orders if o["execution"] == "TRADE"]

    @property
    def balances(self) -> list[dict[str, tuple[Decimal, Decimal]]]:
        """Free and locked amounts of each account event of the truth."""
        return [
            {b["asset"]: (Decimal(b["free"]), Decimal(b["locked"])) for b in t["event"]["balances"]}
            for t in self.truth
            if t["event"]["type"] == "account_update"
        ]

    @property
    def held(self) -> dict[str, tuple[Decimal, Decimal]]:
        """What the account had of each asset that changed, after the last of them."""
        return {a: held for one in self.balances for a, held in one.items()}


def trade(client: Driven, exchange: Exchange) -> Traded:
    """Has a client trade.

    A limit order rests, is filled by 40 %, and its rest is canceled; a market order takes from
    several levels; an order for more than the account has is refused; a deposit comes.
    """
    limit = client.ask("limit")
    exchange.fill(limit["id"], "40")
    cancel, market, bad = (client.ask(word) for word in ("cancel", "market", "bad"))
    exchange.deposit("USDT", DEPOSIT)
    look = client.ask("look")
    traded = Traded(limit, cancel, market, bad, look, exchange.truth())
    check_story(traded)
    return traded


def trade_near(client: Driven, exchange: Exchange) -> list[Said]:
    """Has a client place an order near the market, of which the market maker takes 40 %.

    The client cancels the rest. Gives the whole truth.
    """
    exchange.take("40")
    order = str(client.ask("near")["id"])
    last = time.monotonic() + 20
    while _filled(exchange.truth(), order) != Decimal("0.02"):
        assert time.monotonic() < last, exchange.truth()[-1]
        time.sleep(0.1)
    assert client.ask("cancel")["answer"]["executedQty"] == "0.02000000"
    return exchange.truth()


def _filled(truth: Sequence[Said], order: str) -> Decimal:
    events = [line["event"] for line in truth]
    (*_, newest) = (e for e in events if e.get("order_id") == order)
    return Decimal(newest["cumulative_quantity"])


def check_story(traded: Traded) -> None:
    """The truth is what was asked for."""
    shown = [(o["execution"], o["status"]) for o in traded.orders]
    assert shown[:4] == [
        ("NEW", "NEW"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("CANCELED", "PARTIALLY_CANCELED"),
        ("NEW", "NEW"),
    ]
    assert shown[4:-1]  # one level was not enough
    assert set(shown[4:-1]) == {("TRADE", "PARTIALLY_FILLED")}
    assert shown[-1] == ("TRADE", "FILLED")
    own, taken = traded.orders[0]["order_id"], traded.orders[3]["order_id"]
    assert [o["order_id"] for o in traded.orders] == [own] * 3 + [taken] * len(shown[3:])
    assert str(traded.limit["id"]) == own
    assert Decimal(traded.fills[0]["last_quantity"]) == Decimal("0.02")
    assert traded.truth[-1]["event"]["cause"] == "DEPOSIT"


def check_fills(rows: Sequence[Said], fills: Sequence[Said]) -> None:
    """The fills that a client read, in the names that three venues share, are those it heard of."""
    assert [
        (str(r["id"]), str(r["orderId"]), Decimal(r["price"]), Decimal(r["qty"]),
         Decimal(r["commission"]), r["commissionAsset"], r["isMaker"])
        for r in rows
    ] == [
        (f["trade_id"], f["order_id"], Decimal(f["last_price"]), Decimal(f["last_quantity"]),
         Decimal(f["commission"]), f["commission_asset"], f["maker"])
        for f in fills
    ]  # fmt: skip


def check_balances(rows: Sequence[Said], traded: Traded) -> None:
    """The balances that a client read are the last that it heard of."""
    shown = {row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in rows}
    assert {asset: shown[asset] for asset in traded.held} == traded.held


def frames_of(truth: Sequence[Said]) -> list[Any]:
    """The venue's text frames of a truth, parsed."""
    return [json.loads(frame["text"]) for line in truth for frame in line["frames"]]


def check_clean(exchange: Exchange, frames: Sequence[object]) -> None:
    """A client's frames are the truth: nothing missing, doubled, reordered or invented."""
    report = exchange.verified(frames)
    assert report["clean"], report
    assert report["matched"] == report["truth"] == report["log"] > 8
