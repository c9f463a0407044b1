"""The report of a soak: a page with its figures and charts, and the same for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from html import escape
from itertools import accumulate, cycle, pairwise
from typing import Any

from tests.reliability.cluster.home import NODE
from tests.reliability.server.pairs import percentile
from tests.reliability.soak.chart import Series, lines
from tests.reliability.soak.run import Round, Soak
from tests.reliability.soak.samples import Sample

_BLUE, _ORANGE, _GREEN = "#1f6feb", "#bc4c00", "#1a7f37"
_COLOURS = (_GREEN, _BLUE, _ORANGE, "#8250df", "#9a6700", "#bf3989", "#57606a")
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#24292f;
max-width:980px;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.25rem .8rem;border-bottom:1px solid #d8dee4;text-align:right}
td:first-child,th:first-child{text-align:left}
.failed{color:#cf222e;font-weight:600}
svg{width:100%;margin:.6rem 0}
"""


def figures(soak: Soak) -> dict[str, Any]:
    """Everything of a run as JSON has it."""
    return {
        "passed": soak.passed,
        "place": soak.place.words,
        "plan": dataclasses.asdict(soak.plan),
        "events": sum(r.events for r in soak.rounds),
        "key_calls": dict(soak.calls),
        "troubles": [_trouble(name, rounds) for name, rounds in _by_trouble(soak).items()],
        "rounds": [dataclasses.asdict(r) | {"counts": r.counts._asdict()} for r in soak.rounds],
        "scenarios": [dataclasses.asdict(s) for s in soak.scenarios],
        "samples": [dataclasses.asdict(s) for s in soak.samples],
    }


def page(soak: Soak) -> str:
    """The report as one file of HTML."""
    plan = soak.plan
    verdict = "passed" if soak.passed else "FAILED"
    head = (
        f"{soak.place.words}: {len(soak.rounds)} troubles, "
        f"{sum(r.events for r in soak.rounds):,} acknowledged events, "
        f"{plan.clients:,} bots, {plan.per_s:,} events/s, "
        f"{sum(s.gaps for s in soak.samples):,} gaps told"
    )
    calls = ", ".join(f"{count:,} {what}" for what, count in sorted(soak.calls.items()))
    rows = [_row(_trouble(name, rounds)) for name, rounds in _by_trouble(soak).items()]
    errors = [
        f'<p class="failed">{r.trouble} at {r.at_s:.0f} s: {escape(r.error or str(r.counts))}</p>'
        for r in soak.rounds
        if not r.passed
    ]
    columns = ("trouble", "times", "missing", "duplicated", "reordered", "foreign")
    more = ("publishing stood, max", "streams ended", "live again, p50", "p99", "max")
    return "\n".join([
        "<!doctype html>",
        f'<html lang="en"><meta charset="utf-8"><title>Soak: {verdict}</title>',
        f"<style>{_STYLE}</style>",
        f"<h1{'' if soak.passed else ' class=failed'}>Soak: {verdict}</h1>",
        f"<p>{head}</p>",
        f"<p>Listen keys of other programs: {calls or 'none was used'}</p>",
        *errors,
        f"<table><tr>{''.join(f'<th>{c}</th>' for c in (*columns, *more))}</tr>",
        *rows,
        "</table>",
        *_charts(soak),
        *_scenarios(soak),
        "</html>",
        "",
    ])  # fmt: skip


def _scenarios(soak: Soak) -> list[str]:
    if not soak.scenarios:
        return []
    rows = [
        f"<tr{'' if s.outcome in ('passed', 'skipped') else ' class=failed'}>"
        f"<td>{escape(s.name)}</td><td>{s.outcome}</td><td>{s.took_s:,.0f} s</td>"
        f"<td>{escape(s.why[:300])}</td></tr>"
        for s in soak.scenarios
    ]
    head = "<tr><th>scenario at full size</th><th>outcome</th><th>took</th><th></th></tr>"
    return ["<table>", head, *rows, "</table>"]


