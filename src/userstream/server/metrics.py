"""Metrics, all named ``userstream_*``. Labels are venues and reasons, never keys.

One names accounts: those of which less is retained than was promised. They are few.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_PREFIX = "userstream_"
TASK_FAILURES = Counter(
    f"{_PREFIX}task_failures", "Tasks that failed and began anew", ("task",), registry=None
)
"""Of the process: tasks begin in places that know of no server."""
DAMAGED_HEADS = Counter(
    f"{_PREFIX}damaged_heads", "Tries to read or write a head that met damaged bytes", registry=None
)
"""Of the process as well."""
DAMAGED_EVENTS = Counter(
    f"{_PREFIX}damaged_events", "Reads of events that met damaged bytes", registry=None
)
"""Of the process as well."""


class Metrics:
    """The series of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(TASK_FAILURES)
        self.registry.register(DAMAGED_HEADS)
        self.registry.register(DAMAGED_EVENTS)
        count, gauge = self._count, self._gauge
        self.requests = count("requests", "REST requests by venue and status", "venue", "status")
        self.handshakes = count(
            "handshakes", "WebSocket handshakes by venue and outcome", "venue", "outcome"
        )
        self.ended = count("streams_ended", "Streams ended by venue and reason", "venue", "reason")
        self.sockets = gauge("sockets", "Open streams")
        self.listen_keys = gauge("listen_keys", "Live listen keys")
        self.lines = count("published_lines", "Published lines by outcome", "outcome")
        self.delivered = count("delivered_frames", "Frames handed to sockets")
        self.resumes = count("resumes", "Cursors by venue and outcome", "venue", "outcome")
        self.replayed = count("replayed_events", "Events read from the log for a stream")
        self.window = gauge(
            "window_seconds", "Retained of accounts with less than promised", "account"
        )
        self.pending = gauge("append_queue_bytes", "Not yet committed")
        self.outbox = gauge("outbox_bytes", "Waiting for slow clients")
        self.probe_seconds = Histogram(
            f"{_PREFIX}probe_seconds", "From publishing a probe to its delivery here",
            registry=self.registry,
        )  # fmt: skip
        self.probe_age = gauge("probe_age_seconds", "Since a probe came through")
        self.full = gauge("stream_full_ratio", "Of its bound, by stream of a NATS", "stream")
        self.written = gauge("shards_written", "Shards of a NATS that this process writes")
        self.refusing = gauge(
            "store_refusing", "1 while the last write was refused, by a full disk say"
        )

    def _count(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"{_PREFIX}{name}", about, labels, registry=self.registry)

    def text(self) -> bytes:
        """All series in Prometheus' text format."""
        return generate_latest(self.registry)
