"""``/_sandbox``: faults, the clock, the truth."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.sandbox.playing import fault, sandbox, truth
from tests.server.running import TOKEN, rest_of, running, take
from userstream.core.publishing import Appended
from userstream.events import AccountUpdate, Balance
from userstream.sandbox import truth as truths
from userstream.venue import Call
from userstream.venues import names

PATHS = ["/_sandbox/faults", "/_sandbox/clock", "/_sandbox/truth/alice"]


@pytest.mark.parametrize("path", PATHS)
async def test_everything_is_behind_the_token(path: str) -> None:
    async with sandbox() as server:
        for token in ("", "Bearer wrong", f"bearer {TOKEN}"):
            response = await server.admin.get(path, headers={"authorization": token})
            assert response.status_code == 401
            assert response.json()["error"]["code"] == "unauthorized"
        assert (await server.admin.get(path)).status_code == 200
        assert (await server.admin.put(path)).status_code == 405


async def test_a_server_has_none_of_it() -> None:
    async with running() as server:
        for path in PATHS:
            assert (await server.admin.get(path)).status_code == 404


async def test_faults_are_set_listed_and_cleared() -> None:
    async with sandbox() as server:
        set_ = await fault(server, "drop", account="alice", count=3)
        assert set_ == {
            "id": "f1",
            "reads": "drop the next 3 frames of alice on any venue",
            "hits": 0,
            "spent": False,
            "fault": {"kind": "drop", "account": "alice", "count": 3},
        }
        await fault(server, "close", code=1000, on="open")
        listed = (await server.admin.get("/_sandbox/faults")).json()
        assert [f["id"] for f in listed] == ["f1", "f2"]
        gone = await server.admin.delete("/_sandbox/faults/f1")
        assert [f["id"] for f in gone.json()] == ["f1"]
        missing = await server.admin.delete("/_sandbox/faults/f1")
        assert missing.status_code == 400
        assert "there is no fault 'f1'" in missing.json()["error"]["msg"]
        await server.admin.delete("/_sandbox/faults")
        assert (await server.admin.get("/_sandbox/faults")).json() == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "kinds are drop"),
        ('{"kind":"drop","cuont":3}', "unknown field `cuont`"),
        ('{"kind":"drop","account":"carol"}', "there is no account carol; there are alice, bob"),
        ('{"kind":"drop","venue":"nyse"}', "allowed are bhex, binance, mexc, spacedex"),
        ('{"kind":"drop","seed":' + "1" * 100_000 + "}", "allowed are 65536 bytes"),
    ],
)
async def test_a_fault_that_cannot_be_is_refused_with_what_can(body: str, why: str) -> None:
    async with sandbox() as server:
        refused = await server.admin.post("/_sandbox/faults", content=body)
        assert refused.status_code == 400
        assert why in refused.json()["error"]["msg"]


async def test_faults_are_in_the_log_without_keys() -> None:
    with capture_logs() as lines:
        async with sandbox() as server:
            key = await server.key()
            async with server.stream("binance", key):
                await fault(server, "duplicate")
                await server.publish()
                await fault(server, "rest", answer="500")
                await server.call("binance", Call.RENEW, key=key)
                await server.admin.delete("/_sandbox/faults")
    told = [(x["event"], x["kind"]) for x in lines if x["part"] == "faults"]
    assert told == [
        ("fault set", "duplicate"),
        ("fault", "duplicate"),
        ("fault set", "rest"),
        ("fault", "rest"),
        ("fault cleared", "duplicate"),
        ("fault cleared", "rest"),
    ]
    assert key not in str(lines)
    assert "alicekey" not in str(lines)


# ── the clock ───────────────────────────────────────────────────────────────────────────────────


async def test_the_clock_is_shown_and_changed() -> None:
    async with sandbox() as server:
        before = (await server.admin.get("/_sandbox/clock")).json()
        assert before["speed"] == 1
        fast = (await server.admin.post("/_sandbox/clock", json={"speed": 3600})).json()
        assert (fast["speed"], fast["time_ms"] >= before["time_ms"]) == (3600, True)
        both = {"speed": 1, "advance_ms": 7_200_000}
        ahead = (await server.admin.post("/_sandbox/clock", json=both)).json()
        assert ahead["time_ms"] >= fast["time_ms"] + 7_200_000
        assert (await server.admin.post("/_sandbox/clock", json={})).json()["speed"] == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "its fields are speed, advance_ms"),
        ('{"sped":1}', "unknown field `sped`"),
        ('{"speed":0}', "speed is 0.0; allowed are 0.001 to 100000"),
        ('{"speed":100001}', "speed is"),
        ('{"advance_ms":-1}', "time does not go back"),
        ('{"advance_ms":1e3}', "Expected `int`"),
    ],
)
async def test_a_clock_that_cannot_be_is_refused(body: str, why: str) -> None:
    async with sandbox() as server:
        refused = await server.admin.post("/_sandbox/clock", content=body)
        assert refused.status_code == 400
        assert why in refused.json()["error"]["msg"]
        assert server.service.clock.speed == 1


async def test_an_hour_in_a_second_ends_keys_and_not_streams_that_pong() -> None:
    async with sandbox() as server, server.stream("mexc") as socket:
        began = time.monotonic()
        await server.admin.post("/_sandbox/clock", json={"speed": 3600})
        assert await rest_of(socket) == ([], 1008, "listen key expired")
        assert 0.8 < time.monotonic() - began < 5


# ── the truth ───────────────────────────────────────────────────────────────────────────────────


async def test_the_truth_has_every_event_in_order_with_its_head() -> None:
    async with sandbox() as server:
        for _ in range(1_200):  # more than the memory bus keeps
            await server.publish()
        await server.publish("bob")
        response = await server.admin.get("/_sandbox/truth/alice")
        head, *lines = [json.loads(line) for line in response.text.splitlines()]
        epoch = server.epoch()
        assert head == {
            "truth": 1, "account": "alice", "epoch": epoch, "from_seq": 1, "to_seq": 1_200,
        }  # fmt: skip
        assert [line["seq"] for line in lines] == list(range(1, 1_201))
        assert {(x["v"], x["account"], x["epoch"]) for x in lines} == {(1, "alice", epoch)}
        assert lines[6]["event"]["order_id"] == "7"
        assert response.headers["content-type"] == "application/x-ndjson"


@pytest.mark.parametrize("venue", names())
async def test_the_truth_has_a_venues_exact_frames(venue: str) -> None:
    async with sandbox() as server, server.stream(venue) as socket:
        balance = Balance(asset="BTC", free="1", locked="0")
        await server.publish()
        await server.publish(event=AccountUpdate(time_ms=1, balances=(balance,)))
        shown = [f for line in await truth(server, venue=venue) for f in line["frames"]]
        frames = [
            base64.b64decode(f["base64"]) if "base64" in f else f["text"].encode() for f in shown
        ]
        assert await take(socket, len(frames)) == frames
        assert all(("channel" in f) == (venue == "mexc") for f in shown)


async def test_faults_stand_in_the_truth_where_they_struck() -> None:
    async with sandbox() as server, server.stream("binance") as socket:
        for _ in range(2):
            await server.publish()
        await fault(server, "drop")
        await server.publish()
        await fault(server, "close", code=1001)
        await rest_of(socket)
        await server.publish()
        lines = await truth(server)
        assert [x.get("seq") or x["fault"]["kind"] for x in lines] == [
            1, 2, 3, "drop", "close", 4,
        ]  # fmt: skip
        drop = lines[3]["fault"]
        assert abs(drop.pop("time_ms") - server.service.clock.ms()) < 10_000
        assert drop == {"id": "f1", "kind": "drop", "number": 1, "venue": "binance", "seq": 3}


async def test_the_truth_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truths, "MAX_EVENTS", 5)
    async with sandbox() as server:
        for _ in range(8):
            await server.publish()
        response = await server.admin.get("/_sandbox/truth/alice")
        head, *lines = [json.loads(line) for line in response.text.splitlines()]
        assert (head["from_seq"], head["to_seq"], len(lines)) == (4, 8, 5)


def appended(account: str, seq: int) -> Appended:
    return Appended(account, "epoch123", seq, seq, b"", AccountUpdate(time_ms=seq))


def told_of(kept: truths.Truth, account: str) -> list[Any]:
    return [json.loads(line) for line in kept.lines(account, "epoch123")]


def test_all_truths_together_are_bounded_and_the_oldest_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(truths, "MAX_EVENTS", 4)
    monkeypatch.setattr(truths, "MAX_EVENTS_OF_ALL", 6)
    monkeypatch.setattr(truths, "MAX_FAULTS", 2)
    monkeypatch.setattr(truths, "MAX_FAULTS_OF_ALL", 3)
    kept = truths.Truth()
    kept.remember([appended("a", seq) for seq in range(1, 6)])
    kept.remember([appended("b", seq) for seq in range(1, 4)])
    for name in "aaab":
        kept.struck(name, {"of": name})
    a, b = told_of(kept, "a"), told_of(kept, "b")
    assert (a[0]["from_seq"], a[0]["to_seq"]) == (3, 5)
    assert [line["seq"] for line in b[1:] if "seq" in line] == [1, 2, 3]
    assert [sum("fault" in line for line in lines) for lines in (a, b)] == [2, 1]
    kept.struck("b", {"of": "b"})
    assert [sum("fault" in line for line in told_of(kept, name)) for name in "ab"] == [1, 2]
    kept.remember([appended("c", seq) for seq in range(1, 5)])
    assert [told_of(kept, name)[0]["from_seq"] for name in "abc"] == [6, 2, 1]


def test_a_quiet_account_does_not_make_a_busy_one_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truths, "MAX_EVENTS", 4)
    monkeypatch.setattr(truths, "MAX_EVENTS_OF_ALL", 6)
    kept = truths.Truth()
    kept.remember([appended("quiet", 1)])
    kept.remember([appended("busy", seq) for seq in range(1, 100)])
    assert len(kept._events._order) <= 12
    assert [told_of(kept, name)[0]["from_seq"] for name in ("quiet", "busy")] == [1, 96]
    kept.remember([appended("new", seq) for seq in range(1, 4)])
    assert [told_of(kept, name)[0]["from_seq"] for name in ("quiet", "busy", "new")] == [2, 97, 1]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/_sandbox/truth/carol", "there is no account 'carol'"),
        ("/_sandbox/truth/alice?venue=nyse", "allowed are bhex, binance, mexc, spacedex"),
    ],
)
async def test_no_truth_of_what_is_not_there(path: str, why: str) -> None:
    async with sandbox() as server:
        refused = await server.admin.get(path)
        assert refused.status_code == 400
        assert why in refused.json()["error"]["msg"]


async def test_publishing_goes_on_while_a_truth_is_read() -> None:
    async with sandbox() as server:
        for _ in range(600):
            await server.publish()
        async with server.admin.stream("GET", "/_sandbox/truth/alice") as response:
            lines = response.aiter_lines()
            await anext(lines)
            await server.publish()
            rest = [line async for line in lines]
        assert len(rest) == 600
