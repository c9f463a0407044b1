"""The same exchange written as plainly as can be: lists, fractions, no book, no ledger.

One symbol. What an account has in all changes only with fills and fees; what is locked is
computed anew from the open orders each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from userstream.sandbox.exchange import FeeAsset, OrderRequest, Reason, Rules, SelfTrade

LOT = Fraction(1, 10)
BASE, QUOTE = "BTC", "USDT"


@dataclass(eq=False)
class Naive:
    """An order."""

    order_id: int
    account: str
    buys: bool
    request: OrderRequest
    quantity: Fraction
    price: Fraction | None
    stop: Fraction | None
    rank: int
    left: Fraction
    status: str = "NEW"
    spent: Fraction = Fraction(0)
    saved: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)
    rests: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is a stop that has not triggered."""
        return self.status == "NEW" and not self.rests

    @property
    def rising(self) -> bool:
        """Whether it is a stop that a rising price triggers."""
        return self.buys == self.request.order_type.startswith("STOP")


@dataclass
class NaiveExchange:
    """All of it. Everything is looked for in the list of all orders."""

    rules: Rules
    total: dict[tuple[str, str], Fraction] = field(default_factory=dict)
    orders: list[Naive] = field(default_factory=list)
    fills: list[tuple[int, int, Fraction, Fraction, Fraction, Fraction]] = field(
        default_factory=list
    )
    last: Fraction | None = None
    ranks: int = 0

    @property
    def open(self) -> list[Naive]:
        """The orders that may still change."""
        return [o for o in self.orders if o.status in {"NEW", "PARTIALLY_FILLED"}]

    def locked(self, account: str, asset: str) -> Fraction:
        """What the open orders of an account hold back."""
        own = [o for o in self.open if o.account == account]
        return sum((self._need(o) for o in own if (QUOTE if o.buys else BASE) == asset), Fraction())

    def free(self, account: str, asset: str) -> Fraction:
        """What is left."""
        return self.total.get((account, asset), Fraction()) - self.locked(account, asset)

    def place(self, account: str, request: OrderRequest) -> Reason | None:
        """Places an order on the tick and lot grids with all its fields."""
        order = self._made(account, request)
        named = [o.request.client_order_id for o in self.open if o.account == account]
        if request.client_order_id in named:
            return Reason.DUPLICATE_CLIENT_ORDER_ID
        against = self._against(order)
        if request.order_type == "LIMIT_MAKER" and against:
            return Reason.WOULD_TAKE
        if order.stop is not None and self.last is not None and self._reached(order, self.last):
            return Reason.WOULD_TRIGGER
        if order.price is None:
            if not against:
                return Reason.NO_COUNTER_ORDERS
            if request.quote_quantity is not None:
                order.left = order.quantity = self._worth(order, Fraction(request.quote_quantity))
                if not order.quantity:
                    return Reason.QUANTITY_TOO_LOW
        order.cost = self._cost(order)
        if self.free(account, QUOTE if order.buys else BASE) < order.cost:
            return Reason.INSUFFICIENT_BALANCE
        self.orders.append(order)
        queue = [order] if order.stop is None else []
        while queue:
            self._take(queue.pop(0), queue)
        return None

    def cancel(self, order: Naive) -> None:
        """Cancels an open order."""
        order.status = "PARTIALLY_CANCELED" if order.spent else "CANCELED"

    def _made(self, account: str, r: OrderRequest) -> Naive:
        self.ranks += 1
        quantity = Fraction(r.quantity or 0)
        return Naive(
            order_id=len(self.orders) + 1,
            account=account,
            buys=r.side == "BUY",
            request=r,
            quantity=quantity,
            price=None if r.price is None else Fraction(r.price),
            stop=None if r.stop_price is None else Fraction(r.stop_price),
            rank=self.ranks,
            left=quantity,
        )

    def _against(self, order: Naive) -> list[Naive]:
        """All that the order could meet, best first."""
        sign = 1 if order.buys else -1
        met = [
            (sign * other.price, other.rank, other)
            for other in self.open
            if other.rests
            and other.buys != order.buys
            and other.price is not None
            and (order.price is None or sign * other.price <= sign * order.price)
        ]
        return [other for _, _, other in sorted(met, key=lambda m: m[:2])]

    def _stops_at(self, order: Naive, other: Naive) -> bool:
        strict = self.rules.self_trade is SelfTrade.EXPIRE_TAKER
        return strict and order.account == other.account

    def _reachable(self, order: Naive) -> tuple[Fraction, Fraction]:
        left, cost = order.left, Fraction()
        for other in self._against(order):
            if self._stops_at(order, other):
                break
            part = min(left, other.left)
            left -= part
            cost += part * (other.price or 0)
        return order.left - left, cost

    def _worth(self, order: Naive, amount: Fraction) -> Fraction:
        bought, price = Fraction(), Fraction(1)
        for other in self._against(order):
            price = other.price or price
            part = floor(amount / price / LOT) * LOT
            if self._stops_at(order, other) or part <= other.left:
                break
            bought += other.left
            amount -= other.left * price
        return bought + floor(amount / price / LOT) * LOT

    def _cost(self, order: Naive) -> Fraction:
        if order.price is not None:
            return self._need(order)
        quantity, quote = self._reachable(order)
        return quote if order.buys else quantity

    def _need(self, order: Naive) -> Fraction:
        if order.price is None:
            return Fraction()
        return order.left * order.price + order.saved if order.buys else order.left

    def _reached(self, order: Naive, price: Fraction) -> bool:
        assert order.stop is not None
        return price >= order.stop if order.rising else price <= order.stop

    def _take(self, order: Naive, queue: list[Naive]) -> None:
        self.ranks += 1
        order.rank = self.ranks
        tif = order.request.time_in_force
        order.rests = True  # from here on it no longer waits
        ends = order.price is None or tif == "IOC"
        if tif == "FOK" and self._reachable(order)[0] < order.left:
            order.status = "EXPIRED"
            return
        while order.left and (against := self._against(order)):
            if self._stops_at(order, against[0]):
                ends = True
                break
            self._trade(order, against[0], queue)
        order.saved = Fraction()
        if order.left and ends:
            order.status = "EXPIRED"

    def _trade(self, taker: Naive, maker: Naive, queue: list[Naive]) -> None:
        quantity = min(taker.left, maker.left)
        assert maker.price is not None
        quote = quantity * maker.price
        charged = []
        for order, rate in ((taker, self.rules.fees.taker), (maker, self.rules.fees.maker)):
            order.left -= quantity
            order.spent += quote
            order.status = "PARTIALLY_FILLED" if order.left else "FILLED"
            if order is taker and order.buys and order.price is not None:
                order.saved += quantity * order.price - quote  # given back when it has matched
            sign = 1 if order.buys else -1
            self._add(order.account, BASE, sign * quantity)
            self._add(order.account, QUOTE, -sign * quote)
            charged.append(self._charge(order, quantity, quote, rate))
        self.fills.append(
            (taker.order_id, maker.order_id, maker.price, quantity, charged[0], charged[1])
        )
        self.last = maker.price
        hit = [o for o in self.open if o.waits and o not in queue and o is not taker]
        hit = [o for o in hit if o.stop is not None and self._reached(o, maker.price)]
        queue += sorted(hit, key=_nearest)

    def _charge(self, order: Naive, quantity: Fraction, quote: Fraction, rate: int) -> Fraction:
        in_quote = order.request.fee_asset is FeeAsset.QUOTE
        base = order.buys and not in_quote
        fee = (quantity if base else quote) * Fraction(rate, 10_000)
        if self.rules.fees.places is not None:
            step = 10**self.rules.fees.places
            fee = Fraction(ceil(fee * step), step)
        there = quantity if base else quote
        if order.buys and in_quote:
            there = self.free(order.account, QUOTE)
            if order.price is None:
                there -= order.cost - order.spent
        fee = min(fee, there)
        self._add(order.account, BASE if base else QUOTE, -fee)
        return fee

    def _add(self, account: str, asset: str, amount: Fraction) -> None:
        self.total[account, asset] = self.total.get((account, asset), Fraction()) + amount


def _nearest(order: Naive) -> tuple[bool, Fraction, int]:
    stop = order.stop or Fraction()
    return not order.rising, stop if order.rising else -stop, order.order_id
