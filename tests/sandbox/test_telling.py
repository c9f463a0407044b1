"""Reading truths and logs: every way in which a bot may write down what it got."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from tests.venues.orders import order
from userstream.core.epoch import account_epoch
from userstream.core.publishing import Appended
from userstream.errors import InvalidSettings
from userstream.events import AccountUpdate, Balance, Envelope, Event
from userstream.markets import SANDBOX_MARKETS
from userstream.sandbox.telling import Kind, TruthFile, read_log
from userstream.sandbox.truth import Truth
from userstream.sandbox.verify import Verdict, compare
from userstream.venue import Venue
from userstream.venues import load, names

EPOCH = "epoch123"
ACCOUNT = AccountUpdate(time_ms=5, balances=(Balance(asset="BTC", free="1", locked="0"),))


def loaded(name: str) -> Venue:
    return load(name, None, SANDBOX_MARKETS)


def envelopes(*events: Event) -> list[Envelope]:
    return [Envelope(1, "alice", EPOCH, n, 1_000 + n, e) for n, e in enumerate(events, 1)]


def orders(count: int) -> list[Envelope]:
    return envelopes(*(order(order_id=str(n)) for n in range(count)))


def appended(envelope: Envelope) -> Appended:
    return Appended(
        envelope.account, envelope.epoch, envelope.seq, envelope.time_ms, b"", envelope.event
    )


def truth_of(told: list[Envelope], venue: str = "", *faults: tuple[int, str]) -> TruthFile:
    truth = Truth()
    for envelope in told:
        truth.remember([appended(envelope)])
    for seq, kind in faults:
        truth.struck("alice", {"id": "f1", "kind": kind, "seq": seq}, seq)
    return TruthFile(truth.lines("alice", EPOCH, loaded(venue) if venue else None))


def verdict(told: TruthFile, log: list[Any], **more: Any) -> Verdict:
    lines = [x if isinstance(x, bytes) else json.dumps(x).encode() for x in log]
    heard = read_log(lines, told.venue, loaded)
    wanted = told.of_kind(heard.kind, loaded, **more)
    return compare(wanted.entries, [e for e in heard.entries if e.mark not in wanted.ignored])


def frames(told: list[Envelope], venue: str) -> list[bytes]:
    return [f.payload for e in told for f in loaded(venue).encode(e, None)]


@pytest.mark.parametrize("venue", names())
def test_frames_are_known_as_text_as_objects_and_as_base64(venue: str) -> None:
    told = [*orders(3), *envelopes(*[ACCOUNT] * 4)[3:]]
    raw = frames(told, venue)
    ways: list[list[Any]] = [[{"venue": venue, "frame": base64.b64encode(f).decode()} for f in raw]]
    ways.append([{"frame": w["frame"]} for w in ways[0]])
    if venue != "mexc":
        ways += [raw, [{"frame": f.decode()} for f in raw]]
        ways.append([{"frame": json.loads(f)} for f in raw])
        ways.append([json.dumps(json.loads(f), indent=None).encode() for f in raw])
        ways.append([{"stream": "key", "data": json.loads(f)} for f in raw])
    for log in ways:
        assert verdict(truth_of(told, venue), log) == Verdict(len(raw), [], [], [], [])


def test_differences_are_found_in_frames() -> None:
    told = orders(4)
    raw = frames(told, "binance")
    strange = frames(envelopes(order(order_id="99")), "binance")
    found = verdict(truth_of(told, "binance"), [raw[0], raw[0], raw[3], raw[2], *strange])
    assert [e.place for e in found.missing] == [2]
    assert [e.place for e in found.duplicated] == [2]
    assert len(found.reordered) == 1
    assert [e.place for e in found.invented] == [5]
    assert '"order_id":"99"' in found.invented[0].shown


def test_two_equal_fills_are_two_fills() -> None:
    same = order(order_id="1")
    told = [Envelope(1, "alice", EPOCH, n, 1_000, same) for n in (1, 2)]
    raw = frames(told, "binance")
    assert raw[0] == raw[1]
    assert verdict(truth_of(told, "binance"), raw).clean
    assert len(verdict(truth_of(told, "binance"), raw[:1]).missing) == 1
    assert len(verdict(truth_of(told, "binance"), [*raw, raw[0]]).duplicated) == 1


def test_what_is_no_event_is_counted_and_not_compared() -> None:
    told = orders(1)
    expired = b'{"e":"listenKeyExpired","E":5,"listenKey":"x"}'
    log = [expired, b'{"ping":5}', b'{"result":null,"id":1}', b"[]", b"7", *frames(told, "binance")]
    heard = read_log(log, "binance", loaded)
    assert (heard.kind, len(heard.entries), heard.others) == (Kind.FRAMES, 1, 5)
    ack = {"id": 0, "code": 0, "msg": "PONG"}
    assert read_log([json.dumps(ack).encode()], "mexc", loaded).others == 1


def test_envelopes_are_known_by_their_place() -> None:
    told = orders(3)
    epoch = account_epoch(EPOCH, "alice")
    log = [{"epoch": epoch, "seq": n, "event": {"type": "anything"}} for n in (1, 3, 3, 4)]
    found = verdict(truth_of(told), log)
    assert [e.place for e in found.missing] == [2]
    assert [e.place for e in found.duplicated] == [3]
    assert [e.place for e in found.invented] == [4]
    foreign = [{"epoch": "otherepoch", "seq": 1, "event": {}}]
    assert len(verdict(truth_of(told), foreign).invented) == 1


def test_events_are_known_by_what_they_say() -> None:
    told = [*orders(2), *envelopes(*[ACCOUNT] * 3)[2:]]
    events = [line["event"] for line in truth_of(told)._events]
    assert verdict(truth_of(told), events).clean
    assert verdict(truth_of(told), [{"event": e} for e in events]).clean
    assert len(verdict(truth_of(told), events[1:]).missing) == 1
    other = {"type": "something_new"}
    assert read_log([json.dumps(other).encode()], "", loaded).others == 1


@pytest.mark.parametrize("venue", names())
def test_events_of_a_decoder_are_compared_with_what_the_dialect_shows(venue: str) -> None:
    told = orders(3)
    got = [
        msgspec.json.encode(r.event)
        for payload in frames(told, venue)
        for r in loaded(venue).decode(payload)
    ]
    assert verdict(truth_of(told, venue), got).clean
    assert len(verdict(truth_of(told, venue), got[1:]).missing) == 1


def test_a_part_may_be_compared() -> None:
    told = orders(5)
    raw = frames(told, "binance")
    assert verdict(truth_of(told, "binance"), raw[2:4], seqs=range(3, 5)).clean
    assert not verdict(truth_of(told, "binance"), raw[2:4], seqs=range(3, 6)).clean
    # What lies outside is neither missing nor invented.
    assert verdict(truth_of(told, "binance"), raw, seqs=range(3, 5)).clean


def test_on_mexc_only_the_channels_that_were_subscribed_to() -> None:
    told = [*envelopes(order(execution="TRADE", trade_id="t", last_quantity="1", last_price="1"))]
    log = [
        {"frame": base64.b64encode(f.payload).decode()}
        for e in told
        for f in loaded("mexc").encode(e, None)
        if "deals" in f.channel
    ]
    assert len(log) == 1
    assert len(verdict(truth_of(told, "mexc"), log).missing) == 1
    assert verdict(truth_of(told, "mexc"), log, channels=["deals"]).clean


def test_what_a_fault_took_is_said_to_be_a_faults_doing() -> None:
    told = orders(2)
    truth = truth_of(told, "binance", (2, "drop"))
    assert dict(truth.faults) == {"drop": 1}
    found = verdict(truth, frames(told, "binance")[:1])
    assert found.missing[0].shown.endswith("(fault: drop, f1)")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([b"{"], "truth line 1 is not JSON"),
        ([b"[]"], "truth line 1 is not a JSON object"),
        ([b'{"truth":1}', b"{}"], "truth line 2 is neither an event nor a fault"),
        ([b'{"truth":2}'], "the truth has version 2; known is 1"),
        ([b"\xff"], "truth line 1 is not JSON"),
    ],
)
def test_what_is_no_truth(lines: list[bytes], why: str) -> None:
    with pytest.raises(InvalidSettings, match=why):
        TruthFile(lines)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([b"nonsense"], "log line 1 is not JSON"),
        ([b'{"e":"x"}', b'{"type":"order_update"}'], "log line 2: events among frames"),
        ([b'{"frame":"%%%"}'], "log line 1: frame is neither JSON nor base64"),
    ],
)
def test_what_is_no_log(lines: list[bytes], why: str) -> None:
    with pytest.raises(InvalidSettings, match=why):
        read_log(lines, "binance", loaded)


def test_frames_need_a_truth_with_frames() -> None:
    truth = truth_of(orders(1))
    with pytest.raises(InvalidSettings, match="take it with --venue"):
        truth.of_kind(Kind.FRAMES, loaded)
    assert read_log([b'{"e":"x"}'], "", loaded).others == 1
    assert read_log([], "", loaded).kind is Kind.EVENTS


def test_faults_between_events_and_before_them_stand_in_their_place() -> None:
    truth = Truth()
    truth.struck("alice", {"kind": "early"})
    for envelope in orders(2):
        truth.remember([appended(envelope)])
        truth.struck("alice", {"kind": f"after {envelope.seq}"})
    lines = [json.loads(x) for x in truth.lines("alice", EPOCH)]
    assert [x.get("seq") or x.get("fault", {}).get("kind") for x in lines[1:]] == [
        "early", 1, "after 1", 2, "after 2",
    ]  # fmt: skip
    nobodys = account_epoch(EPOCH, "nobody")
    assert [json.loads(x) for x in truth.lines("nobody", EPOCH)] == [
        {"truth": 1, "account": "nobody", "epoch": nobodys, "from_seq": 1, "to_seq": 0}
    ]


@pytest.mark.parametrize(
    "frames", [5, "text", [7], [{"channel": "x"}], [{"text": 5}], [{"base64": "%%%"}]]
)
def test_a_truth_with_broken_frames_is_refused_by_its_line(frames: object) -> None:
    head = {"truth": 1, "account": "alice", "venue": "binance"}
    line = {"seq": 1, "event": {"type": "account_update", "time_ms": 1}, "frames": frames}
    with pytest.raises(InvalidSettings, match="truth line 2: frames"):
        TruthFile([json.dumps(head).encode(), json.dumps(line).encode()])


@pytest.mark.parametrize("place", [{"seq": [1]}, {"seq": {}}, {"epoch": {}}, {"epoch": None}])
def test_an_envelope_whose_place_is_none_is_refused(place: dict[str, object]) -> None:
    line = {"epoch": "e", "seq": 1, "event": {}} | place
    with pytest.raises(InvalidSettings, match="log line 1: epoch is text and seq a number"):
        read_log([json.dumps(line).encode()], "", loaded)
