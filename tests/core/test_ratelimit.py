"""Weights by address: a window used up, a ban for whoever goes on, and never more memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.core.limits import Limits
from userstream.core.ratelimit import RateLimiter, Taken, Verdict
from userstream.venue import Refusal

NOW = 1_499_827_319_559
TOO_MANY, BANNED = Refusal.TOO_MANY_REQUESTS, Refusal.BANNED


def limiter(weight: int = 3, window_s: int = 60, **limits: int) -> RateLimiter:
    return RateLimiter(Limits(**limits), weight=weight, window_s=window_s)


def use_up(limiter: RateLimiter, now_ms: int, *, times: int = 1, name: str = "ip") -> Verdict:
    verdict = limiter.take(name, 3, now_ms)
    for _ in range(times):
        verdict = limiter.take(name, 1, now_ms)
    return verdict


def test_weights_add_up_to_the_limit_and_no_further() -> None:
    it = limiter()
    assert it.take("ip", 1, 0) == Verdict(1)
    assert it.take("ip", 2, 1) == Verdict(3)
    assert it.take("ip", 1, 2) == Verdict(3, TOO_MANY, 60, 3)


def test_a_light_request_still_fits_where_a_heavy_one_does_not() -> None:
    it = limiter()
    it.take("ip", 2, 0)
    assert it.take("ip", 2, 0) == Verdict(2, TOO_MANY, 60, 3)
    assert it.take("ip", 1, 0) == Verdict(3)


@pytest.mark.parametrize(
    ("now_ms", "wait_s"), [(0, 60), (1, 60), (1_000, 59), (59_001, 1), (59_999, 1)]
)
def test_the_wait_ends_with_the_window(now_ms: int, wait_s: int) -> None:
    it = limiter()
    assert use_up(it, now_ms).retry_after_s == wait_s
    assert it.take("ip", 1, now_ms + wait_s * 1000).refusal is None


def test_a_new_window_begins_to_the_millisecond() -> None:
    it = limiter()
    use_up(it, 0)
    assert it.take("ip", 1, 59_999).refusal is TOO_MANY
    assert it.take("ip", 1, 60_000) == Verdict(1)


def test_addresses_do_not_disturb_each_other() -> None:
    it = limiter()
    use_up(it, 0)
    assert it.take("other", 1, 0) == Verdict(1)


def test_pools_of_an_address_are_counted_apart() -> None:
    it = limiter()
    assert it.take("ip", 3, 0, "a") == Verdict(3)
    assert it.take("ip", 1, 0, "a").refusal is TOO_MANY
    assert it.take("ip", 1, 0, "b") == Verdict(1)
    assert it.take("ip", 1, 0) == Verdict(1)


def test_a_ban_is_of_the_address_in_all_its_pools() -> None:
    it = limiter(ban_after_refusals=1)
    it.take("ip", 3, 0, "a")
    for _ in range(2):
        it.take("ip", 1, 0, "a")
    assert it.take("ip", 1, 1, "b") == Verdict(0, BANNED, 120, 120_000)


def test_the_eleventh_refusal_is_a_ban_of_two_minutes() -> None:
    it = limiter()
    assert use_up(it, 5, times=10).refusal is TOO_MANY
    assert it.take("ip", 1, 5) == Verdict(3, BANNED, 120, 120_005)


def test_refusals_of_an_earlier_window_are_forgiven() -> None:
    it = limiter()
    use_up(it, 0, times=10)
    assert use_up(it, 60_000, times=10).refusal is TOO_MANY


def test_a_ban_lasts_to_the_millisecond_however_many_requests_come() -> None:
    it = limiter()
    use_up(it, 0, times=11)
    assert it.take("ip", 1, 119_001) == Verdict(0, BANNED, 1, 120_000)
    assert it.take("ip", 0, 119_999) == Verdict(0, BANNED, 1, 120_000)
    assert it.take("ip", 1, 120_000) == Verdict(1)


def test_bans_double_up_to_three_days() -> None:
    it = limiter()
    now_ms, waits = 0, []
    for _ in range(30):
        waits.append(use_up(it, now_ms, times=11).retry_after_s)
        now_ms += waits[-1] * 1000
        now_ms += -now_ms % 60_000
    assert waits[:5] == [120, 240, 480, 960, 1920]
    assert waits[11:] == [245_760, *[259_200] * 18]


def test_after_a_ban_it_takes_as_many_refusals_again() -> None:
    it = limiter()
    use_up(it, 0, times=11)
    assert use_up(it, 120_000, times=10).refusal is TOO_MANY


def test_a_ban_that_ends_within_its_window_leaves_the_window_used_up() -> None:
    it = limiter(ban_s=10)
    use_up(it, 0, times=11)
    for _ in range(10):
        assert it.take("ip", 1, 10_000) == Verdict(3, TOO_MANY, 50, 3)
    assert it.take("ip", 1, 10_000) == Verdict(3, BANNED, 20, 30_000)


def test_a_request_without_weight_is_never_too_many() -> None:
    it = limiter()
    assert use_up(it, 0).refusal is TOO_MANY
    assert it.take("ip", 0, 0) == Verdict(3)


def test_a_request_heavier_than_the_limit_is_refused_and_counts_nothing() -> None:
    it = limiter()
    assert it.take("ip", 4, 0) == Verdict(0, TOO_MANY, 60, 3)
    assert it.take("ip", 3, 0) == Verdict(3)


def test_the_address_that_was_unseen_longest_is_forgotten_first() -> None:
    it = limiter(tracked_addresses=2)
    it.take("a", 3, 0)
    it.take("b", 3, 0)
    it.take("a", 1, 0)
    it.take("c", 1, 0)
    assert len(it) == 2
    assert it.take("a", 1, 0).refusal is TOO_MANY
    assert it.take("b", 1, 0) == Verdict(1)


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 4), st.integers(0, 40_000))),
    st.integers(1, 4),
)
def test_no_window_grants_more_than_its_weight(
    requests: list[tuple[str, int, int]], most: int
) -> None:
    it = limiter(weight=5, tracked_addresses=most + 6)
    granted: dict[tuple[str, int], int] = {}
    now_ms = 0
    for name, weight, wait_ms in requests:
        now_ms += wait_ms
        verdict = it.take(name, weight, now_ms)
        window = (name, now_ms // 60_000)
        if verdict.refusal is None:
            granted[window] = granted.get(window, 0) + weight
            assert verdict.used == granted[window] <= 5
        else:
            assert verdict.retry_after_s >= 1
    assert len(it) <= 6


# ── several nodes ───────────────────────────────────────────────────────────────────────────────


def test_what_other_nodes_let_through_counts_here() -> None:
    a, b = limiter(10, 60), limiter(10, 60)
    assert a.taken() == b.taken() == []
    a.take("ip", 3, NOW)
    a.take("ip", 4, NOW)
    a.take("ip", 1, NOW, "pool")
    told = a.taken()
    window = NOW // 60_000
    assert told == [Taken("ip", "", window, 7), Taken("ip", "pool", window, 1)]
    assert a.taken() == []
    for taken in told:
        b.hear(taken)
    assert b.taken() == []  # what was heard is not told again
    assert b.take("ip", 3, NOW).used == 10
    assert b.take("ip", 1, NOW).refusal is Refusal.TOO_MANY_REQUESTS
    assert b.take("ip", 1, NOW, "pool").used == 2


def test_what_is_refused_is_not_told() -> None:
    a = limiter(10, 60)
    a.taken()
    a.take("ip", 11, NOW)
    assert a.taken() == []


def test_weight_of_another_window_counts_there() -> None:
    it = limiter(10, 60)
    it.take("ip", 9, NOW)
    window = NOW // 60_000
    it.hear(Taken("ip", "", window - 1, 5))
    assert it.take("ip", 1, NOW).used == 10
    it.hear(Taken("ip", "", window + 1, 5))
    assert it.take("ip", 1, NOW + 60_000).used == 6
