"""K9: a call that was verified before its API key was revoked brings no listen key to life."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from tests.server.keystores.nodes import (
    POLICIES,
    Backend,
    Embedded,
    Node,
    lasting,
    refused,
    soon,
    told_by,
)
from userstream.core.closing import End
from userstream.core.listenkeys import Issued
from userstream.core.rest import Identity
from userstream.errors import StoreError, StoreUnavailable
from userstream.server.keystore import KeyStore
from userstream.server.revocations import KEPT_S, Revocations
from userstream.server.stores.rocks import RocksStore
from userstream.venue import OnCreate, Refusal
from userstream.venues import names

CAROL, OTHER = Identity("carol", "carol-1"), Identity("carol", "carol-2")
REJECTED = Refusal.API_KEY_REJECTED
SHARING = [name for name in names() if POLICIES[name].on_create is OnCreate.REUSE]


async def made(node: Node, venue: str, identity: Identity) -> Issued:
    """A listen key for an API key of an exchange's own, verified just now."""
    done = await node.asked(venue, identity)
    assert isinstance(done, Issued), done
    return done


@pytest.mark.parametrize("venue", names())
async def test_a_post_that_was_verified_before_is_given_no_key(
    backend: Backend, venue: str
) -> None:
    async with backend.nodes(2) as (a, b):
        for asked, revoking in ((a, b), (b, a), (a, a)):
            asked_s = time.monotonic()
            assert await revoking.keys.revoke("carol", ["carol-1"]) == 0
            assert refused(await asked.asked(venue, CAROL, asked_s)) is REJECTED
            for node in (a, b):
                assert await node.keys.owned_by(venue, "carol") == []


@pytest.mark.parametrize("venue", SHARING)
async def test_the_key_of_another_api_key_is_not_given_to_it_either(
    backend: Backend, venue: str
) -> None:
    async with backend.nodes(2) as (a, b):
        kept = await made(a, venue, OTHER)
        asked_s = time.monotonic()
        await a.keys.revoke("carol", ["carol-1"])
        assert refused(await b.asked(venue, CAROL, asked_s)) is REJECTED
        assert await b.keys.owned_by(venue, "carol") == [kept.key]
        assert a.told(kept) == b.told(kept) == []


async def test_other_api_keys_and_later_posts_are_none_of_its_business(backend: Backend) -> None:
    async with backend.nodes(2) as (a, b):
        asked_s = time.monotonic()
        await a.keys.revoke("carol", ["carol-1"])
        for other in (OTHER, Identity("dave", "carol-1")):
            assert isinstance(await b.asked("mexc", other, asked_s), Issued)
        await made(a, "mexc", CAROL)  # it was given back
        await b.knows("mexc", (await made(b, "mexc", CAROL)).key)
        assert await a.keys.revoke("carol", ["carol-1"]) == 2


@pytest.mark.parametrize("venue", names())
async def test_of_posts_that_race_with_it_no_key_is_left(backend: Backend, venue: str) -> None:
    async with backend.nodes(2) as (a, b):
        for _ in range(6):
            asked_s = time.monotonic()
            posts = [node.asked(venue, CAROL, asked_s) for node in (b, a) * 4]
            *done, _ = await asyncio.gather(*posts, a.keys.revoke("carol", ["carol-1"]))
            given = [d for d in done if isinstance(d, Issued)]
            assert {d for d in done if d not in given} <= {REJECTED}
            for issued in given:
                await soon(partial(told_by, issued, a, b), 1)
                assert a.told(issued) == b.told(issued) == [End.REVOKED]
            for node in (a, b):
                assert await node.keys.owned_by(venue, "carol") == []


@pytest.mark.parametrize("venue", names())
async def test_a_renewal_does_not_bring_back_what_it_races_with(
    backend: Backend, venue: str
) -> None:
    async with backend.nodes(2) as (a, b):
        for _ in range(6):
            issued = await made(a, venue, CAROL)
            await b.knows(venue, issued.key)
            renewals = [node.keys.renew(venue, issued.key, "carol") for node in (b, a) * 4]
            *done, ended = await asyncio.gather(*renewals, a.keys.revoke("carol", ["carol-1"]))
            assert ended == 1
            assert {d for d in done if not isinstance(d, Issued)} <= {Refusal.LISTEN_KEY_UNKNOWN}
            await soon(partial(told_by, issued, a, b), 1)
            for node in (a, b):
                assert await node.knows(venue, issued.key) is None
                assert await node.keys.owned_by(venue, "carol") == []


async def test_a_post_of_which_nothing_is_known_any_more_is_told_to_come_again(
    backend: Backend,
) -> None:
    async with backend.nodes(1) as (a,):
        asked_s = time.monotonic() - KEPT_S - 1
        assert refused(await a.asked("binance", CAROL, asked_s)) is Refusal.UNAVAILABLE
        assert await a.keys.owned_by("binance", "carol") == []


def test_revocations_are_known_for_a_minute_and_no_longer() -> None:
    now_s = 1_000.0
    it = Revocations(lambda: now_s)
    it.add(CAROL)
    assert it.refusal(CAROL, 999.0) is it.refusal(CAROL, 1_000.0) is REJECTED
    assert it.refusal(CAROL, 1_000.1) is it.refusal(OTHER, 999.0) is None
    now_s += KEPT_S
    it.add(OTHER)
    assert len(it) == 2
    now_s += 1
    assert it.refusal(CAROL, 1_000.5) is Refusal.UNAVAILABLE
    it.add(OTHER)
    assert len(it) == 1
    assert it.refusal(OTHER, now_s - 1) is REJECTED


async def test_a_revocation_that_could_not_be_stored_is_repeated_and_outlives_a_restart(
    tmp_path: Path,
) -> None:
    embedded, full = Embedded(tmp_path / "data"), StoreUnavailable("the disk is full")
    async with embedded.nodes(1) as (node,):
        issued = await made(node, "mexc", CAROL)
        with mock.patch.object(RocksStore, "commit", side_effect=full), pytest.raises(StoreError):
            await node.keys.revoke("carol", ["carol-1"])
        assert await node.keys.revoke("carol", ["carol-1"]) == 1
        assert await node.knows("mexc", issued.key) is None
    async with embedded.nodes(1) as (node,):
        assert await node.keys.owned_by("mexc", "carol") == []


async def test_a_key_whose_revocation_was_not_stored_ends_in_its_time(tmp_path: Path) -> None:
    async with Embedded(tmp_path / "data").nodes(1, lasting(1_000)) as (node,):
        issued = await made(node, "mexc", CAROL)
        keys = node.keys
        assert isinstance(keys, KeyStore)

        async def late(*_: object) -> None:
            await soon(lambda: keys._alarm._due_ms is None, 10)  # it rang in vain
            raise StoreUnavailable("the disk is full")

        with mock.patch.object(keys._committer, "write", late), pytest.raises(StoreError):
            await keys.revoke("carol", ["carol-1"])
        await soon(lambda: End.EXPIRED in node.told(issued), 10)
