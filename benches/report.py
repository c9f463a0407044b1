"""The tables of a run, and docs/performance.md with its chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benches.chart import bars
from benches.figures import Figures, Range
from benches.peers import PEERS

DOCS = Path(__file__).parent.parent / "docs"
Row = dict[str, Any]


def table(rows: list[Row]) -> str:
    """Everything as Markdown."""
    f = Figures(rows)
    parts = [_throughput(f), _latency(f), _connections(f), _append(f)]
    parts += [f"{r['peer']} failed: {r['error']}" for r in f.failed]
    return "\n\n".join(p for p in parts if p)


def _throughput(f: Figures) -> str:
    lines = [
        f"**Flat out, {f.connections:,} connections**",
        "",
        "| | events per server CPU-second | of the C program | events/s |",
        "|---|--:|--:|--:|",
    ]
    for peer in sorted(f.peers, key=lambda p: -_median(f.get(p, "flat-out", "per_cpu_s"))):
        per_cpu = span(f.get(peer, "flat-out", "per_cpu_s"))
        ratio = span(f.ratio(peer, "flat-out", "per_cpu_s"), 2)
        lines.append(
            f"| {PEERS[peer].text} | {per_cpu} | {ratio} | "
            f"{_one(f.get(peer, 'flat-out', 'per_s'))} |"
        )
    return "\n".join(lines)


def _latency(f: Figures) -> str:
    tables = []
    for rate in f.paced():
        phase = f"paced-{rate}"
        lines = [
            f"**{rate:,} events/s offered, publisher to socket, in microseconds**",
            "",
            "| | p50 (min–max) | p99 | p99.9 | max | server CPU per event |",
            "|---|--:|--:|--:|--:|--:|",
        ]
        for peer in f.peers:
            p50, per_cpu = f.get(peer, phase, "p50"), f.get(peer, phase, "per_cpu_s")
            if p50 is None or per_cpu is None:
                lines.append(f"| {PEERS[peer].text} | cannot keep up | | | | |")
                continue
            tail = " | ".join(_one(f.get(peer, phase, name)) for name in ("p99", "p999", "max"))
            lines.append(
                f"| {PEERS[peer].text} | {span(p50)} | {tail} | {1e6 / per_cpu.median:.0f} |"
            )
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _connections(f: Figures) -> str:
    lines = [
        "**Connections**",
        "",
        "| | KiB per idle connection | with account and key | handshakes/s | CPU of one, µs |",
        "|---|--:|--:|--:|--:|",
    ]
    for peer in f.peers:
        whole = f.get(peer, "idle", "kib_with_account_and_key") if PEERS[peer].is_ours else None
        lines.append(
            f"| {PEERS[peer].text} | {_one(f.get(peer, 'idle', 'kib_per_connection'), 1)} | "
            f"{_one(whole, 1)} | {span(f.get(peer, 'setup', 'handshakes_per_s'))} | "
            f"{_one(f.get(peer, 'setup', 'handshake_cpu_us'))} |"
        )
    return "\n".join(lines)


def _append(f: Figures) -> str:
    ours = [p for p in f.peers if PEERS[p].is_ours and f.get(p, "append", "per_s")]
    if not ours:
        return ""
    lines = [
        "**Acknowledged publishes, accounts that nobody listens to**",
        "",
        "| | acks/s | acks per server CPU-second |",
        "|---|--:|--:|",
    ]
    lines += [
        f"| {PEERS[p].text} | {span(f.get(p, 'append', 'per_s'))} | "
        f"{_one(f.get(p, 'append', 'per_cpu_s'))} |"
        for p in ours
    ]
    return "\n".join(lines)


def write_report(rows: list[Row]) -> None:
    """Puts the figures of a run into docs/performance.md, and draws the chart."""
    f = Figures(rows)
    found = {p: r for p in f.peers if (r := f.get(p, "flat-out", "per_cpu_s"))}
    order = sorted(found, key=lambda p: -found[p].median)
    labels = [PEERS[p].text.replace("*", "").replace("`", "") for p in order]
    title = f"Events per server CPU-second, {f.connections:,} connections"
    ours = [PEERS[p].is_ours for p in order]
    chart = DOCS / "img" / "performance.svg"
    chart.write_text(bars(title, labels, [found[p] for p in order], ours))
    replace_block("bench", f"{machine(f.machine)}\n\n{table(rows)}")


def replace_block(name: str, text: str) -> None:
    """Puts figures between the marks of that name in docs/performance.md."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    page = DOCS / "performance.md"
    head, rest = page.read_text().split(begin)
    page.write_text(f"{head}{begin}{text}\n{end}{rest.split(end)[1]}")


def machine(m: Row) -> str:
    """Where and with what it was measured."""
    versions = "; ".join(text.replace("\n", ", ") for text in m["versions"].values())
    return (
        f"{m['date']}, {m['cpu']}, {m['cores']} virtual cores, Linux {m['kernel']}, durable folder "
        f"on {m['file_system']}; {m['repetitions']} repetitions of {m['seconds']} s a figure. "
        f"Python {versions}."
    )


def _median(found: Range | None) -> float:
    return found.median if found else 0.0


def _one(found: Range | None, places: int = 0) -> str:
    return "–" if found is None else f"{found.median:,.{places}f}"


def span(found: Range | None, places: int = 0) -> str:
    """The median, and the least and the most."""
    if found is None:
        return "–"
    least, most = f"{found.least:,.{places}f}", f"{found.most:,.{places}f}"
    return f"{_one(found, places)} ({least}–{most})"
