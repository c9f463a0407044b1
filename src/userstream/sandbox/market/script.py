"""The script of a test: commands to the market, as values that a file or a port can hold."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from decimal import Decimal
from itertools import islice
from typing import NamedTuple, TypeAlias

import msgspec

from userstream.errors import BadCommand
from userstream.events import TERMINAL, OrderUpdate
from userstream.orders import (
    AccountEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Reason,
    Refused,
    Side,
)
from userstream.sandbox.exchange.amounts import at_step, minus, plus, publishable, text
from userstream.sandbox.market.maker import HOUSE, MAKER, Maker
from userstream.sandbox.market.takings import WHOLE, share

REASONS = frozenset(Reason) - {
    Reason.UNKNOWN_ACCOUNT,
    Reason.DUPLICATE_ACCOUNT,
    Reason.UNKNOWN_SYMBOL,
    Reason.UNKNOWN_ASSET,
    Reason.BAD_CLIENT_ORDER_ID,
    Reason.WITHDRAWALS_DISABLED,
    Reason.DEPOSITS_DISABLED,
    Reason.UNKNOWN_ORDER,
    Reason.ORDER_FINISHED,
}
"""What an order can be rejected for."""
MOST_REJECTIONS = 10_000
_FIELDS = {
    "side": "BUY and SELL",
    "reason": ", ".join(sorted(REASONS)),
    "price": "decimals",
    "percent": "decimals from 0 to 100",
    "count": f"whole numbers from 1 to {MOST_REJECTIONS}",
}
_SHOWN = 20


class _Command(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag=str.lower
):
    pass


class Fill(_Command, frozen=True, kw_only=True):
    """Fill so many percent of an order's quantity, at most what is left of it.

    The order is its id (a number) or its client order id (text).
    """

    account: str
    order: int | str
    percent: Decimal = WHOLE


class Sweep(_Command, frozen=True, kw_only=True):
    """Buy or sell all that clients offer up to a price, and move the market there."""

    symbol: str
    side: Side
    price: Decimal


class Reject(_Command, frozen=True, kw_only=True):
    """Reject the next orders of an account."""

    account: str
    count: int = 1
    reason: Reason = Reason.REJECTED


class Pause(_Command, frozen=True, kw_only=True):
    """Let the house withdraw from a symbol, or from all."""

    symbol: str | None = None


class Resume(_Command, frozen=True, kw_only=True):
    """Let the house trade a symbol again, or all."""

    symbol: str | None = None


class Take(_Command, frozen=True, kw_only=True):
    """Let the house fill only so many percent of orders, of an account, on a symbol, or of all."""

    percent: Decimal
    account: str | None = None
    symbol: str | None = None


Command: TypeAlias = Fill | Sweep | Reject | Pause | Resume | Take


class Filled(NamedTuple):
    """How much of a client's order a command filled."""

    account: str
    order_id: int
    quantity: Decimal


class Done(NamedTuple):
    """What a command led to, and whose orders it filled, in the order of filling."""

    events: tuple[AccountEvent, ...] = ()
    filled: tuple[Filled, ...] = ()


def command_of(raw: object) -> Command:
    """The command that a JSON object stands for, such as ``{"do": "fill", ...}``.

    Raises:
        BadCommand: it stands for none; the message names the field and what is allowed.
    """
    try:
        command: Command = msgspec.convert(raw, Command)
    except msgspec.ValidationError as e:
        raise BadCommand(f"{e}; {_allowed(str(e))}") from None
    return command


def _allowed(problem: str) -> str:
    """What a field may be, or which commands there are."""
    field = re.search(r"at `\$\.(\w+)`", problem)
    if field is not None and field[1] in _FIELDS:
        return f"allowed are {_FIELDS[field[1]]}"
    known = ", ".join(one.__struct_config__.tag for one in Command.__args__)
    return f"commands are {known}"


