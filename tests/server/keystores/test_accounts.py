"""What every store of accounts does, whether one node uses it or several."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from tests.server.keystores.nodes import Backend, refused, soon, told_by
from userstream.core.closing import End
from userstream.core.listenkeys import Issued
from userstream.core.rest import Credentials
from userstream.core.signing import sign
from userstream.errors import InvalidSettings
from userstream.venue import Refusal
from userstream.venues import names

REJECTED = Refusal.API_KEY_REJECTED


async def test_an_api_key_is_known_on_every_node_at_once(backend: Backend) -> None:
    async with backend.nodes(2, accounts=()) as (a, b):
        added = await a.accounts.add("alice", "k1", "s1")
        assert (await b.identity("k1")) == ("alice", added.fingerprint)
        signed = Credentials("k1", b"message", sign("s1", b"message"), signature_required=True)
        assert await b.accounts.verify(signed) == ("alice", added.fingerprint)
        forged = signed._replace(signature="0" * 64)
        assert await b.accounts.verify(forged) is Refusal.SIGNATURE
        assert await b.accounts.verify(Credentials("k2")) is REJECTED
        await b.accounts.add("alice", "k2", None)
        assert (await a.identity("k2")).account == "alice"
        shown = [(r.name, len(r.api_keys)) for r in a.accounts.listed()]
        assert shown == [(r.name, len(r.api_keys)) for r in b.accounts.listed()] == [("alice", 2)]


async def test_revoking_ends_every_listen_key_that_the_api_key_was_given(backend: Backend) -> None:
    """K9."""
    async with backend.nodes(2) as (a, b):
        second = await a.accounts.add("alice", "second", None)
        both = await a.create("binance")
        assert (await b.create("binance", api_key="second")).key == both.key
        its = [await b.create("mexc", api_key="second") for _ in range(3)]
        kept = [await a.create("mexc"), await a.create("binance", "bob"), await a.create("bhex")]
        await soon(lambda: len(b.keys) == len(a.keys) == 7, 1)
        gone = await a.accounts.revoke("alice", second.fingerprint)
        assert gone == ([second.fingerprint], 4)
        ended = [both, *its]
        await soon(lambda: all(n.told(i) for n in (a, b) for i in ended), 1)
        for node in (a, b):
            assert {e for issued in ended for e in node.told(issued)} == {End.REVOKED}
            assert [node.told(issued) for issued in kept] == [[], [], []]
            assert await node.accounts.verify(Credentials("second")) is REJECTED
            for issued in ended:
                assert await node.knows(issued.record.venue, issued.key) is None
        assert (await b.create("binance")).key != both.key


@pytest.mark.parametrize("venue", names())
async def test_no_key_outlives_a_revocation_that_it_races_with(
    backend: Backend, venue: str
) -> None:
    async with backend.nodes(2) as (a, b):
        for i in range(8):
            await a.accounts.add("alice", f"k{i}", None)
            identity = await b.identity(f"k{i}")
            made, _ = await asyncio.gather(
                b.asked(venue, identity), a.accounts.revoke("alice", identity.api_key)
            )
            if isinstance(made, Issued):
                await soon(partial(told_by, made, a, b), 1)
            else:
                assert made is REJECTED
            assert await b.keys.owned_by(venue, "alice") == []


async def test_revoking_all_and_what_cannot_be_revoked(backend: Backend) -> None:
    async with backend.nodes(2) as (a, b):
        made = await a.create("spacedex")
        with pytest.raises(InvalidSettings, match="no API key"):
            await b.accounts.revoke("alice", "0" * 12)
        with pytest.raises(InvalidSettings, match="no account"):
            await b.accounts.revoke("nobody", None)
        assert (await b.accounts.revoke("alice", None)).listen_keys == 1
        await soon(lambda: a.told(made) == [End.REVOKED], 1)
        with pytest.raises(InvalidSettings, match="no API key"):
            await a.accounts.revoke("alice", None)
        await a.accounts.add("alice", "alicekey", None)  # an operator may change her mind
        again = await b.create("spacedex")
        assert again.key != made.key


async def test_an_api_key_has_one_account(backend: Backend) -> None:
    async with backend.nodes(2) as (a, b):
        with pytest.raises(InvalidSettings, match="another account"):
            await b.accounts.add("bob", "alicekey", None)
        both = await asyncio.gather(
            a.accounts.add("alice", "new", None), b.accounts.add("bob", "new", None),
            return_exceptions=True,
        )  # fmt: skip
        assert sum(isinstance(done, InvalidSettings) for done in both) == 1
        owner = (await a.identity("new")).account
        assert owner == (await b.identity("new")).account
        # The account that was too late gives the key back a moment after.
        kept = {"alice": 1, "bob": 1} | {owner: 2}
        await soon(lambda: {r.name: len(r.api_keys) for r in b.accounts.listed()} == kept, 1)
        with pytest.raises(InvalidSettings, match="printable"):
            await a.accounts.add("alice", "", None)
        with pytest.raises(InvalidSettings, match="allowed is"):
            await a.accounts.add("a b", "x", None)


async def test_a_refused_create_leaves_nothing(backend: Backend) -> None:
    async with backend.nodes(2) as (a, b):
        identity = await a.identity("alicekey")
        made = [await a.create("mexc") for _ in range(60)]
        assert refused(await b.asked("mexc", identity)) is Refusal.LISTEN_KEYS_EXHAUSTED
        await b.keys.end([issued.record for issued in made], End.DELETED)
        await soon(lambda: len(a.keys) == len(b.keys) == 0, 1)
