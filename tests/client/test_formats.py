"""Cursor files that earlier releases left are opened, with all that is in them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.client import formats
from tests.client.fakevenue import KEY, FakeVenue
from tests.core.client.values import order
from tests.server.running import until
from tests.server.test_formats import unpacked
from userstream.client.cursor import CursorFile
from userstream.core.client.plan import Proof
from userstream.events import AccountUpdate, OrderUpdate
from userstream.venue import Cursor
from userstream.version import VERSION

ARCHIVES = sorted(Path(formats.__file__).parent.glob("*.tar.gz"))
_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (OrderUpdate, AccountUpdate)}


def test_this_version_has_left_one() -> None:
    assert f"{VERSION}.tar.gz" in [archive.name for archive in ARCHIVES]


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda a: a.name)
async def test_what_a_release_left_is_all_there_and_goes_on(archive: Path, tmp_path: Path) -> None:
    data = unpacked(archive, tmp_path)
    told = json.loads((data / "told.json").read_text())
    assert sorted(told) == ["binance", "mexc"]
    for venue, was in told.items():
        with contextlib.closing(CursorFile(data / "cursor", venue, KEY)) as file:
            since_ms, place = was["proof"]
            assert file.load() == Proof(since_ms, place and Cursor(*place))
            held = [msgspec.convert(body, _KINDS[kind]) for kind, body in was["held"]]
            assert file.held() == held
            assert len(held) == 5
    options: dict[str, Any] = {"extension": True, "cursor": data / "cursor", "states": False}
    with FakeVenue() as venue_:
        async with venue_.stream(**options) as stream:
            assert sorted(stream.orders) == ["1", "2", "4"]
            await until(lambda: venue_.sockets)
            assert venue_.paths[-1].endswith("us_resume=epoch000:9:1")
    with contextlib.closing(CursorFile(data / "cursor", "binance", KEY)) as file:
        file.save(Proof(5), {("order", "9"): order("9")})
        assert file.load().since_ms == 5
        assert order("9") in file.held()
