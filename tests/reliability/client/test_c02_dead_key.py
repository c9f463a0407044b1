"""C2: the listen key is dead. A new one within 5 s, never two requests for one in 5 s, 0 lost."""

from __future__ import annotations

import itertools
import time

import msgspec
import pytest

from tests.reliability.client.course import course
from tests.reliability.client.runners import HASTY, Asked, playing
from userstream import State
from userstream.core.client.bounds import Bounds
from userstream.venues import names

by_venue = pytest.mark.parametrize("venue", names())
RENEWING = msgspec.structs.replace(HASTY, renew_from_ms=400, renew_to_ms=600, post_ms=5_000)


def posts(asked: Asked) -> list[float]:
    """When new keys were asked for; never two in 5 s."""
    times = [call.at_s for call in asked.of("POST")]
    assert all(b - a > 4.9 for a, b in itertools.pairwise(times)), times
    return times


@by_venue
async def test_c2_a_key_that_another_client_deletes_is_replaced_in_time(venue: str) -> None:
    async with course(venue) as c, playing(c, bounds=Bounds()) as player:
        await c.trade(10)
        await c.fault("delete-key", account="alice")
        at_s = time.monotonic()
        await c.trade(10, 0.02)
        assert not (await c.verdict(player, 20)).kinds
        assert len(posts(player.asked)) == 2, player.asked.calls
        assert posts(player.asked)[1] - at_s < 5.5  # half a second for a busy machine
        assert player.open_gaps == []


@by_venue
async def test_c2_a_death_that_goes_unsaid_is_found_by_a_renewal(venue: str) -> None:
    async with course(venue) as c, playing(c, bounds=RENEWING) as player:
        await c.fault("silent-key", account="alice")
        await c.fault("delete-key", account="alice")
        await c.trade(10, 0.02)
        verdict = await c.verdict(player, 20)
        assert not verdict.kinds, verdict
        assert len(posts(player.asked)) == 2


async def test_c2_a_death_that_goes_unsaid_shows_when_the_stream_is_compared_with_rest() -> None:
    async with course() as c, playing(c, reconcile_s=1) as player:
        await c.fault("silent-key", account="alice")
        await c.fault("delete-key", account="alice")
        await c.trade(10)
        await player.until(lambda: len(player.asked.of("POST")) == 2, 20)
        await c.trade(10)
        verdict = await c.verdict(player, 20)
        assert not verdict.kinds, verdict


async def test_c2_a_stream_that_opens_on_a_dead_key_is_not_believed_for_long() -> None:
    async with course() as c, playing(c, bounds=RENEWING) as player:
        await c.fault("silent-key", account="alice")
        await c.fault("delete-key", account="alice")
        c.stream.reset()
        await player.until(lambda: c.stream.connections == 2 and c.stream.open == 1)
        await c.trade(10)
        await player.until(lambda: len(posts(player.asked)) == 2, 20)
        await c.trade(10)
        verdict = await c.verdict(player, 20)
        assert not verdict.kinds, verdict


@by_venue
async def test_c2_a_key_that_is_unknown_at_every_renewal_is_no_loop(venue: str) -> None:
    async with course(venue) as c, playing(c, bounds=RENEWING) as player:
        await c.fault("rest", answer="-1125", method="PUT", count=3)
        began = time.monotonic()
        while len(player.asked.of("POST")) < 3:
            await c.trade(1, 0.05)
            assert time.monotonic() - began < 30
        await player.state(State.LIVE)
        verdict = await c.verdict(player)
        assert not verdict.kinds, verdict
        posts(player.asked)
