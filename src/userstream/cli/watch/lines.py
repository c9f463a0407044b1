"""Lines: what a stream tells and how it is, as plain text that reads well in a log."""

from __future__ import annotations

from userstream.cli.watch.board import Seen, View
from userstream.cli.watch.words import clean, moment, some, span


def event_line(seen: Seen) -> str:
    """One event."""
    marks = "".join(f"[{mark}] " for mark in seen.marks)
    late = "" if seen.latency_ms is None else f", {seen.latency_ms} ms"
    return f"{moment(seen.at_ms)} {seen.kind:<11} {marks}{seen.text}{late}"


def status_line(view: View) -> str:
    """How the stream is."""
    health, latency = view.health, view.latency
    parts = [f"{view.state} for {span(view.for_s)} ({clean(view.why)})"]
    if health.key_age_s is None:
        parts.append("no key")
    else:
        parts.append(f"key {span(health.key_age_s)} old")
    if health.key_due_s is not None:
        parts.append(f"next request for it in {span(health.key_due_s)}")
    if health.key_failures:
        parts.append(f"{some(health.key_failures, 'request')} failed")
    parts.append(f"{some(len(view.orders), 'open order')}")
    if latency is not None:
        margin = latency.margin_ms
        sure = "clocks not compared" if margin is None else f"+/- {margin}"
        parts.append(f"latency {latency.median_ms} ms ({sure})")
    parts.append(f"{some(view.counts['events'], 'event')}, {some(view.counts['gaps'], 'gap')}")
    return f"{moment(view.now_ms)} {'status':<11} {', '.join(parts)}"
