"""Frames with marks, as the reference shows them."""

from __future__ import annotations

from userstream.core.track import Track
from userstream.events import Envelope, OrderUpdate
from userstream.venue import Frame, Mark
from userstream.venues import load

_FILL = OrderUpdate(
    symbol="BTCUSDT", order_id="28", side="BUY", status="FILLED", time_ms=1_500_000_000_000,
    execution="TRADE", order_type="LIMIT", quantity="1", price="64000", cumulative_quantity="1",
    last_quantity="1", last_price="64000", trade_id="7",
)  # fmt: skip
_EPOCH = "9c41d07be25fa836"


def frames() -> str:
    """A fill on SpaceDEX, as JSON, and on MEXC, as the fields of its wrappers; control frames."""
    envelope = Envelope(1, "alice", _EPOCH, 8, 1_500_000_000_123, _FILL)
    spacedex, mexc = load("spacedex"), load("mexc", {"push": "json"})
    shown = [
        *Track(_EPOCH, 7).show(8, spacedex.encode(envelope, None)),
        *(_cut(f) for f in Track(_EPOCH, 7).show(8, mexc.encode(envelope, None))),
        spacedex.say(Mark(_EPOCH, 9, 8, kind="us.heartbeat")),
        spacedex.say(Mark(_EPOCH, 9, 8, kind="us.resumed"), oldest=1),
        spacedex.say(
            Mark(_EPOCH, 9, 9, kind="us.refused", reason="too_old"), oldest=5, window_ms=3_600_000
        ),
        spacedex.say(Mark(_EPOCH, 9, 8, kind="us.end", reason="shutdown")),
    ]
    lines = "\n".join(f.payload.decode() for f in shown)
    return f"A fill on SpaceDEX, the same on MEXC, and control frames:\n\n```text\n{lines}\n```\n"


def _cut(frame: Frame) -> Frame:
    """Without what stands in the body."""
    payload = frame.payload
    start = payload.index(b'":{') + 2
    end = payload.index(b"}") + 1
    return frame._replace(payload=payload[:start] + "{…}".encode() + payload[end:])
