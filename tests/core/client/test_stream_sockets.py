"""Stream: sockets that break, and what our own server replays."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.client.rig import Rig, changes, gaps
from tests.core.client.values import CURSOR, HOUR, T, mark
from userstream.core.client import inputs
from userstream.core.client.actions import AbandonRepair, StartRepair
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import CloseSocket, OpenSocket, SendPing
from userstream.core.client.requests import NO_ANSWER, Answer, Verdict
from userstream.core.client.told import Gap, State
from userstream.venue import Call, Notice

# ── sockets ─────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_socket_is_replaced_after_a_wait_and_what_was_missed_is_fetched() -> None:
    rig = Rig(repair=True).live()
    rig.give(inputs.Repaired())
    rig.until(30_000)
    assert changes(rig.give(inputs.Closed(1))) == [State.BLIND]
    rig.until(rig.now + 100)
    assert rig.last(OpenSocket).socket == 2
    rig.open()
    assert rig.last(StartRepair).since_ms == T + 30_000


def test_a_server_that_accepts_and_closes_is_left_alone_longer_and_longer() -> None:
    rig = Rig().live()
    times = []
    for number in range(1, 8):
        rig.give(inputs.Closed(number))
        before = rig.now
        while rig.last(OpenSocket).socket == number:
            rig.until(rig.stream.deadline() or 0)
        times.append(rig.now - before)
        rig.open()
    assert times == [750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000]


def test_retry_after_of_a_handshake_is_kept() -> None:
    rig = Rig()
    rig.start()
    rig.grant()
    rig.give(inputs.Refused(1, Answer(Verdict.BUSY, retry_after_ms=30_000)))
    rig.until(29_999)
    assert rig.count(OpenSocket) == 1
    rig.until(30_000)
    assert rig.count(OpenSocket) == 2


def test_a_silent_socket_is_noticed_and_blindness_told_within_30_seconds() -> None:
    rig = Rig().live()
    rig.until(28_000, alive=False)
    assert CloseSocket(1, "silent") in rig.done
    assert rig.state is State.BLIND
    assert rig.count(SendPing) == 2


def test_before_the_daily_cut_the_next_socket_is_there_first() -> None:
    rig = Rig().live()
    due = round(24 * HOUR * (1 - 1.5 / 48))
    rig.stream.keys.lives_until_ms = rig.stream.keys.due_ms = 25 * HOUR
    rig.until(due)
    assert rig.last(OpenSocket).socket == 2
    assert rig.state is State.LIVE
    assert CloseSocket(1, "replaced") not in rig.done
    rig.open()
    rig.until(rig.now + 1_999)
    assert CloseSocket(1, "replaced") not in rig.done
    rig.until(rig.now + 1)
    assert CloseSocket(1, "replaced") in rig.done
    assert changes(rig.done) == [State.LIVE]


def test_a_next_socket_that_does_not_come_is_told_while_the_old_one_lives_on() -> None:
    rig = Rig().live()
    rig.give(inputs.Controlled(1, mark("us.end", reason="shutdown"), True))
    for number in (2, 3):
        assert rig.state is State.LIVE
        assert rig.last(OpenSocket).socket == number
        rig.give(inputs.Refused(number, NO_ANSWER))
        rig.until(rig.now + 5_000)
    assert rig.state is State.DEGRADED


def test_an_announced_end_of_the_key_asks_for_another_before_the_close() -> None:
    rig = Rig().live()
    rig.now = 10_000
    actions = rig.give(inputs.Controlled(1, mark("us.end", reason="deleted"), True))
    assert [a.call for a in actions if isinstance(a, AskKey)] == [Call.CREATE]


def test_two_sockets_where_that_is_wanted() -> None:
    rig = Rig(redundant=True).live()
    assert rig.last(OpenSocket).socket == 2
    assert rig.state is State.DEGRADED
    rig.open()
    assert rig.state.value == "live"
    assert changes(rig.give(inputs.Closed(1))) == [State.DEGRADED]
    assert not gaps(rig.done)


def test_a_refused_subscription_is_tried_again_on_another_socket() -> None:
    rig = Rig("mexc")
    rig.start()
    rig.grant()
    rig.give(inputs.Opened(1))
    actions = rig.give(inputs.Heard(1, Notice(refused="Blocked!")))
    assert CloseSocket(1, "subscription refused: Blocked!") in actions
    rig.until(5_000)
    assert rig.last(OpenSocket).socket == 2


def test_the_program_stops_and_only_a_key_that_nobody_shares_is_deleted() -> None:
    assert Rig("binance").live().give(inputs.Stop())[:1] == [CloseSocket(1, "stopped")]
    for venue, asked, deleted in [
        ("binance", None, 0), ("binance", True, 1), ("mexc", None, 1), ("mexc", False, 0),
    ]:  # fmt: skip
        rig = Rig(venue).live()
        actions = rig.give(inputs.Stop(asked))
        assert sum(isinstance(a, AskKey) for a in actions) == deleted
        assert rig.stream.deadline() is None


# ── our own server ──────────────────────────────────────────────────────────────────────────────


def ours(**options: Any) -> Rig:
    rig = Rig(heartbeat_s=10, **options).live()
    rig.continuity.cursor = CURSOR
    return rig


def test_a_hole_is_filled_from_the_cursor() -> None:
    rig = ours()
    actions = rig.give(inputs.Controlled(1, mark("us.heartbeat", 9), False))
    assert CloseSocket(1, "a frame is missing") in actions
    assert OpenSocket(2, "key", 10, CURSOR) in actions
    assert rig.state is State.BLIND
    rig.give(inputs.Opened(2))
    actions = rig.give(inputs.Controlled(2, mark("us.resumed", 9), False))
    assert changes(actions) == [State.REPLAYING]
    assert changes(rig.give(inputs.CaughtUp())) == [State.LIVE]
    assert not gaps(rig.done)


def test_where_nothing_was_missed_it_is_live_at_once() -> None:
    rig = ours()
    rig.give(inputs.Holed(1))
    rig.give(inputs.Opened(2))
    assert changes(rig.give(inputs.Controlled(2, mark("us.resumed"), True))) == [State.LIVE]


def test_a_replay_that_breaks_off_is_begun_again() -> None:
    rig = ours()
    rig.give(inputs.Holed(1))
    rig.give(inputs.Opened(2))
    rig.give(inputs.Controlled(2, mark("us.resumed", 9), False))
    assert changes(rig.give(inputs.Closed(2))) == [State.BLIND]
    rig.until(rig.now + 1_000)
    assert rig.last(OpenSocket).resume == CURSOR


@pytest.mark.parametrize("reason", ["too_old", "epoch"])
def test_a_refused_replay_is_repaired_or_told(reason: str) -> None:
    rig = ours()
    rig.give(inputs.Holed(1))
    rig.give(inputs.Opened(2))
    actions = rig.give(inputs.Controlled(2, mark("us.refused", reason=reason), True))
    assert gaps(actions) == [Gap(why=f"no replay: {reason}", from_ms=T)]
    assert rig.state is State.BLIND
    rig = ours(repair=True)
    rig.give(inputs.Repaired())
    rig.give(inputs.Holed(1))
    rig.give(inputs.Opened(2))
    actions = rig.give(inputs.Controlled(2, mark("us.refused", reason=reason), True))
    assert StartRepair(T) in actions
    assert rig.state is State.REPLAYING


def test_what_was_refused_is_not_made_good_by_a_later_replay() -> None:
    rig = ours(repair=True)
    rig.give(inputs.Repaired())
    rig.give(inputs.Holed(1))
    rig.give(inputs.Opened(2))
    rig.give(inputs.Controlled(2, mark("us.refused", reason="too_old"), True))
    rig.give(inputs.Unrepaired("HTTP 500"))
    rig.give(inputs.Closed(2))
    rig.until(rig.now + 5_000)
    rig.give(inputs.Opened(3))
    rig.give(inputs.Controlled(3, mark("us.resumed"), True))
    assert rig.state is State.REPLAYING
    assert rig.last(StartRepair).since_ms == T
    assert changes(rig.give(inputs.Repaired())) == [State.LIVE]


def test_a_repair_is_abandoned_when_the_socket_goes() -> None:
    rig = Rig(repair=True).live()
    actions = rig.give(inputs.Closed(1))
    assert actions[0] == AbandonRepair()
    assert rig.give(inputs.Repaired()) == []
    rig.until(5_000)
    rig.open()
    assert rig.count(StartRepair) == 2
