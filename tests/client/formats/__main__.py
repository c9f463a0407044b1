"""Makes the cursor file of this version, as ``kill -9`` leaves it."""

from __future__ import annotations

import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import msgspec

from tests.client.fakevenue import KEY
from tests.core.client.values import balance, fill, order
from userstream.client.cursor import Changes, CursorFile
from userstream.core.client.plan import Proof
from userstream.events import OrderUpdate
from userstream.venue import Cursor
from userstream.version import VERSION

HERE = Path(__file__).parent
PROOFS = {
    "binance": Proof(1_700_000_000_000, Cursor("epoch000", 9, 1, 2)),
    "mexc": Proof(1_700_000_000_500),
}


def rich(order_id: str) -> OrderUpdate:
    """An order that was filled in part, with fields that not every order has."""
    return fill(
        order_id, "0.25", client_order_id=f"mine-{order_id}", order_type="LIMIT", price="31000.5",
        cumulative_quantity="0.25", commission="0.00025", commission_asset="BTC", trade_id="77",
        maker=True, created_ms=1_699_999_999_000,
    )  # fmt: skip


def write(folder: Path) -> None:
    """Two streams with what was open, some of it in the table and the last in its log."""
    path = folder / "cursor"
    held: Changes = {
        ("order", "1"): order("1"), ("order", "2"): rich("2"), ("order", "3"): order("3"),
        ("asset", "BTC"): balance(), ("asset", "USDT"): balance("USDT", "1000.5", "20"),
    }  # fmt: skip
    for venue in PROOFS:
        file = CursorFile(path, venue, KEY)
        file.save(Proof(1), held)
        file.close()  # of the last, the log goes into the table
    files = {venue: CursorFile(path, venue, KEY) for venue in PROOFS}
    for venue, file in files.items():
        file.save(PROOFS[venue], {("order", "3"): None, ("order", "4"): order("4")})
    told = {
        venue: {
            "proof": PROOFS[venue],
            "held": [[type(one).__name__, msgspec.to_builtins(one)] for one in file.held()],
        }
        for venue, file in files.items()
    }
    killed = folder / "killed"
    killed.mkdir()
    for part in folder.glob("cursor*"):
        shutil.copy(part, killed)
    (killed / "told.json").write_bytes(msgspec.json.encode(told))
    assert (killed / "cursor-wal").stat().st_size


def main() -> None:
    target = HERE / f"{VERSION}.tar.gz"
    if target.exists():
        sys.exit(f"{target} is there: what a release left is never made anew")
    with tempfile.TemporaryDirectory() as place:
        write(Path(place))
        with tarfile.open(target, "w:gz") as archive:
            archive.add(Path(place) / "killed", arcname="data")


if __name__ == "__main__":
    main()
