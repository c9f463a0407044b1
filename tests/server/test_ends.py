"""Every reason for an end, on every venue that has it: what its client, the metrics and the log are
told, by the one table that client and docs use too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from structlog.testing import capture_logs

from tests.server.running import JSON_VENUES, Running, hasty, metric, running, until
from tests.server.wire import BINARY, CLOSE, PING, TEXT, Wire, masked, upgraded
from tests.server.wishing import asked
from tests.venues.orders import order
from userstream.client.publisher import line
from userstream.core.closing import End, end_named, end_of
from userstream.core.limits import Limits
from userstream.errors import StoreUnavailable
from userstream.markets import SANDBOX_MARKETS
from userstream.server.localbus import LocalBus
from userstream.server.reader import Reader
from userstream.venue import Call, Venue
from userstream.venues import load, names

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "close-codes.md"
LIMITS = Limits(outbox_bytes=10_000, send_buffer_bytes=4_096)
SUBSCRIPTION = b'{"method":"SUBSCRIPTION","params":["spot@private.orders.v3.api.pb"]}'
Provoke = Callable[[Running, str, str, Wire], Awaitable[object]]
Rules = Callable[[str], Venue]
_STOPPING: set[asyncio.Task[None]] = set()


def plain(name: str) -> Venue:
    return load(name, None, SANDBOX_MARKETS)


def quick(name: str) -> Venue:
    """With pings and idle rules a hundred times faster."""
    return hasty()[name]


def young(name: str) -> Venue:
    """With a greatest age of a minute."""
    venue = plain(name)
    return replace(venue, stream=replace(venue.stream, max_age_ms=60_000))


class Case:
    """How an end comes about; on which venues, and with which of their rules made shorter."""

    def __init__(
        self, provoke: Provoke, venues: Sequence[str] = names(), rules: Rules = plain
    ) -> None:
        self.provoke = provoke
        self.venues = venues
        self.rules = rules


def sends(frame: bytes) -> Provoke:
    async def provoke(_server: Running, _venue: str, _key: str, wire: Wire) -> None:
        await wire.send(frame)

    return provoke


def passes(seconds: int) -> Provoke:
    async def provoke(server: Running, _venue: str, _key: str, _wire: Wire) -> None:
        server.service.clock.change(advance_ms=seconds * 1_000)

    return provoke


async def waits(_server: Running, _venue: str, _key: str, _wire: Wire) -> None:
    """Time does it."""


async def deletes(server: Running, venue: str, key: str, _wire: Wire) -> None:
    await server.call(venue, Call.DELETE, key=key)


async def revokes(server: Running, _venue: str, _key: str, _wire: Wire) -> None:
    await server.admin.delete("/_accounts/alice")


async def stops(server: Running, _venue: str, _key: str, _wire: Wire) -> None:
    stopping = asyncio.create_task(server.service.edge.stop())  # it waits for the client
    _STOPPING.add(stopping)
    stopping.add_done_callback(_STOPPING.discard)


async def publish(server: Running, first: int, count: int) -> None:
    bus, event = server.service.bus, order(client_order_id="c" * 60)
    lines = [line("alice", event, source="me", n=n) for n in range(first, first + count)]
    await bus.append(bus.submission(), lines).committed()


async def reads_nothing(server: Running, venue: str, _key: str, _wire: Wire) -> None:
    for first in range(1, 50_000, 500):
        await publish(server, first, 500)
        if ended(server, venue, End.SLOW):
            return
    raise AssertionError("nobody was too slow")


async def breaks(server: Running, _venue: str, _key: str, _wire: Wire) -> None:
    with mock.patch.object(Reader, "show", side_effect=RuntimeError("a bug")):
        await publish(server, 1, 1)


async def cannot_read(server: Running, venue: str, _key: str, _wire: Wire) -> None:
    with mock.patch.object(Reader, "takes", return_value=False):
        await publish(server, 1, 1)  # the subscription lost it, so the log is read
    with mock.patch.object(LocalBus, "read", side_effect=StoreUnavailable("no quorum")):
        await publish(server, 2, 1)
        await until(lambda: ended(server, venue, End.UNAVAILABLE))


async def vanishes(_server: Running, _venue: str, _key: str, wire: Wire) -> None:
    wire.writer.transport.abort()


CASES: dict[End, Case] = {
    End.EXPIRED: Case(passes(3_601)),
    End.DELETED: Case(deletes),
    End.REVOKED: Case(revokes),
    End.MAX_AGE: Case(passes(61), rules=young),
    End.SHUTDOWN: Case(stops),
    End.SLOW: Case(reads_nothing),
    End.NO_PONG: Case(waits, JSON_VENUES, quick),
    End.NO_SUBSCRIPTION: Case(waits, ("mexc",), quick),
    End.IDLE: Case(waits, ("mexc",), quick),
    End.TOO_MANY_MESSAGES: Case(sends(masked(PING) * 30)),
    End.BINARY: Case(sends(masked(BINARY, b"x"))),
    End.PROTOCOL: Case(sends(masked(0x3))),
    End.NOT_UTF8: Case(sends(masked(TEXT, b"\xff"))),
    End.TOO_LARGE: Case(sends(masked(TEXT, b"x" * 5_000))),
    End.INTERNAL: Case(breaks),
    End.UNAVAILABLE: Case(cannot_read),
    End.CLIENT: Case(sends(masked(CLOSE, b"\x03\xe8bye"))),
    End.LOST: Case(vanishes),
}


def ended(server: Running, venue: str, end: End) -> float:
    name = "userstream_streams_ended_total"
    return metric(server.service, name, venue=venue, reason=end.label)


def test_every_end_has_its_case() -> None:
    assert set(CASES) == set(End)


@pytest.mark.parametrize(
    ("end", "venue"), [(end, venue) for end, case in CASES.items() for venue in case.venues]
)
async def test_an_end_is_told_by_code_text_frame_metric_and_log(end: End, venue: str) -> None:
    case, (code, text, then) = CASES[end], end.value
    venues = {name: case.rules(name) for name in names()}
    with capture_logs() as logged:
        async with running(limits=LIMITS, venues=venues) as server:
            key = await server.key(venue)
            async with upgraded(asked(server.url(venue, key))) as wire:
                await until(lambda: server.service.edge.sockets == 1)
                if venue == "mexc" and end is not End.NO_SUBSCRIPTION:
                    await wire.send(masked(TEXT, SUBSCRIPTION))
                    assert b'"code":0' in (await wire.frame()).payload
                await case.provoke(server, venue, key, wire)
                frames = [] if end is End.LOST else await wire.frames()
            await until(lambda: server.service.edge.sockets == 0)
            payloads = [f.payload for f in frames if f.opcode in {TEXT, BINARY}]
            told = [m for p in payloads if (m := venues[venue].mark(p)) is not None]
            last = [m for m in told if m.kind == "us.end"]
            closes = [f.payload for f in frames if f.opcode == CLOSE]
            if code is None:
                assert (last, closes) == ([], [b"\x03\xe8bye"] if end is End.CLIENT else [])
            else:
                assert closes == [code.to_bytes(2, "big") + text.encode()]
                assert frames[-1].opcode == CLOSE
                assert frames[-2].opcode == (BINARY if venue == "mexc" else TEXT)
                assert (last, told[-1:]) == ([told[-1]], last)
                assert (last[0].reason, last[0].epoch) == (end.label, server.epoch())
                # The client reads both by the same table.
                assert end_named(last[0].reason) is end_of(code, text) is end
            assert ended(server, venue, end) == 1
            assert sum(ended(server, venue, other) for other in End) == 1
    lines = [entry for entry in logged if entry["event"] == "stream ended"]
    assert [(entry["venue"], entry["reason"], entry["accounts"]) for entry in lines] == [
        (venue, end.label, ["alice"])
    ]
    advice = "nothing: it closed" if end is End.CLIENT else then.value
    shown = ("none", "none") if code is None else (str(code), f"`{text}`")
    assert f"| `{end.label}` | {shown[0]} | {shown[1]} | {advice} |" in DOCS.read_text()
