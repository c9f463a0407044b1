"""A sandbox process for one test, its admin port, and what its truth says of a client's log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from tests.interop.tap import Tap

ACCOUNT, API_KEY, API_SECRET = "ann", "annkey", "annsecret"
TOKEN = "interop-token"
_USERSTREAM = str(Path(sys.executable).with_name("userstream"))
_FREE = [f"--{port}=127.0.0.1:0" for port in ("rest", "stream", "admin")]


class Exchange:
    """A sandbox with one account and a venue at the root of its ports.

    Its public ports are behind taps, its admin port is bare. ``options`` are the venue's and
    ``settings`` the server's, both in TOML.
    """

    def __init__(self, venue: str, folder: Path, options: str = "", settings: str = "") -> None:
        self.venue = venue
        self._folder = folder
        self._log = (folder / "server.log").open("wb")
        config = folder / "sandbox.toml"
        config.write_text(f"{settings}\n[venues.{venue}]\n{options}\n")
        account = f"{ACCOUNT}:{API_KEY}:{API_SECRET}"
        self._process = subprocess.Popen(
            [_USERSTREAM, "sandbox", "run", "--json", f"--venue={venue}", f"--account={account}",
             f"--admin-token={TOKEN}", f"--config={config}", *_FREE],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._bare = urls = self._urls()
        self._admin = httpx.Client(
            base_url=urls["admin"],
            headers={"Authorization": f"Bearer {TOKEN}"},
            trust_env=False,
            timeout=20,
        )
        self.rest, self.stream = Tap(urls["rest"]), Tap(urls["stream"])

    def buy(self, quantity: str, price: str) -> int:
        """Another program of the account places an order, past the taps; gives its id."""
        urls = [f"--{port}={self._bare[port]}" for port in ("rest", "stream")]
        done = subprocess.run(
            [_USERSTREAM, "sandbox", "order", self.venue, "buy", "BTCUSDT", quantity, price, *urls,
             f"--api-key={API_KEY}", f"--api-secret={API_SECRET}", "--wait=0", "--json"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )  # fmt: skip
        return int(json.loads(done.stdout.splitlines()[0])["order"]["orderId"])

    def fill(self, order: str | int, percent: str) -> None:
        """The market fills so much of an order; its events are published when this returns."""
        command = {"do": "fill", "account": ACCOUNT, "order": int(order), "percent": percent}
        (filled,) = self._post("/_sandbox/market", command)["filled"]
        assert filled["order_id"] == int(order)

    def take(self, percent: str) -> None:
        """The market maker takes so much of orders that come near, in its own time."""
        self._post("/_sandbox/market", {"do": "take", "account": ACCOUNT, "percent": percent})

    def deposit(self, asset: str, amount: str) -> None:
        """The account receives something from outside."""
        self._post(f"/_sandbox/accounts/{ACCOUNT}/deposit", {"asset": asset, "amount": amount})

    def fault(self, kind: str, **fields: Any) -> None:
        """Sets a fault for the account; what it strikes now is struck when this returns."""
        self._post("/_sandbox/faults", {"kind": kind, "account": ACCOUNT} | fields)

    def truth(self) -> list[dict[str, Any]]:
        """What was published of the account since it was opened, with the venue's frames."""
        _, opening, *lines = [json.loads(line) for line in self._truth().splitlines()]
        assert opening["event"]["type"] == "account_snapshot"
        return [line for line in lines if "event" in line]  # others are faults that struck

    def verified(self, frames: Iterable[object]) -> dict[str, Any]:
        """What ``userstream verify`` finds in a client's frames."""
        truth, log = self._folder / "truth.ndjson", self._folder / "client.ndjson"
        truth.write_text(self._truth())
        log.write_text("".join(json.dumps(frame) + "\n" for frame in frames))
        done = subprocess.run(
            [_USERSTREAM, "verify", str(truth), str(log), "--from-seq=2", "--json"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def close(self) -> None:
        """Stops the sandbox gracefully."""
        self._process.terminate()
        try:
            rest, _ = self._process.communicate(timeout=20)
        finally:
            self._process.kill()
            self._admin.close()
            self.rest.close()
            self.stream.close()
        self._log.write(rest)
        self._log.close()
        assert self._process.returncode == 0, rest.decode()

    def _urls(self) -> dict[str, str]:
        """The addresses that it prints, on its line of JSON."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log.write(line)
            if line.startswith(b"{"):
                return dict(json.loads(line)["urls"])
        raise AssertionError("the sandbox did not start")

    def _truth(self) -> str:
        answer = self._admin.get(f"/_sandbox/truth/{ACCOUNT}", params={"venue": self.venue})
        assert answer.status_code == 200, answer.text
        return answer.text

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._admin.post(path, json=body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()
