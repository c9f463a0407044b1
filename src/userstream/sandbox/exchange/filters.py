"""What the exchange lists, and what an order must keep to before the book is looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from userstream.errors import InvalidSettings
from userstream.orders import OrderRequest, OrderType, Reason, Refused, TimeInForce
from userstream.sandbox.exchange.amounts import (
    LARGEST,
    MAX_PLACES,
    ZERO,
    at_step,
    is_multiple,
    publishable,
    times,
)
from userstream.sandbox.exchange.fees import RATE_PLACES

if TYPE_CHECKING:
    from userstream.markets import Symbol

_CLIENT_ORDER_ID = re.compile(r"[\x21-\x7e]{1,64}")
_SHOWN_PLACES = 8
"""Places that a quote amount may always have: what most venues show."""
_PRICED: Final = ("quantity", "price")
_STOP: Final = ("quantity", "price", "stop_price")
_NEEDED: Mapping[OrderType, tuple[str, ...]] = MappingProxyType(
    {
        OrderType.LIMIT: _PRICED,
        OrderType.MARKET: (),
        OrderType.LIMIT_MAKER: _PRICED,
        OrderType.STOP_LOSS_LIMIT: _STOP,
        OrderType.TAKE_PROFIT_LIMIT: _STOP,
    }
)
_FIELDS: Final = ("quantity", "quote_quantity", "price", "stop_price", "time_in_force")
_LISTED: Final = (
    "tick", "lot", "min_price", "max_price", "min_quantity", "max_quantity", "min_notional",
    "max_notional",
)  # fmt: skip
_TIMED = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
_ALLOWED: Mapping[OrderType, frozenset[str]] = MappingProxyType(
    {kind: frozenset((*needed, "time_in_force")) if kind in _TIMED else frozenset(needed)
     for kind, needed in _NEEDED.items()}
    | {OrderType.MARKET: frozenset({"quantity", "quote_quantity"})}
)  # fmt: skip


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on orders of one symbol, all inclusive. Prices and notionals in quote.

    Prices are multiples of ``tick``, quantities of ``lot``. The notional is price times quantity;
    of a market order by quantity, the best counter price times quantity; of one by quote amount,
    that amount. ``max_open_orders`` counts per account.
    """

    tick: Decimal
    lot: Decimal
    min_price: Decimal = ZERO
    max_price: Decimal = Decimal(10) ** 9
    min_quantity: Decimal = ZERO
    max_quantity: Decimal = Decimal(10) ** 9
    min_notional: Decimal = ZERO
    max_notional: Decimal = LARGEST / 10
    max_open_orders: int = 1000


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol: what is traded for what, and its filters.

    Raises:
        InvalidSettings: tick or lot is not above zero, a bound is not what the publishing schema
            can show, or exact amounts of such steps would have more than 18 places.
    """

    symbol: str
    base: str
    quote: str
    filters: Filters

    def __post_init__(self) -> None:
        if self.base == self.quote:
            raise InvalidSettings(f"{self.symbol}: base and quote are both {self.base}")
        f = self.filters
        for name in ("tick", "lot"):
            if not getattr(f, name) > 0:
                raise InvalidSettings(f"{self.symbol}: {name} is {getattr(f, name)}, not above 0")
        largest = (f.max_price, f.max_quantity, f.max_price * f.max_quantity, f.max_notional)
        if max(largest) >= LARGEST:
            raise InvalidSettings(f"{self.symbol}: an order could be of 10^20 or more")
        if max(self.quote_places, _places(f.lot)) + RATE_PLACES > MAX_PLACES:
            raise InvalidSettings(
                f"{self.symbol}: fees of tick {f.tick} and lot {f.lot} need more than 18 places"
            )

    @classmethod
    def of(cls, symbol: Symbol, **bounds: Decimal | int) -> Listing:
        """The listing of a settings-table symbol; ``bounds`` are fields of Filters instead."""
        listed = {name: Decimal(getattr(symbol, name)) for name in _LISTED}
        filters = msgspec.convert({**listed, **bounds}, Filters)
        return cls(symbol=symbol.name, base=symbol.base, quote=symbol.quote, filters=filters)

    @property
    def quote_places(self) -> int:
        """Places that a quote amount can have."""
        return max(_SHOWN_PLACES, _places(self.filters.tick) + _places(self.filters.lot))


def _places(step: Decimal) -> int:
    return max(-int(step.as_tuple().exponent), 0)


def screen(listing: Listing, request: OrderRequest) -> OrderRequest | Refused:
    """The request with all defaults said and amounts at their steps, or what is wrong with it.

    Looks at the request and at nothing else: neither at balances nor at the book.
    """
    refused = _screen_fields(request) or _screen_amounts(listing, request)
    if refused is not None:
        return refused
    tick, lot = listing.filters.tick, listing.filters.lot
    timed = request.order_type in _TIMED
    return OrderRequest(
        symbol=request.symbol,
        side=request.side,
        order_type=request.order_type,
        quantity=_stepped(request.quantity, lot),
        quote_quantity=_cut(request.quote_quantity, listing),
        price=_stepped(request.price, tick),
        stop_price=_stepped(request.stop_price, tick),
        time_in_force=(request.time_in_force or TimeInForce.GTC) if timed else None,
        client_order_id=request.client_order_id,
        fee_asset=request.fee_asset,
    )


def _stepped(value: Decimal | None, step: Decimal) -> Decimal | None:
    return None if value is None else at_step(value, step)


def _cut(amount: Decimal | None, listing: Listing) -> Decimal | None:
    return None if amount is None else at_step(amount, _finest(listing))


def _screen_fields(request: OrderRequest) -> Refused | None:
    for name in _NEEDED[request.order_type]:
        if getattr(request, name) is None:
            return Refused(Reason.MISSING_FIELD, name)
    allowed = _ALLOWED[request.order_type]
    for name in _FIELDS:
        if name not in allowed and getattr(request, name) is not None:
            return Refused(Reason.FIELD_NOT_ALLOWED, name)
    if request.quantity is None and request.quote_quantity is None:
        return Refused(Reason.MISSING_FIELD, "quantity")
    if request.quantity is not None and request.quote_quantity is not None:
        return Refused(Reason.FIELD_NOT_ALLOWED, "quote_quantity")
    if not is_client_order_id(request.client_order_id):
        return Refused(Reason.BAD_CLIENT_ORDER_ID, "client_order_id")
    return None


def is_client_order_id(name: str | None) -> bool:
    """Whether an order may have that name, or none."""
    return name is None or _CLIENT_ORDER_ID.fullmatch(name) is not None


def _screen_amounts(listing: Listing, request: OrderRequest) -> Refused | None:
    filters = listing.filters
    refused = (
        _screen_price(filters, "price", request.price)
        or _screen_price(filters, "stop_price", request.stop_price)
        or _screen_quantity(filters, request.quantity)
    )
    if refused is not None:
        return refused
    if request.quote_quantity is not None:
        amount = request.quote_quantity
        if not publishable(amount) or not is_multiple(amount, _finest(listing)):
            return Refused(Reason.BAD_AMOUNT, "quote_quantity")
        return screen_notional(filters, amount)
    if request.price is None or request.quantity is None:
        return None
    return screen_notional(filters, times(request.price, request.quantity))


def _finest(listing: Listing) -> Decimal:
    return Decimal(1).scaleb(-listing.quote_places)


def _screen_price(filters: Filters, field: str, price: Decimal | None) -> Refused | None:
    if price is None:
        return None
    if not price.is_finite() or price <= 0:
        return Refused(Reason.BAD_AMOUNT, field)
    if price < filters.min_price:
        return Refused(Reason.PRICE_TOO_LOW, field)
    if price > filters.max_price:
        return Refused(Reason.PRICE_TOO_HIGH, field)
    if not is_multiple(price, filters.tick):
        return Refused(Reason.PRICE_OFF_TICK, field)
    return None


def _screen_quantity(filters: Filters, quantity: Decimal | None) -> Refused | None:
    if quantity is None:
        return None
    if not quantity.is_finite() or quantity <= 0:
        return Refused(Reason.BAD_AMOUNT, "quantity")
    if quantity < filters.min_quantity:
        return Refused(Reason.QUANTITY_TOO_LOW, "quantity")
    if quantity > filters.max_quantity:
        return Refused(Reason.QUANTITY_TOO_HIGH, "quantity")
    if not is_multiple(quantity, filters.lot):
        return Refused(Reason.QUANTITY_OFF_LOT, "quantity")
    return None


def screen_notional(filters: Filters, notional: Decimal) -> Refused | None:
    """Whether an order of that worth in quote is too small or too large."""
    if notional < filters.min_notional:
        return Refused(Reason.NOTIONAL_TOO_LOW)
    if notional > filters.max_notional:
        return Refused(Reason.NOTIONAL_TOO_HIGH)
    return None
