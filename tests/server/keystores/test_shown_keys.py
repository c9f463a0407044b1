"""A list of listen keys gives them: it ends with the API key that asked for it, as a POST does."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from tests.server.keystores.nodes import Backend, Embedded, Node, soon, told_by
from userstream.core.closing import End
from userstream.core.listenkeys import Issued
from userstream.core.rest import Identity
from userstream.errors import StoreError, StoreUnavailable
from userstream.server.stores.rocks import RocksStore
from userstream.venue import Refusal

OTHER = Identity("alice", "reader")


async def shown(node: Node, identity: Identity = OTHER, venue: str = "mexc") -> list[str]:
    """A list that must be given."""
    done = await node.keys.shown(venue, identity, time.monotonic())
    assert isinstance(done, list)
    return done


async def two(node: Node) -> list[Issued]:
    """Two keys of alice's bot."""
    return [await node.create("mexc"), await node.create("mexc")]


async def test_every_api_key_of_an_account_is_shown_all_of_its_keys(backend: Backend) -> None:
    async with backend.nodes(2) as (a, b):
        made = await two(a)
        bob = await a.create("mexc", "bob")
        for node in (a, b):
            assert await shown(node) == [issued.key for issued in made]
            assert await shown(node, await node.identity("alicekey")) == [i.key for i in made]
            assert await shown(node, Identity("bob", "reader")) == [bob.key]
            assert await shown(node, venue="binance") == []


async def test_keys_end_with_an_api_key_that_was_shown_them(backend: Backend) -> None:
    """K9."""
    async with backend.nodes(2) as (a, b):
        made = await two(a)
        await shown(b)
        await shown(b)
        later = await a.create("mexc")
        assert (await a.renewed(made[0])).record.api_keys[1:] == ("reader",)
        assert await a.keys.revoke("alice", ["reader"]) == 2
        await soon(lambda: all(told_by(issued, a, b) for issued in made), 1)
        for node in (a, b):
            assert [node.told(issued) for issued in made] == [[End.REVOKED]] * 2
            assert await node.keys.owned_by("mexc", "alice") == [later.key]


async def test_showing_renews_nothing(backend: Backend) -> None:
    async with backend.nodes(2) as (a, b):
        made = await two(a)
        await shown(b)
        for node in (a, b):
            for issued in made:
                record = await node.knows("mexc", issued.key)
                assert record is not None
                assert record.expires_ms == issued.record.expires_ms


async def test_who_was_verified_before_the_revocation_is_shown_nothing(backend: Backend) -> None:
    async with backend.nodes(2) as (a, b):
        made = await two(a)
        asked_s = time.monotonic()
        await a.keys.revoke("alice", ["reader"])
        for node in (a, b):
            refused = await node.keys.shown("mexc", OTHER, asked_s)
            assert refused is Refusal.API_KEY_REJECTED
            assert [node.told(issued) for issued in made] == [[], []]


async def test_of_what_was_shown_in_a_race_with_a_revocation_nothing_lives(
    backend: Backend,
) -> None:
    async with backend.nodes(2) as (a, b):
        for _ in range(8):
            made = {issued.key: issued for issued in await two(a)}
            asked_s = time.monotonic()
            lists = [node.keys.shown("mexc", OTHER, asked_s) for node in (b, a) * 3]
            *done, _ = await asyncio.gather(*lists, a.keys.revoke("alice", ["reader"]))
            for one in done:
                if isinstance(one, list):
                    for key in one:
                        await soon(partial(told_by, made[key], a, b), 1)
                else:
                    assert one is Refusal.API_KEY_REJECTED
            left = [i for i in made.values() if not told_by(i, a, b)]
            await a.keys.end([issued.record for issued in left], End.DELETED)


async def test_a_key_that_is_deleted_while_it_is_shown_stays_dead(backend: Backend) -> None:
    async with backend.nodes(2) as (a, b):
        for _ in range(8):
            made = await two(a)
            asked = [node.keys.shown("mexc", OTHER, time.monotonic()) for node in (b, a)]
            deleted = (a.keys.delete("mexc", issued.key, "alice") for issued in made)
            await asyncio.gather(*asked, *deleted)
            await soon(lambda made=made: all(told_by(i, a, b) for i in made), 1)  # type: ignore[misc]
            for node in (a, b):
                assert [await node.knows("mexc", issued.key) for issued in made] == [None, None]


async def test_to_whom_keys_were_shown_outlives_a_restart(tmp_path: Path) -> None:
    embedded, full = Embedded(tmp_path / "data"), StoreUnavailable("the disk is full")
    async with embedded.nodes(1) as (node,):
        await two(node)
        with mock.patch.object(RocksStore, "commit", side_effect=full), pytest.raises(StoreError):
            await shown(node, Identity("alice", "third"))
        await shown(node)
    async with embedded.nodes(1, accounts=()) as (node,):
        assert await node.keys.revoke("alice", ["reader"]) == 2
