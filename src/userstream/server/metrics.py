"""Metrics, all named ``userstream_*``. Labels are venues and reasons, never keys.

One names accounts: those of which less is retained than was promised. They are few.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The series of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.requests = Counter(
            "userstream_requests", "REST requests by venue and status", ["venue", "status"],
            registry=r,
        )  # fmt: skip
        self.handshakes = Counter(
            "userstream_handshakes", "WebSocket handshakes by venue and outcome",
            ["venue", "outcome"], registry=r,
        )  # fmt: skip
        self.ended = Counter(
            "userstream_streams_ended", "Streams ended by venue and reason", ["venue", "reason"],
            registry=r,
        )  # fmt: skip
        self.sockets = Gauge("userstream_sockets", "Open streams", registry=r)
        self.listen_keys = Gauge("userstream_listen_keys", "Live listen keys", registry=r)
        self.lines = Counter(
            "userstream_published_lines", "Published lines by outcome", ["outcome"], registry=r
        )
        self.delivered = Counter(
            "userstream_delivered_frames", "Frames handed to sockets", registry=r
        )
        self.resumes = Counter(
            "userstream_resumes", "Cursors by venue and outcome", ["venue", "outcome"], registry=r
        )
        self.replayed = Counter(
            "userstream_replayed_events", "Events read from the log for a stream", registry=r
        )
        self.window = Gauge(
            "userstream_window_seconds", "Retained of accounts with less than promised",
            ["account"], registry=r,
        )  # fmt: skip
        self.pending = Gauge("userstream_append_queue_bytes", "Not yet committed", registry=r)
        self.outbox = Gauge("userstream_outbox_bytes", "Waiting for slow clients", registry=r)
        self.probe_seconds = Histogram(
            "userstream_probe_seconds", "From publishing a probe to its delivery here", registry=r
        )
        self.probe_age = Gauge(
            "userstream_probe_age_seconds", "Since a probe came through", registry=r
        )
        self.full = Gauge(
            "userstream_stream_full_ratio", "Of its bound, by stream of a NATS", ["stream"],
            registry=r,
        )  # fmt: skip
        self.refusing = Gauge(
            "userstream_store_refusing", "1 while the last write was refused, by a full disk say",
            registry=r,
        )  # fmt: skip

    def text(self) -> bytes:
        """All series in Prometheus' text format."""
        return generate_latest(self.registry)
