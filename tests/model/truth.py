"""What truly happened to an account, and what the venue's REST calls say of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from userstream.events import TERMINAL, AccountSnapshot, AccountUpdate, Balance, OrderUpdate
from userstream.venue import Ask, NoRows, NotThere, RepairInput, Rows, What

SYMBOL = "BTCUSDT"


class Truth:
    """Orders and fills of one account; each change gives the event that says so."""

    def __init__(self) -> None:
        self.orders: dict[str, OrderUpdate] = {}
        self.fills: list[OrderUpdate] = []
        self.free = "0"
        """BTC."""

    def account(self, now_ms: int) -> AccountSnapshot:
        """The whole account."""
        held = Balance(asset="BTC", free=self.free, locked="0")
        return AccountSnapshot(time_ms=now_ms, balances=(held,))

    def move(self, free: str, now_ms: int) -> AccountUpdate:
        self.free = free
        held = Balance(asset="BTC", free=free, locked="0", free_change="1", locked_change="0")
        return AccountUpdate(time_ms=now_ms, balances=(held,))

    @property
    def open(self) -> list[str]:
        return [i for i, o in self.orders.items() if o.status not in TERMINAL]

    def place(self, now_ms: int) -> OrderUpdate:
        order_id = str(len(self.orders) + 1)
        self.orders[order_id] = OrderUpdate(
            symbol=SYMBOL,
            order_id=order_id,
            side="BUY",
            status="NEW",
            execution="NEW",
            time_ms=now_ms,
            order_type="LIMIT",
            time_in_force="GTC",
            quantity="10",
            price="2",
            cumulative_quantity="0",
            cumulative_quote="0",
            client_order_id=f"c{order_id}",
            created_ms=now_ms,
        )
        return self.orders[order_id]

    def fill(self, order_id: str, now_ms: int) -> OrderUpdate:
        order = self.orders[order_id]
        filled = Decimal(order.cumulative_quantity or 0) + 1
        event = msgspec.structs.replace(
            order,
            status="FILLED" if filled == 10 else "PARTIALLY_FILLED",
            execution="TRADE",
            time_ms=now_ms,
            last_quantity="1",
            last_price="2",
            cumulative_quantity=str(filled),
            cumulative_quote=str(2 * filled),
            commission="0",
            trade_id=str(len(self.fills) + 1),
        )
        self.fills.append(event)
        self.orders[order_id] = msgspec.structs.replace(
            event, last_quantity=None, last_price=None, trade_id=None, execution=None
        )
        return event

    def cancel(self, order_id: str, now_ms: int) -> OrderUpdate:
        order = self.orders[order_id]
        self.orders[order_id] = msgspec.structs.replace(
            order, status="CANCELED", execution="CANCELED", time_ms=now_ms
        )
        return self.orders[order_id]

    def answer(self, asked: Ask, now_ms: int, *, fails: bool = False) -> RepairInput:
        """What the venue says at that moment."""
        if fails:
            return NoRows(asked.number, "HTTP 500")
        if asked.what is What.OPEN_ORDERS:
            return Rows(asked.number, orders=tuple(self._row(i) for i in self.open))
        if asked.what is What.ORDER:
            order_id = asked.order_id or ""
            if order_id not in self.orders:
                return NotThere(asked.number)
            return Rows(asked.number, orders=(self._row(order_id),))
        since = asked.since_ms or 0
        if asked.what is What.ORDERS:
            changed = [i for i, o in self.orders.items() if o.time_ms >= since]
            return Rows(asked.number, orders=tuple(map(self._row, changed)))
        if asked.what is What.FILLS:
            return Rows(
                asked.number,
                fills=tuple(
                    msgspec.structs.replace(
                        f, status="", cumulative_quantity=None, cumulative_quote=None
                    )
                    for f in self.fills
                    if f.time_ms >= since
                ),
            )
        return Rows(asked.number, account=self.account(now_ms))

    def _row(self, order_id: str) -> OrderUpdate:
        return msgspec.structs.replace(self.orders[order_id], execution=None)
