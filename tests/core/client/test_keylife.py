"""KeyLife: every state with every step, and every wait to the millisecond."""

from __future__ import annotations

import itertools

import pytest

from tests.core.client.values import half
from userstream.core.client.bounds import Bounds, back_off
from userstream.core.client.keylife import KEY_TRANSITIONS, AskKey, KeyLife, KeyState, KeyStep
from userstream.core.client.requests import NO_ANSWER, Answer, Verdict
from userstream.venue import Call, KeyPolicy

POLICY = KeyPolicy(length=60)
MIN = 60_000
GRANTED = Answer(Verdict.GRANTED, "key")
RENEWED = Answer(Verdict.GRANTED)
UNKNOWN = Answer(Verdict.KEY_UNKNOWN)


def life(policy: KeyPolicy = POLICY) -> KeyLife:
    return KeyLife(policy, Bounds(), half)


def in_state(state: KeyState) -> KeyLife:
    it = life()
    if state is KeyState.NONE:
        return it
    (asked,) = it.tick(0)
    if state is KeyState.MAKING:
        return it
    it.answered(asked.number, GRANTED, 100)
    if state is KeyState.RENEWING:
        it.tick(20 * MIN)
    if state is KeyState.OVER:
        it.end(delete=False)
    assert it.state is state
    return it


def test_the_table_has_every_step_that_can_happen() -> None:
    every = set(itertools.product(KeyState, KeyStep))
    awaiting = {KeyState.MAKING, KeyState.RENEWING}
    cannot = {
        (state, step)
        for state, step in every
        if state is KeyState.OVER
        or (step in {KeyStep.GRANT, KeyStep.FAIL} and state not in awaiting)
        or (step is KeyStep.ASK and state in awaiting)
        or (step is KeyStep.DIE and state in {KeyState.NONE, KeyState.MAKING})
    }
    assert set(KEY_TRANSITIONS) == every - cannot


@pytest.mark.parametrize("state", KeyState)
@pytest.mark.parametrize("step", KeyStep)
def test_a_step_leads_where_the_table_says_and_nowhere_else(state: KeyState, step: KeyStep) -> None:
    it = in_state(state)
    number = it._number
    late = 20 * MIN
    match step:
        case KeyStep.ASK:
            it.tick(late)
        case KeyStep.GRANT:
            it.answered(number, GRANTED, late)
        case KeyStep.FAIL:
            it.answered(number, NO_ANSWER, late)
        case KeyStep.DIE:
            it.die(late)
        case _:
            it.end(delete=False)
    if (state, step) == (KeyState.MAKING, KeyStep.ASK):  # nobody answered: asked again, later
        assert it.state is KeyState.NONE
    elif (state, step) == (KeyState.RENEWING, KeyStep.ASK):
        assert it.state is KeyState.RENEWING
    else:
        assert it.state is KEY_TRANSITIONS.get((state, step), state)


def test_a_key_is_asked_for_at_once_and_renewed_between_10_and_15_minutes_later() -> None:
    it = life()
    assert it.deadline() == 0
    assert it.tick(0) == [AskKey(1, Call.CREATE, None)]
    assert it.tick(1) == []
    it.answered(1, GRANTED, 100)
    assert (it.key, it.lives(100), it.lives(60 * MIN - 1), it.lives(60 * MIN)) == (
        "key", True, True, False,
    )  # fmt: skip
    assert it.deadline() == 100 + 750_000
    assert it.tick(it.due_ms - 1) == []
    assert it.tick(it.due_ms) == [AskKey(2, Call.RENEW, "key")]
    it.answered(2, RENEWED, 750_200)
    assert it.key == "key"
    assert it.lives_until_ms == 750_100 + 60 * MIN
    assert it.proved_ms == 750_100


def test_a_key_that_lives_shorter_is_renewed_in_proportion() -> None:
    it = life(KeyPolicy(length=60, life_ms=36_000))
    it.tick(0)
    it.answered(1, GRANTED, 0)
    assert it.deadline() == 7_500


def test_a_renewal_that_fails_is_tried_within_seconds_then_slower_up_to_a_minute() -> None:
    it = in_state(KeyState.RENEWING)
    now = 20 * MIN
    waits = []
    for _ in range(9):
        it.answered(it._number, NO_ANSWER, now)
        waits.append(it.due_ms - now)
        now = it.due_ms
        it.tick(now)
    assert waits == [750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000, 45_000]
    assert it.failures == 9


