"""A userstream process for one test, and what its exchange tells it to stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.interop.tap import Tap

ACCOUNT, API_KEY, API_SECRET = "ann", "annkey", "annsecret"
TOKEN = "interop-token"
_USERSTREAM = str(Path(sys.executable).with_name("userstream"))
_FREE = [f"--{port}=127.0.0.1:0" for port in ("rest", "stream", "admin")]


class Exchange:
    """A server with one account, its public ports behind taps, its admin port bare."""

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        self._n = 1
        self._log = (folder / "server.log").open("wb")
        self._process = subprocess.Popen(
            [_USERSTREAM, *arguments, *_FREE],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"USERSTREAM_ADMIN_TOKEN": TOKEN},
        )
        urls = self._urls()
        self._admin = urls["admin"]
        self.rest, self.stream = Tap(urls["rest"]), Tap(urls["stream"])

    @classmethod
    def sandbox(cls, venue: str, folder: Path) -> Self:
        """``userstream sandbox`` with that venue at the root of its ports."""
        account = f"{ACCOUNT}:{API_KEY}:{API_SECRET}"
        return cls(
            ["sandbox", "run", "--json", f"--venue={venue}", f"--account={account}",
             f"--admin-token={TOKEN}"],
            folder,
        )  # fmt: skip

    @classmethod
    def serving(cls, venue: str, options: str, folder: Path) -> Self:
        """``userstream serve`` with options of that venue, in TOML."""
        config = folder / "server.toml"
        config.write_text(f"[venues.{venue}]\n{options}\n")
        exchange = cls(["serve", f"--venue={venue}", f"--config={config}", "--bus=memory:"], folder)
        exchange._run("accounts", "add", ACCOUNT, API_KEY, f"--secret={API_SECRET}")
        exchange.publish(SNAPSHOT)
        return exchange

    def publish(self, *events: dict[str, Any]) -> None:
        """``userstream publish``: returns once every event is acknowledged."""
        lines = []
        for event in events:
            self._n += 1
            line = {"v": 1, "account": ACCOUNT, "source": "sandbox", "n": self._n, "event": event}
            lines.append(json.dumps(line))
        self._run("publish", "-", text="\n".join(lines))

    def close(self) -> None:
        """Stops the server gracefully."""
        self._process.terminate()
        try:
            rest, _ = self._process.communicate(timeout=20)
        finally:
            self._process.kill()
            self.rest.close()
            self.stream.close()
        self._log.write(rest)
        self._log.close()
        assert self._process.returncode == 0, rest.decode()

    def _urls(self) -> dict[str, str]:
        """The addresses that it prints: the sandbox's line, or the log's first event."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log.write(line)
            if line.startswith(b"{"):
                said = json.loads(line)
                if "urls" in said or said.get("event") == "serving":
                    return dict(said.get("urls", said))
        raise AssertionError("the server did not start")

    def _run(self, *arguments: str, text: str = "") -> None:
        done = subprocess.run(
            [_USERSTREAM, *arguments, f"--admin={self._admin}"],
            input=text,
            text=True,
            capture_output=True,
            timeout=30,
            check=False,
            env=os.environ | {"USERSTREAM_ADMIN_TOKEN": TOKEN},
        )
        assert done.returncode == 0, done.stdout + done.stderr


# ── what happens to the account ─────────────────────────────────────────────────────────────────


def _order(**fields: str | int | bool) -> dict[str, Any]:
    return {
        "type": "order_update",
        "symbol": "BTCUSDT",
        "side": "BUY",
        "order_type": "LIMIT",
        "time_in_force": "GTC",
        "price": "64000.00",
        "quantity": "0.02",
        "created_ms": 1_767_225_600_000,
        **fields,
    }


_FILL: dict[str, str | int | bool] = {
    "order_id": "288274001",
    "client_order_id": "firstOrder",
    "execution": "TRADE",
    "last_quantity": "0.01",
    "last_price": "64000.00",
    "commission": "0.64",
    "commission_asset": "USDT",
    "maker": True,
}
SNAPSHOT: dict[str, Any] = {
    "type": "account_snapshot",
    "time_ms": 1_767_225_600_000,
    "balances": [
        {"asset": "BTC", "free": "100", "locked": "0"},
        {"asset": "USDT", "free": "10000000", "locked": "0"},
    ],
}
FILLED_ORDER: list[dict[str, Any]] = [
    _order(
        order_id="288274001",
        client_order_id="firstOrder",
        execution="NEW",
        status="NEW",
        cumulative_quantity="0",
        cumulative_quote="0",
        time_ms=1_767_225_601_000,
    ),
    _order(
        **_FILL,
        status="PARTIALLY_FILLED",
        trade_id="501",
        cumulative_quantity="0.01",
        cumulative_quote="640.00",
        time_ms=1_767_225_602_000,
    ),
    _order(
        **_FILL,
        status="FILLED",
        trade_id="502",
        cumulative_quantity="0.02",
        cumulative_quote="1280.00",
        time_ms=1_767_225_603_000,
    ),
    {
        "type": "account_update",
        "time_ms": 1_767_225_603_000,
        "cause": "ENTRUST",
        "balances": [
            {"asset": "BTC", "free": "100.02", "locked": "0", "free_change": "0.02",
             "locked_change": "0"},
            {"asset": "USDT", "free": "9998718.72", "locked": "0", "free_change": "-1281.28",
             "locked_change": "0"},
        ],
    },
]  # fmt: skip
"""An order that rests, is filled in two halves, and what that does to the balances."""
CANCELED_ORDER: list[dict[str, Any]] = [
    _order(
        order_id="288274002",
        client_order_id="secondOrder",
        cancel_client_order_id="cancelSecond",
        execution="CANCELED",
        status="CANCELED",
        cumulative_quantity="0",
        cumulative_quote="0",
        time_ms=1_767_225_604_000,
    ),
    {
        "type": "account_update",
        "time_ms": 1_767_225_605_000,
        "cause": "DEPOSIT",
        "balances": [
            {"asset": "USDT", "free": "9998818.72", "locked": "25.5", "free_change": "100",
             "locked_change": "25.5"},
        ],
    },
]  # fmt: skip
"""Another order that ends without a fill, and a deposit."""
