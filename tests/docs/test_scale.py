"""What the page on scale says in words is what its tables say."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.docs import scale
from tests.docs.generate import SCALE
from tests.docs.snippets import ROOT


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
    renewals = scale.INPUTS["renewals_per_s"].value
    assert lost / renewals == pytest.approx(20, abs=2)
    assert "need 20 s for that in one cell" in page
    assert c.connections / renewals == pytest.approx(60, abs=5)
    assert "a whole cell needs a minute" in page
    asked = c.connections / scale.INPUTS["renew_every_s"].value
    assert renewals / asked == pytest.approx(30, abs=2)
    assert "Renewals are a thirtieth" in page
    mesh = scale.INPUTS["mesh"].value * scale.INPUTS["load"].value
    assert mesh / (scale.INPUTS["nats_us"].value / 1e6) == pytest.approx(1.2e6, rel=0.05)
    assert re.search(r"nine of 16 cores, half full, store 1\.2\s+million events a second", page)


def test_measured_inputs_are_those_of_the_run_that_the_page_on_performance_shows() -> None:
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    tables = page.partition("<!-- cluster: begin -->")[2].partition("<!-- cluster: end -->")[0]

    def measured(table: str, column: str) -> float:
        _, _, rest = tables.partition(f"**{table}**")
        head, _, *rows = rest.strip().splitlines()
        table_rows = itertools.takewhile(bool, rows)
        (row,) = [r for r in table_rows if "three nodes that sync always" in r]
        cells = [cell.strip() for cell in row.split("|")]
        text = cells[[cell.strip() for cell in head.split("|")].index(column)]
        return float(text.split(" ")[0].replace(",", ""))

    flat, lost = "Flat out: publisher, writer, NATS, edge, sockets", "A node is killed that writes"
    lost += " and has all sockets; accounts that are followed"
    appends = "Acknowledged publishes, one writer, accounts that nobody listens to"
    found = {
        "edge_us": 1e6 / measured(flat, "events per CPU-second of the edge"),
        "writer_us": measured(flat, "µs of the writer"),
        "nats_us": measured(flat, "µs of NATS"),
        "stream_per_s": measured(appends, "bare JetStream, one stream, acks/s"),
        "renewals_per_s": measured("Operations on listen keys a second, 200 in flight", "renew"),
        "follows_per_s": measured(lost, "sockets") / measured(lost, "all open at the other, s"),
    }
    for name, value in found.items():
        assert scale.INPUTS[name].value == pytest.approx(value, rel=0.005), name
    from_there = {n for n, i in scale.INPUTS.items() if "performance" in i.source}
    assert from_there == set(found)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.834, "0.83"), (20.04, "20"), (277.8, "278"), (2_330_168, "2.33 M"), (4.3e11, "430 G")],
)
def test_figures_have_the_digits_they_deserve(value: float, text: str) -> None:
    assert scale.shown(value) == text
