"""Events as an exchange may publish them, within what every dialect can say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from userstream.events import (
    EXECUTIONS,
    MAX_TIME_MS,
    SIDES,
    STATUSES,
    AccountSnapshot,
    AccountUpdate,
    Balance,
    CommissionRates,
    OrderUpdate,
    Permissions,
)
from userstream.markets import SANDBOX_MARKETS

PLACES = 8
"""Places that every venue shows; what lies beyond is cut and tested apart."""

# "null" and "NONE" are how Binance writes an absent id and reason.
words = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
words = words.filter(lambda w: w not in {"null", "NONE"})
ids = st.integers(0, 2**63 - 1).map(str)
times = st.integers(1, MAX_TIME_MS)
symbols = st.sampled_from(sorted(SANDBOX_MARKETS.symbols)) | words


@st.composite
def amounts(draw: st.DrawFn, places: int = PLACES) -> str:
    whole = draw(st.integers(0, 10**12))
    fraction = draw(st.text("0123456789", max_size=places))
    return f"{whole}.{fraction}" if fraction else str(whole)


def _optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def order_updates(draw: st.DrawFn) -> OrderUpdate:
    symbol = draw(symbols)
    price = amounts(SANDBOX_MARKETS.symbol(symbol).price_places)
    execution = draw(st.sampled_from(sorted(EXECUTIONS)))
    client_order_id = draw(_optional(words))
    fields: dict[str, Any] = {
        "symbol": symbol,
        "order_id": draw(ids),
        "side": draw(st.sampled_from(sorted(SIDES))),
        "status": draw(st.sampled_from(sorted(STATUSES))),
        "time_ms": draw(times),
        "execution": execution,
        "client_order_id": client_order_id,
        "cancel_client_order_id": draw(_optional(words)) if client_order_id else None,
        "order_type": draw(st.sampled_from(["LIMIT", "MARKET"])),
        "time_in_force": draw(_optional(st.sampled_from(["GTC", "IOC", "FOK"]))),
        "quantity": draw(amounts()),
        "cumulative_quantity": draw(amounts()),
        "price": draw(_optional(price)),
        "commission_asset": draw(_optional(words)),
        "reject_reason": draw(_optional(words)),
    }
    for name in ("quote_quantity", "stop_price", "iceberg_quantity", "cumulative_quote"):
        fields[name] = draw(_optional(amounts()))
    fields["commission"] = draw(_optional(amounts()))
    for name in ("maker", "self_trade", "working"):
        fields[name] = draw(_optional(st.booleans()))
    fields["created_ms"] = draw(_optional(times))
    if execution == "TRADE":
        fields["last_quantity"] = draw(amounts())
        fields["last_price"] = draw(price)
        fields["last_quote"] = draw(_optional(amounts()))
        fields["trade_id"] = draw(ids)
        fields["execution_id"] = draw(_optional(ids))
    return OrderUpdate(**fields)


@st.composite
def signed_amounts(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(["", "-"])) + draw(amounts())


_balances = st.lists(
    st.builds(
        Balance,
        asset=words,
        free=amounts(),
        locked=amounts(),
        free_change=_optional(signed_amounts()),
        locked_change=_optional(signed_amounts()),
    ),
    max_size=3,
    unique_by=lambda b: b.asset,
).map(tuple)
_rates = st.builds(
    CommissionRates,
    maker=st.integers(-100, 100),
    taker=st.integers(-100, 100),
    buyer=st.integers(-100, 100),
    seller=st.integers(-100, 100),
)
_account: dict[str, st.SearchStrategy[Any]] = {
    "time_ms": times,
    "balances": _balances,
    "cause": _optional(words),
    "permissions": _optional(st.builds(Permissions)),
    "commission_rates": _optional(_rates),
    "created_ms": _optional(times),
}
account_updates = st.builds(AccountUpdate, **_account)
account_snapshots = st.builds(AccountSnapshot, **_account)
events = order_updates() | account_updates | account_snapshots

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)
