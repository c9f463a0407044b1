"""Keys of Binance's trades in the editions before 2020. Doc: rest-api.md, CHANGELOG.md."""

from __future__ import annotations

import pytest

from tests.venues.trading.counter import Counter
from tests.venues.trading.test_binance import MARKET, ORDER


@pytest.mark.parametrize(("level", "first"), [(2017, ["id"]), (2018, ["symbol", "id"])])
def test_a_trade_has_the_keys_of_its_edition(level: int, first: list[str]) -> None:
    counter = Counter("binance", level=level)
    counter.rest("SELL", "1", "40000")
    counter.call("POST", ORDER, **MARKET)
    (trade,) = counter.call("GET", "/api/v3/myTrades", symbol="BTCUSDT")
    assert list(trade) == [
        *first, "orderId", "price", "qty", "commission", "commissionAsset", "time", "isBuyer",
        "isMaker", "isBestMatch",
    ]  # fmt: skip
