"""Stock clients whose connections break lose nothing where ``replay_on_reconnect`` is on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import pytest

from tests.interop.conftest import Drive, Start
from tests.interop.driven import Driven
from tests.interop.exchange import ACCOUNT, API_KEY, API_SECRET
from tests.interop.tap import Tap
from tests.interop.trading import frames_of
from tests.server.running import Running, hasty, running, until
from tests.venues.orders import order
from userstream.client.publisher import Answer
from userstream.sandbox.verify import Entry, Verdict, compare

pytestmark = pytest.mark.interop

PINGS_TIMES_FASTER = 20  # one a second
PER_S = 100
RECONNECTS_WITHIN_S = 20


class Site(NamedTuple):
    """A server in this process, and the taps at which a client finds it."""

    server: Running
    rest: Tap
    stream: Tap


class Window(NamedTuple):
    """What a broken connection is not proven to have brought: behind ``proven``, to ``head``."""

    proven: int
    head: int


@contextlib.asynccontextmanager
async def served(*, replay_on_reconnect: bool) -> AsyncIterator[Site]:
    """A server whose pings come every second."""
    async with running(
        venues=hasty(PINGS_TIMES_FASTER), accounts=(), replay_on_reconnect=replay_on_reconnect
    ) as server:
        await server.account(ACCOUNT, API_KEY, API_SECRET)
        site = Site(server, *(Tap(server.service.urls[port]) for port in ("rest", "stream")))
        try:
            yield site
        finally:
            site.rest.close()
            site.stream.close()


async def publish(server: Running, answers: list[Answer], over: asyncio.Event) -> None:
    """A load of orders until it is over, the seq of each for its id, and its answers."""
    while not over.is_set():
        new = order(order_id=str(len(answers) + 1))
        answers.append(await server.publish(ACCOUNT, new))
        await asyncio.sleep(1 / PER_S)


async def cut(site: Site, *, by_server: bool) -> Window:
    """Breaks the client's connection, and waits until the server knows."""
    (connection,) = site.server.service.edge._connections
    pings = connection.pings
    if by_server:
        connection.abort()
    else:
        await asyncio.to_thread(site.stream.reset)
    await until(lambda: site.server.service.edge.sockets == 0)
    head = site.server.service.bus.head(ACCOUNT)
    return Window(head if pings is None else pings.receipt.proven, head)


async def broken(site: Site, cuts: int) -> tuple[list[Answer], list[Window]]:
    """Cuts a client at random moments under load, by turns at the server and on the way."""
    dice = random.Random(5)
    edge = site.server.service.edge
    answers: list[Answer] = []
    windows: list[Window] = []
    await until(lambda: edge.sockets == 1)
    over = asyncio.Event()
    load = asyncio.create_task(publish(site.server, answers, over))
    for number in range(cuts):
        await asyncio.sleep(dice.uniform(0.2, 2.5))
        windows.append(await cut(site, by_server=number % 2 == 0))
        await until(lambda: edge.sockets == 1, RECONNECTS_WITHIN_S)
    over.set()
    await load
    answers.append(await site.server.publish(ACCOUNT, order(order_id="1000000")))
    return answers, windows


async def heard(client: Driven) -> list[Any]:
    """All events of a client, up to the last that was published."""
    events: list[Any] = []
    while not events or events[-1]["i"] != 1_000_000:
        event = (await asyncio.to_thread(client.expect, "event"))["event"]
        if "e" in event:  # no answer to a SUBSCRIBE
            events.append(event)
    return events


def verdict(server: Running, answers: Sequence[Answer], events: Sequence[Any]) -> Verdict:
    """What a client's events are of what was acknowledged to the publisher."""
    truth = [
        Entry(json.dumps(json.loads(frame), sort_keys=True), answer.seq or 0, "")
        for answer in answers
        for frame in server.frames("binance", ACCOUNT, answer)
    ]
    return compare(truth, [Entry(json.dumps(e, sort_keys=True), e["i"], "") for e in events])


@pytest.mark.parametrize(("program", "cuts"), [("python_binance", 8), ("binance_connector", 3)])
async def test_a_client_that_is_cut_loses_nothing(program: str, cuts: int, drive: Drive) -> None:
    ending = {"python_binance": "py"}.get(program, "mjs")
    async with served(replay_on_reconnect=True) as site:
        client = drive(f"{program}.{ending}", site)
        answers, windows = await broken(site, cuts)
        found = verdict(site.server, answers, await heard(client))
    assert len(answers) > 400
    assert (found.missing, found.reordered, found.invented) == ([], [], [])
    # Nothing that was proven comes again, and most of it was proven.
    again = {entry.place for entry in found.duplicated}
    assert again
    assert all(any(w.proven < seq <= w.head for w in windows) for seq in again)
    assert windows[-1].proven > 100


async def test_without_it_the_same_client_loses_what_came_while_it_was_away(drive: Drive) -> None:
    async with served(replay_on_reconnect=False) as site:
        client = drive("python_binance.py", site)
        answers, _ = await broken(site, 1)
        found = verdict(site.server, answers, await heard(client))
    assert found.missing
    assert not found.duplicated


def test_a_sandbox_repeats_what_a_reset_took(sandbox: Start, drive: Drive) -> None:
    exchange = sandbox("binance", settings="replay_on_reconnect = true")
    client = drive("python_binance.py", exchange)
    client.expect("opened")
    exchange.fault("reset", on="frame", event="order_update")
    order_id = client.ask("limit")["id"]
    events = client.expect_events(1)
    exchange.fault("reset", on="frame", event="order_update")
    exchange.fill(order_id, "40")
    client.ask("cancel")
    last = frames_of(exchange.truth())[-1]
    while events[-1] != last:
        events += client.expect_events(1)
    report = exchange.verified(events)
    counts = {kind: report[kind]["count"] for kind in ("missing", "reordered", "invented")}
    assert set(counts.values()) == {0}, report
    assert report["duplicated"]["count"]
