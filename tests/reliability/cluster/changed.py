"""``userstream`` as a process of a test wants it: ``python -m … CHANGE… serve …``.

``life=S``: listen keys live for so many seconds. ``skew=S``: the wall clock is so far off.
``faulty``: streams lose an event, repeat one and swap one with the next, counted over all of this
process. It is done where the server itself cannot notice any more.
``lenient``: a listen key whose deletion was confirmed lives on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from userstream.cli import main
from userstream.server import rest
from userstream.server.reader import Reader
from userstream.server.service import Service
from userstream.venue import Call, Frame

LOST, REPEATED, SWAPPED = 20, 40, 60


def program(*changes: str) -> tuple[str, ...]:
    """What such a process is started with."""
    return (sys.executable, "-m", __name__, *changes)


def _life(seconds: float) -> None:
    make = Service.__init__

    def made(self: Service, settings: Any, venues: Any, parts: Any = None) -> None:
        life_ms = int(seconds * 1_000)
        short = {n: replace(v, keys=replace(v.keys, life_ms=life_ms)) for n, v in venues.items()}
        make(self, settings, short, parts)

    Service.__init__ = made  # type: ignore[method-assign]


def _skew(seconds: float) -> None:
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1_000_000_000)


def _faulty() -> None:
    shown = Reader.shown
    count = 0
    held: dict[Reader, list[Frame]] = {}

    def showing(self: Reader, frames: Sequence[Frame]) -> list[Frame]:
        nonlocal count
        count += 1
        out = shown(self, frames)
        if count == LOST:
            return []
        if count == REPEATED:
            return [*out, *out]
        if count == SWAPPED:
            held[self] = out
            return []
        return [*out, *held.pop(self, [])]

    Reader.shown = showing  # type: ignore[method-assign]


def _lenient() -> None:
    act = rest.RestApp._act

    async def acting(
        self: rest.RestApp, venue: str, admitted: Any, identity: Any, *more: Any
    ) -> Any:
        if admitted.route.call is Call.DELETE:
            return await self._keys.renew(venue, admitted.parameters["listenKey"], identity.account)
        return await act(self, venue, admitted, identity, *more)

    rest.RestApp._act = acting  # type: ignore[assignment,method-assign]


def _change(what: str) -> None:
    name, _, value = what.partition("=")
    if name == "life":
        _life(float(value))
    elif name == "skew":
        _skew(float(value))
    elif name == "faulty":
        _faulty()
    elif name == "lenient":
        _lenient()
    else:
        raise SystemExit(f"{what} is no change")


if __name__ == "__main__":
    at = sys.argv.index("serve")
    for change in sys.argv[1:at]:
        _change(change)
    sys.argv[1:at] = []
    main()