class Script:
    """Carries out commands, and remembers what is still to be rejected."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._exchange = maker.exchange
        self._rejections: dict[str, deque[Reason]] = defaultdict(deque)

    def run(self, command: Command, now_ms: int) -> Done:
        """Carries a command out.

        Raises:
            BadCommand: it cannot be; nothing changed, and the message says what is allowed.
        """
        match command:
            case Fill():
                events = self._fill(command, now_ms)
            case Sweep():
                events = self._sweep(command, now_ms)
            case Reject():
                self._reject(command)
                events = []
            case Pause(symbol=symbol):
                events = [e for s in self._traded(symbol) for e in self._maker.pause(s, now_ms)]
            case Resume(symbol=symbol):
                events = [e for s in self._traded(symbol) for e in self._maker.resume(s, now_ms)]
            case _:
                self._take(command, now_ms)
                events = []
        return Done(tuple(events), _filled(events))

    def rejection(self, account: str) -> Reason | None:
        """Why the next order of the account is to be rejected, if it is."""
        waiting = self._rejections.get(account)
        return waiting[0] if waiting else None

    def rejected(self, account: str) -> None:
        """Counts a rejection."""
        self._rejections[account].popleft()

    def _fill(self, command: Fill, now_ms: int) -> list[AccountEvent]:
        self._known(command.account)
        _percent(command.percent, least=False)
        order = self._exchange.order(command.account, command.order)
        if order is None or order.status in TERMINAL or not order.working:
            raise BadCommand(
                f"order {command.order!r} of {command.account} {_why_not(order)}; allowed are "
                f"orders on the book: {self._on_the_book(command.account)}"
            )
        lot = self._exchange.listings[order.symbol].filters.lot
        quantity = share(order.quantity, command.percent, lot)
        if not quantity:
            raise BadCommand(
                f"{command.percent} % of {text(order.quantity)} is less than one lot, {text(lot)}"
            )
        left = minus(order.quantity, order.cumulative_quantity)
        return self._maker.fill(order, min(quantity, left), now_ms)

    def _sweep(self, command: Sweep, now_ms: int) -> list[AccountEvent]:
        symbol, side, price = command.symbol, command.side, command.price
        self._traded(symbol)
        filters = self._exchange.listings[symbol].filters
        refused = self._refuses(symbol, price, filters.min_quantity)
        if refused is None or refused.field != "price":
            refused = self._refuses(symbol, price, self._maker.least(symbol, price))
        if refused is not None:
            raise BadCommand(
                f"price is {price}: {refused.reason}; allowed are multiples of {filters.tick} "
                f"from {filters.min_price} to {filters.max_price} at which there can be orders"
            )
        bounds = [self._maker.price(symbol)]
        clients = (o for o in self._exchange.resting(symbol, side) if o.account not in HOUSE)
        bounds += [o.price for o in islice(clients, 1) if o.price is not None]
        rises = side is Side.BUY
        bound = max(bounds) if rises else min(bounds)
        if price <= bound if rises else price >= bound:
            raise BadCommand(
                f"price is {text(price)}; a sweep that {'buys' if rises else 'sells'} "
                f"goes to a price {'above' if rises else 'below'} {text(bound)}"
            )
        return self._maker.sweep(symbol, side, at_step(price, filters.tick), now_ms)

    def _refuses(self, symbol: str, price: Decimal, quantity: Decimal) -> Refused | None:
        asked = OrderRequest(
            symbol=symbol,
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            quantity=quantity,
            price=price,
        )
        return self._exchange.check(MAKER, asked)

    def _reject(self, command: Reject) -> None:
        self._known(command.account)
        if not 1 <= command.count <= MOST_REJECTIONS:
            raise BadCommand(f"count is {command.count}; allowed are 1 to {MOST_REJECTIONS}")
        if command.reason not in REASONS:
            raise BadCommand(
                f"reason is {command.reason}; allowed are {', '.join(sorted(REASONS))}"
            )
        self._rejections[command.account].extend([command.reason] * command.count)

    def _take(self, command: Take, now_ms: int) -> None:
        _percent(command.percent, least=True)
        if command.account is not None:
            self._known(command.account)
        if command.symbol is not None:
            self._traded(command.symbol)
        self._maker.take_percent(command.percent, command.account, command.symbol, now_ms)

    def _known(self, account: str) -> None:
        accounts = [name for name in self._exchange.accounts() if name not in HOUSE]
        if account not in accounts:
            raise BadCommand(f"account is {account!r}; allowed are {', '.join(accounts)}")

    def _traded(self, symbol: str | None) -> tuple[str, ...]:
        symbols = self._maker.symbols
        if symbol is None:
            return symbols
        if symbol not in symbols:
            allowed = ", ".join(symbols) or "none: the market maker trades no pair"
            raise BadCommand(f"symbol is {symbol!r}; allowed are {allowed}")
        return (symbol,)

    def _on_the_book(self, account: str) -> str:
        working = (str(o.order_id) for o in self._exchange.open_orders(account) if o.working)
        return ", ".join(islice(working, _SHOWN)) or "there are none"


def _why_not(order: OrderState | None) -> str:
    if order is None:
        return "is not known"
    return f"is {order.status}" if order.status in TERMINAL else "waits for its stop price"


def _percent(percent: Decimal, *, least: bool) -> None:
    shown = publishable(percent)
    if shown is None or shown > WHOLE or (not shown and not least):
        allowed = "0 to 100" if least else "above 0 to 100"
        raise BadCommand(f"percent is {percent}; allowed are {allowed}, in 18 places at most")


def _filled(events: list[AccountEvent]) -> tuple[Filled, ...]:
    sums: dict[tuple[str, int], Decimal] = {}
    for account, event in events:
        if isinstance(event, OrderUpdate) and event.execution == "TRADE" and account not in HOUSE:
            key = account, int(event.order_id)
            sums[key] = plus(sums.get(key, Decimal(0)), Decimal(event.last_quantity or 0))
    return tuple(Filled(*key, quantity) for key, quantity in sums.items())
