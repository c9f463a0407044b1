"""What the page on scale says in words is what its tables say."""

from __future__ import annotations

import math

import pytest

from tests.docs import scale
from tests.docs.generate import SCALE


def test_the_short_form_is_that_of_the_figures() -> None:
    page = SCALE.read_text("utf-8")
    ends = [row[1] for row in scale.one_cluster()]
    assert all(2 < float(end.removesuffix(" M")) < 3 for end in ends[:2])
    assert "that ends at two to three million connections" in page
    assert scale.INPUTS["connections"].value / scale.INPUTS["cell"].value == 20
    assert "twenty clusters of half a million" in page
    assert 900 < 20 * scale.cell().cores < 1_250
    assert "about a thousand cores" in page
    traffic = [float(row[1].replace(",", "")) for row in scale.cost() if "traffic" in row[0]]
    (whole,) = [float(row[1].replace(",", "")) for row in scale.cost() if "together" in row[0]]
    assert sum(traffic) > 0.8 * whole
    assert "Most\nof the money goes for traffic" in page


def test_the_words_on_a_cell_are_those_of_the_figures() -> None:
    page, c = SCALE.read_text("utf-8"), scale.cell()
    assert f"{2 * c.shards + 1} streams at once" in page
    assert (c.writers, c.shards // c.writers) == (8, 8)
    assert "with eight writers each has eight shards" in page
    lost = c.connections / 3
    assert math.ceil(lost / scale.INPUTS["renewals_per_s"].value) == pytest.approx(60, abs=10)
    mesh = 9 * 16 * scale.INPUTS["load"].value / (scale.INPUTS["nats_us"].value / 1e6)
    assert 0.8e6 < mesh < 1e6
    assert "store almost a million" in page


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.834, "0.83"), (20.04, "20"), (277.8, "278"), (2_330_168, "2.33 M"), (4.3e11, "430 G")],
)
def test_figures_have_the_digits_they_deserve(value: float, text: str) -> None:
    assert scale.shown(value) == text
