"""The tables of the servers on a NATS, their part of docs/performance.md, and its chart."""

from __future__ import annotations

from collections.abc import Iterator

from benches.chart import bars
from benches.cluster import PLACES
from benches.figures import Range, range_of
from benches.report import DOCS, machine, replace_block, span
from benches.trial import Row

_BLOCK = "cluster"
_PARTS = ("writer", "nats", "publisher")


class ClusterFigures:
    """What a run found, by place, phase and figure."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = [row for row in rows if "peer" in row]
        self.machine = next((r for r in rows if r["phase"] == "machine"), {})
        self.failed = [r for r in self._rows if r["phase"] == "failed"]
        present = {r["peer"] for r in self._rows if r["phase"] != "failed"}
        self.places = [place for name, place in PLACES.items() if name in present]

    def get(self, place: str, phase: str, name: str) -> Range | None:
        """The range of a figure, or ``None`` where it was not measured."""
        found = [r for r in self._rows if (r["peer"], r["phase"]) == (place, phase)]
        return range_of([r[name] for r in found if name in r])

    def paced(self) -> list[str]:
        """The phases with a rate, the lowest first."""
        found = {r["phase"] for r in self._rows if r["phase"].startswith("paced-")}
        return sorted(found, key=lambda phase: int(phase.removeprefix("paced-")))


def cluster_tables(rows: list[Row]) -> str:
    """Everything as Markdown."""
    f = ClusterFigures(rows)
    parts = [_edge(f), *_paced(f), _appends(f), _keys(f), _losses(f)]
    parts += [f"{r['peer']} failed: {r['error']}" for r in f.failed]
    return "\n\n".join(parts)


def _table(f: ClusterFigures, title: str, columns: dict[str, tuple[str, str, int]]) -> str:
    """A line a place; columns by phase and figure, with decimals."""
    lines = [
        f"**{title}**",
        "",
        f"| | {' | '.join(columns)} |",
        f"|---|{'--:|' * len(columns)}",
    ]
    for place in f.places:
        found = [f.get(place.name, phase, name) for phase, name, _ in columns.values()]
        if any(found):
            decimals = [places for _, _, places in columns.values()]
            cells = [span(value, n) for value, n in zip(found, decimals, strict=True)]
            lines.append(f"| {place.text} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _edge(f: ClusterFigures) -> str:
    return _table(
        f,
        "Flat out: publisher, writer, NATS, edge, sockets",
        {
            "events per CPU-second of the edge": ("flat-out", "per_cpu_s", 0),
            "events/s": ("flat-out", "per_s", 0),
            "µs of the writer": ("flat-out", "writer_us", 1),
            "µs of NATS": ("flat-out", "nats_us", 1),
        },
    )


def _paced(f: ClusterFigures) -> list[str]:
    return [
        _table(
            f,
            f"{int(phase.removeprefix('paced-')):,} events/s offered, publisher to socket, in µs",
            {
                "p50": (phase, "p50", 0), "p99": (phase, "p99", 0), "p99.9": (phase, "p999", 0),
                "max": (phase, "max", 0),
            },
        )
        for phase in f.paced()
    ]  # fmt: skip


def _appends(f: ClusterFigures) -> str:
    table = _table(
        f,
        "Acknowledged publishes, one writer, accounts that nobody listens to",
        {
            "acks/s": ("append", "per_s", 0),
            "µs of the writer": ("append", "writer_us", 1),
            "µs of NATS": ("append", "nats_us", 1),
            "µs of the publisher": ("append", "publisher_us", 1),
            "bare JetStream, one stream, acks/s": ("raw", "per_s", 0),
        },
    )
    return "\n\n".join([table, *_bounds(f)])


def _bounds(f: ClusterFigures) -> Iterator[str]:
    """What the machine's cores allow at most, by what an acknowledged event takes of them."""
    cores = f.machine.get("cores", 0)
    for place in f.places:
        parts = [f.get(place.name, "append", f"{part}_us") for part in _PARTS]
        if all(parts):
            took = sum(part.median for part in parts if part)
            yield (
                f"{place.text}: writer, NATS and publisher take {took:.0f} µs of CPU an event. So "
                f"{cores} cores that do nothing else allow {cores / took * 1e6:,.0f} acks/s."
            )


def _keys(f: ClusterFigures) -> str:
    return _table(
        f,
        "Operations on listen keys a second, 200 in flight",
        {
            "create": ("keys", "create", 0),
            "renew": ("keys", "renew", 0),
            "create, one at a time": ("keys", "create_alone", 0),
            "POST on A, found on B": ("keys", "across", 0),
        },
    )


def _losses(f: ClusterFigures) -> str:
    return _table(
        f,
        "A node is killed that writes and has all sockets; accounts that are followed",
        {
            "sockets": ("takeover", "sockets", 0),
            "all open at the other, s": ("takeover", "sockets_s", 1),
            "handshakes refused meanwhile": ("takeover", "refused", 0),
            "acknowledged again, s": ("takeover", "acks_s", 1),
            "10,000 accounts followed, s": ("follow", "s_per_10k", 2),
            "own CPU of each, µs": ("follow", "cpu_us", 0),
        },
    )


def write_cluster_report(rows: list[Row]) -> None:
    """Puts the figures of a run into docs/performance.md, and draws the chart."""
    f = ClusterFigures(rows)
    found = {p: r for p in f.places if (r := f.get(p.name, "append", "per_s"))}
    labels = [p.text.replace("*", "") for p in found]
    title = "Acknowledged publishes a second, one writer"
    chart = bars(title, labels, list(found.values()), [not p.peer for p in found])
    (DOCS / "img" / "cluster.svg").write_text(chart)
    replace_block(_BLOCK, f"{machine(f.machine)}\n\n{cluster_tables(rows)}")
