"""Lines of a publishing request, good and bad."""

from __future__ import annotations

import json
from typing import Any

ORDER: dict[str, Any] = {
    "type": "order_update",
    "symbol": "BTCUSDT",
    "order_id": "1",
    "side": "BUY",
    "status": "NEW",
    "time_ms": 1_000,
    "execution": "NEW",
    "order_type": "LIMIT",
    "quantity": "1",
    "price": "64000",
    "cumulative_quantity": "0",
}
UPDATE: dict[str, Any] = {
    "type": "account_update",
    "time_ms": 1_000,
    "balances": [{"asset": "USDT", "free": "10.5", "locked": "0"}],
}
SNAPSHOT: dict[str, Any] = UPDATE | {"type": "account_snapshot"}


def line(
    n: Any = 1, event: object = ORDER, *, account: Any = "alice", source: Any = "me-1", **more: Any
) -> bytes:
    """One compact line; ``more`` are ``prev_n``, ``takeover`` or what does not belong there."""
    fields = {"v": 1, "account": account, "source": source, "n": n, "event": event} | more
    return json.dumps(fields, separators=(",", ":")).encode()