def test_retry_after_is_kept() -> None:
    it = in_state(KeyState.RENEWING)
    it.answered(it._number, Answer(Verdict.BUSY, retry_after_ms=30_000), 0)
    assert it.due_ms == 30_000


def test_back_off_is_jittered_between_half_and_all_of_it() -> None:
    assert [back_off(Bounds(), 3, unit) for unit in (0.0, 1.0)] == [2_000, 4_000]
    assert back_off(Bounds(), 0, 1.0) == 1_000
    assert back_off(Bounds(), 99, 1.0) == 60_000


def test_a_dead_key_costs_one_new_one_and_never_more_than_one_request_in_five_seconds() -> None:
    it = in_state(KeyState.RENEWING)
    it.answered(it._number, UNKNOWN, 20 * MIN)
    assert (it.key, it.deadline()) == (None, 20 * MIN)
    (asked,) = it.tick(20 * MIN)
    assert asked.call is Call.CREATE
    it.answered(asked.number, GRANTED, 20 * MIN + 10)
    it.die(20 * MIN + 20)
    assert it.tick(20 * MIN + 4_999) == []
    assert [a.call for a in it.tick(20 * MIN + 5_000)] == [Call.CREATE]
    it.answered(it._number, NO_ANSWER, 20 * MIN + 5_010)
    assert it.deadline() == 20 * MIN + 10_000


def test_a_new_key_without_a_key_in_the_answer_is_a_failure_and_so_is_unknown_to_post() -> None:
    for answer in (RENEWED, UNKNOWN):
        it = in_state(KeyState.MAKING)
        it.answered(1, answer, 10)
        assert (it.state, it.failures) == (KeyState.NONE, 1)


def test_nobody_answers() -> None:
    it = in_state(KeyState.MAKING)
    assert it.deadline() == 20_000
    assert it.tick(19_999) == []
    assert it.tick(20_000) == []
    assert (it.failures, it.deadline()) == (1, 20_750)
    it.answered(1, GRANTED, 20_100)
    assert it.key is None


def test_a_key_past_its_life_is_given_up() -> None:
    it = in_state(KeyState.HELD)
    it.due_ms = 99 * MIN
    assert it.deadline() == 60 * MIN
    assert [a.call for a in it.tick(60 * MIN)] == [Call.CREATE]


def test_sleep_ages_a_key_and_renews_it_at_once() -> None:
    it = in_state(KeyState.HELD)
    it.age(10 * MIN, 5_000)
    assert (it.lives_until_ms, it.deadline()) == (50 * MIN, 5_000)
    it = in_state(KeyState.MAKING)
    it.age(10 * MIN, 5_000)
    assert it.deadline() == 20_000


def test_a_key_that_is_doubted_is_renewed_at_once_where_it_is_held() -> None:
    it = in_state(KeyState.HELD)
    it.doubt(5_000)
    assert it.tick(5_000) == [AskKey(2, Call.RENEW, "key")]
    none = in_state(KeyState.NONE)
    none.tick(0)
    none.answered(1, NO_ANSWER, 0)
    due_ms = none.due_ms
    none.doubt(0)
    assert none.due_ms == due_ms


def test_a_mended_clock_ends_the_wait_of_a_request_that_failed() -> None:
    it = in_state(KeyState.MAKING)
    it.answered(1, Answer(Verdict.CLOCK), 100)
    it.hurry(200)
    assert it.deadline() == 5_000
    it = in_state(KeyState.HELD)
    due = it.due_ms
    it.hurry(200)
    assert it.due_ms == due


def test_the_end_deletes_only_where_that_is_asked() -> None:
    assert in_state(KeyState.HELD).end(delete=False) == []
    it = in_state(KeyState.HELD)
    assert it.end(delete=True) == [AskKey(2, Call.DELETE, "key")]
    assert it.deadline() is None
    assert it.end(delete=True) == []
    assert in_state(KeyState.NONE).end(delete=True) == []


def test_nothing_secret_is_shown() -> None:
    it = in_state(KeyState.HELD)
    assert repr(it) == "<KeyLife HELD>"
    assert repr(AskKey(2, Call.RENEW, "key")) == "<AskKey 2 RENEW>"
