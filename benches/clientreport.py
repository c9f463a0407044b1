"""The tables of a run of clients, and their part of docs/performance.md with its chart."""

from __future__ import annotations

from typing import Any

from benches.chart import bars
from benches.clients import CLIENTS, VENUES
from benches.figures import Range, range_of
from benches.report import DOCS, machine, replace_block, span

REFERENCE, REFERENCE_VENUE = "python-binance", "binance"
_BLOCK = "clients"
Row = dict[str, Any]


class ClientFigures:
    """What a run found, by client, phase and figure."""

    def __init__(self, rows: list[Row]) -> None:
        self.machine = next((r for r in rows if r["phase"] == "machine"), {})
        self.failed = [r for r in rows if r["phase"] == "failed"]
        self._rows: dict[tuple[str, str], dict[int, Row]] = {}
        for row in rows:
            if row["phase"] not in {"machine", "failed"}:
                self._rows.setdefault((row["peer"], row["phase"]), {})[row["repetition"]] = row
        present = {name for name, _ in self._rows}
        self.clients = [c for c in CLIENTS.values() if c.name in present]

    def get(self, client: str, phase: str, name: str) -> Range | None:
        """The range of a figure, or ``None`` where it was not measured."""
        return range_of([r[name] for r in self._rows.get((client, phase), {}).values()])

    def ratio(self, client: str) -> Range | None:
        """Of python-binance's events per CPU-second in the same repetition, at Binance."""
        reference = self._rows.get((REFERENCE, REFERENCE_VENUE), {})
        found = self._rows.get((client, REFERENCE_VENUE), {})
        name = "per_cpu_s"
        return range_of([r[name] / reference[i][name] for i, r in found.items() if i in reference])

    def paced(self) -> list[str]:
        """The phases in which delays were taken."""
        found = {phase for _, phase in self._rows if "-paced-" in phase}
        return sorted(found, key=lambda p: (p.split("-")[0], int(p.rsplit("-", 1)[1])))


def client_tables(rows: list[Row]) -> str:
    """Everything as Markdown."""
    f = ClientFigures(rows)
    parts = [_throughput(f), *(_latency(f, phase) for phase in f.paced())]
    parts += [f"{r['peer']} failed: {r['error']}" for r in f.failed]
    return "\n\n".join(parts)


def _throughput(f: ClientFigures) -> str:
    lines = [
        "**Messages decoded and delivered per CPU-second of the client**",
        "",
        f"| | {' | '.join(VENUES)} | of python-binance, at Binance |",
        f"|---|{'--:|' * (len(VENUES) + 1)}",
    ]
    for client in f.clients:
        cells = [span(f.get(client.name, venue, "per_cpu_s")) for venue in VENUES]
        lines.append(f"| {client.text} | {' | '.join(cells)} | {span(f.ratio(client.name), 2)} |")
    return "\n".join(lines)


def _latency(f: ClientFigures, phase: str) -> str:
    venue, _, rate = phase.split("-")
    lines = [
        f"**{venue}, {int(rate):,} messages/s offered, from the venue to the handler, in µs**",
        "",
        "| | p50 (min–max) | p99 | p99.9 | max | longest pause |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for client in f.clients:
        p50 = f.get(client.name, phase, "p50")
        if p50 is not None:
            names = ("p99", "p999", "max", "pause")
            cells = [f"{r.median:,.0f}" for n in names if (r := f.get(client.name, phase, n))]
            lines.append(f"| {client.text} | {span(p50)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_client_report(rows: list[Row]) -> None:
    """Puts the figures of a run into docs/performance.md, and draws the chart."""
    f = ClientFigures(rows)
    all_found = {c: f.get(c.name, REFERENCE_VENUE, "per_cpu_s") for c in f.clients if c.decodes}
    found = {c: figure for c, figure in all_found.items() if figure}
    order = sorted(found, key=lambda c: -found[c].median)
    labels = [c.text.replace("*", "").replace("`", "") for c in order]
    title = "Binance's messages decoded and delivered per CPU-second"
    chart = bars(title, labels, [found[c] for c in order], [c.is_ours for c in order])
    (DOCS / "img" / "clients.svg").write_text(chart)
    replace_block(_BLOCK, f"{machine(f.machine)}\n\n{client_tables(rows)}")