def _charts(soak: Soak) -> list[str]:
    samples = soak.samples
    times_s = [s.at_s for s in samples]
    marks = [(r.at_s, r.trouble) for r in soak.rounds]

    def chart(title: str, *series: Series, logarithmic: bool = False) -> str:
        return lines(title, times_s, series, marks, logarithmic=logarithmic)

    return [
        chart(
            "Publisher to bot, ms, outages included (red: a trouble begins)",
            Series("p50", _BLUE, [s.p50_ms for s in samples]),
            Series("p99", _ORANGE, [s.p99_ms for s in samples]),
            logarithmic=True,
        ),
        chart(
            "Events a second",
            Series("acknowledged", _BLUE, _per_s(times_s, [s.acknowledged for s in samples])),
            Series("delivered", _GREEN, _per_s(times_s, [s.delivered for s in samples])),
            logarithmic=True,
        ),
        chart(
            "Queues, KiB",
            Series("not yet committed", _BLUE, _kib([s.append_queue_bytes for s in samples])),
            Series("for slow bots", _ORANGE, _kib([s.outbox_bytes for s in samples])),
        ),
        *(chart(title, *series) for title, series in _memory(samples)),
        chart("Open streams", Series("streams", _BLUE, [s.sockets for s in samples])),
        chart("Gaps told, in all", Series("gaps", _ORANGE, [*accumulate(s.gaps for s in samples)])),
    ]


def _per_s(times_s: Sequence[float], counts: Sequence[int]) -> list[float]:
    """Of counts between samples, some of which are late."""
    spans_s = [later - first for first, later in pairwise((0.0, *times_s))]
    return [count / max(span_s, 0.1) for count, span_s in zip(counts, spans_s, strict=True)]


def _memory(samples: Sequence[Sample]) -> list[tuple[str, list[Series]]]:
    """Of each process; where it did not run, there is a hole."""
    every = sorted({name for s in samples for name in s.resident_mib})
    charts = []
    for whose, of_nats in (("the server's processes", False), ("nodes of NATS", True)):
        names = [name for name in every if name.startswith(NODE) is of_nats]
        series = [
            Series(name, colour, [s.resident_mib.get(name) for s in samples])
            for name, colour in zip(names, cycle(_COLOURS), strict=False)
        ]
        if series:
            charts.append((f"Memory of {whose}, MiB", series))
    return charts


def _kib(sizes: Sequence[float | None]) -> list[float | None]:
    return [None if size is None else size / 1024 for size in sizes]


def _by_trouble(soak: Soak) -> dict[str, list[Round]]:
    found: dict[str, list[Round]] = {}
    for r in soak.rounds:
        found.setdefault(r.trouble, []).append(r)
    return found


def _trouble(name: str, rounds: Sequence[Round]) -> dict[str, Any]:
    returns_s = [s for r in rounds for s in r.returns_s]
    p50_s, p99_s = (percentile(returns_s, p) if returns_s else None for p in (50, 99))
    return {
        "trouble": name,
        "times": len(rounds),
        "missing": sum(r.counts.missing for r in rounds),
        "duplicated": sum(r.counts.duplicated for r in rounds),
        "reordered": sum(r.counts.reordered for r in rounds),
        "foreign": sum(r.counts.foreign for r in rounds),
        "stood_s": max(r.stood_s for r in rounds),
        "ended": len(returns_s),
        "p50_s": p50_s,
        "p99_s": p99_s,
        "max_s": max(returns_s, default=None),
    }


def _row(found: dict[str, Any]) -> str:
    cells = [
        "–" if value is None else f"{value:.2f} s" if isinstance(value, float) else f"{value:,}"
        for value in list(found.values())[1:]
    ]
    return f"<tr><td>{found['trouble']}</td>{''.join(f'<td>{c}</td>' for c in cells)}</tr>"
