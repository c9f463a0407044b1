"""The sandbox's exchange: orders, fills and balances in exact decimals, and nothing else.

No I/O, no clock, no randomness: the time is an argument of every command, ids are counted. Each
command returns all events that it led to, as pairs of account and event.
"""

from userstream.orders import (
    Accepted,
    AccountEvent,
    FeeAsset,
    OrderRequest,
    OrderState,
    OrderType,
    Outcome,
    Reason,
    Refused,
    Side,
    TimeInForce,
    Trade,
)
from userstream.sandbox.exchange.exchange import Exchange, Quote
from userstream.sandbox.exchange.fees import FeeRule
from userstream.sandbox.exchange.filters import Filters, Listing
from userstream.sandbox.exchange.holders import History
from userstream.sandbox.exchange.matching import SelfTrade
from userstream.sandbox.exchange.rules import Rules

__all__ = [
    "Accepted",
    "AccountEvent",
    "Exchange",
    "FeeAsset",
    "FeeRule",
    "Filters",
    "History",
    "Listing",
    "OrderRequest",
    "OrderState",
    "OrderType",
    "Outcome",
    "Quote",
    "Reason",
    "Refused",
    "Rules",
    "SelfTrade",
    "Side",
    "TimeInForce",
    "Trade",
]
