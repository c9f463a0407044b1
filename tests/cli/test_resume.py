"""A stream with the extension over a server that is killed while it is published to."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.cli.command import TOKEN, Process, events, serving
from userstream.core.client.continuity import Continuity, Place
from userstream.venue import Cursor, Mark
from userstream.venues import load

AUTH = {"authorization": f"Bearer {TOKEN}"}
DIALECTS = ("binance", "spacedex", "bhex")
HEADERS = {"binance": "X-MBX-APIKEY", "spacedex": "X-SDX-APIKEY", "bhex": "X-BH-APIKEY"}
PATHS = {"binance": "/api/v3", "spacedex": "/api/v1", "bhex": "/openapi/v1"}
STREAMS = {"binance": "/ws/", "spacedex": "/ws/", "bhex": "/openapi/ws/"}


def url(server: Process, venue: str, cursor: Cursor | None) -> str:
    response = httpx.post(
        f"{server.urls['rest']}/{venue}{PATHS[venue]}/userDataStream",
        params={"timestamp": str(_time(server))} if venue == "bhex" else {},
        headers={HEADERS[venue]: "alicekey"}, trust_env=False,
    )  # fmt: skip
    key = response.json()["listenKey"]
    wish = "us=1&us_heartbeat=1" + ("" if cursor is None else f"&us_resume={cursor}")
    return f"{server.urls['stream']}/{venue}{STREAMS[venue]}{key}?{wish}"


def _time(server: Process) -> int:
    answer = httpx.get(server.urls["rest"] + "/binance/api/v3/time", trust_env=False)
    time_ms: int = answer.json()["serverTime"]
    return time_ms


def publish(server: Process, acked: list[int]) -> None:
    """Publishes until the server is gone; what was acknowledged is the truth."""
    with contextlib.suppress(httpx.HTTPError, ValueError):
        while True:
            first = acked[-1] + 1 if acked else 1
            answer = httpx.post(
                server.urls["admin"] + "/_events", headers=AUTH, trust_env=False,
                content=events("alice", first, first + 49),
            )  # fmt: skip
            for n, text in enumerate(answer.text.splitlines(), first):
                assert "error" not in json.loads(text)
                acked.append(n)


@pytest.mark.parametrize("durability", ["power-cut", "process-kill"])
def test_killed_under_load_a_reader_gets_each_acknowledged_event_once(
    tmp_path: Path, durability: str
) -> None:
    acked: list[int] = []
    seen: list[int] = []
    continuity = Continuity()
    for cycle in range(5):
        venue = DIALECTS[cycle % 3]
        last = cycle == 4
        with serving("--bus", f"file:{tmp_path / 'data'}", "--durability", durability) as server:
            if cycle == 0:
                body = {"account": "alice", "api_key": "alicekey"}
                httpx.post(
                    server.urls["admin"] + "/_accounts", headers=AUTH, json=body, trust_env=False
                )
            publisher = threading.Thread(target=publish, args=(server, acked))
            with connect(url(server, venue, continuity.cursor), proxy=None) as socket:
                if not last:
                    publisher.start()
                    threading.Timer(0.3 + cycle * 0.1, server.popen.kill).start()
                with contextlib.suppress(ConnectionClosed, TimeoutError):
                    read(load(venue).mark, socket, continuity, seen, cycle, last=last)
            if not last:
                publisher.join(20)
    assert len(acked) > 100
    assert seen == [*range(1, len(seen) + 1)]
    assert len(seen) >= acked[-1]


def read(mark_of, socket, continuity, seen, cycle, *, last) -> None:  # type: ignore[no-untyped-def]
    """Reads until the server is gone; the last time, until a heartbeat proves that it is all."""
    first = cycle > 0
    while True:
        mark: Mark = mark_of(socket.recv(timeout=20))
        if first:
            assert mark.kind == "us.resumed"
            first = False
        elif mark.kind == "us.heartbeat":
            assert continuity.beat(mark) is Place.NEXT
            if last and mark.seq == seen[-1]:
                return
        elif not mark.kind:
            assert continuity.take(mark) is Place.NEXT
            seen.append(mark.seq)
