"""How an exchange behaves: a value that never changes."""

from __future__ import annotations

import msgspec

from userstream.errors import InvalidSettings
from userstream.sandbox.exchange.fees import FeeRule
from userstream.sandbox.exchange.holders import History
from userstream.sandbox.exchange.matching import SelfTrade

LARGEST_ID = 2**53
"""Ids stay below, so that programs whose numbers are doubles read them right."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Fees, self-trades, rejections, bounds of memory, first ids.

    ``report_rejections`` gives each refused order an id and a REJECTED event; the order is not
    stored. Order ids and trade ids rise by one, across all symbols: lists of the
    whole account are paged by them.

    Raises:
        InvalidSettings: a first id is not from 1 to 2^52.
    """

    fees: FeeRule = FeeRule()
    self_trade: SelfTrade = SelfTrade.ALLOW
    report_rejections: bool = False
    history: History = History()
    first_order_id: int = 1
    first_trade_id: int = 1

    def __post_init__(self) -> None:
        for name in ("first_order_id", "first_trade_id"):
            if not 1 <= getattr(self, name) <= LARGEST_ID // 2:
                raise InvalidSettings(f"{name} is {getattr(self, name)}; allowed are 1 to 2^52")
