"""Order endpoints as a venue's document has them: what is asked for, and how it is answered.

A ``TradingDialect`` is a value like ``Venue``: endpoints with their parameters, and pure functions
that turn arguments into calls on a ``TradingAccount`` and its outcomes into the venue's bodies.
"""

from userstream.trading.account import TradingAccount
from userstream.trading.arguments import Arguments, Declined, Empty, Kind, Param
from userstream.trading.dialect import Endpoint, OrderLimit, Refusals, TradingDialect, with_orders

__all__ = [
    "Arguments",
    "Declined",
    "Empty",
    "Endpoint",
    "Kind",
    "OrderLimit",
    "Param",
    "Refusals",
    "TradingAccount",
    "TradingDialect",
    "with_orders",
]
