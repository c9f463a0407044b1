from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.market.floor import BUY, LISTINGS, SELL
from userstream.errors import InvalidSettings
from userstream.sandbox.market import STYLES, Style
from userstream.sandbox.market.prices import Reference, draw

STYLE = Style(price=Decimal(100), depth=Decimal(1), levels=3, step_bp=20, reach_bp=50)
TICK = Decimal("0.01")


def reference(seed: int = 1, style: Style = STYLE) -> Reference:
    return Reference(seed, "AB", style, TICK)


def test_draws_are_spread_and_repeat() -> None:
    drawn = [draw(1, 3, "x", n) for n in range(300)]
    assert drawn == [draw(1, 3, "x", n) for n in range(300)]
    assert {drawn.count(n) > 70 for n in range(3)} == {True}
    assert drawn != [draw(2, 3, "x", n) for n in range(300)]
    assert draw(1, 2**60, "a", "bc") != draw(1, 2**60, "ab", "c")


def test_levels_lie_around_the_price_at_equal_distances() -> None:
    assert [str(p) for p in reference().levels(BUY)] == ["99.90", "99.70", "99.50"]
    assert [str(p) for p in reference().levels(SELL)] == ["100.10", "100.30", "100.50"]


def test_a_step_shifts_the_levels_on_their_grid() -> None:
    one = reference()
    grid = {p for side in (BUY, SELL) for p in one.levels(side)}
    while one.price == 100:
        one.step()
    assert abs(one.price - 100) == Decimal("0.2")
    assert len({p for side in (BUY, SELL) for p in one.levels(side)} & grid) == 5


def test_the_price_strays_and_stays_near() -> None:
    one = reference()
    seen = set()
    for _ in range(3_000):
        one.step()
        seen.add(one.price)
    assert min(seen) == Decimal(95)
    assert max(seen) == Decimal(105)
    other = reference(seed=2)
    for _ in range(3_000):
        other.step()
    assert other.price != one.price


def test_the_price_can_be_set() -> None:
    one = reference()
    one.move_to(Decimal("50.00"))
    assert one.price == 50
    assert str(one.levels(SELL)[0]) == "50.05"


def test_a_tiny_price_has_few_bids() -> None:
    one = reference()
    one.move_to(Decimal("0.04"))
    assert [str(p) for p in one.levels(BUY)] == ["0.03", "0.01"]
    assert len(one.levels(SELL)) == 3


def test_reach() -> None:
    assert reference().reach() == (Decimal("99.5"), Decimal("100.5"))


@pytest.mark.parametrize(
    "wrong",
    [{"price": Decimal(0)}, {"depth": Decimal(-1)}, {"levels": 0}, {"step_bp": 51},
     {"reach_bp": 5_001}],
)  # fmt: skip
def test_a_style_that_cannot_be(wrong: dict[str, Any]) -> None:
    fields = {"price": Decimal(1), "depth": Decimal(1)} | wrong
    with pytest.raises(InvalidSettings, match=next(iter(wrong))):
        Style(**fields)


def test_every_symbol_of_the_sandbox_has_a_style_that_its_filters_allow() -> None:
    assert set(STYLES) == {listing.symbol for listing in LISTINGS}
    for listing in LISTINGS:
        style, filters = STYLES[listing.symbol], listing.filters
        assert style.price % filters.tick == 0
        assert filters.min_price < style.price < filters.max_price / 10
        assert 3 * style.depth < filters.max_quantity
        assert style.price * style.depth / style.levels > 1000 * filters.min_notional
