"""Revoking: one commit for the API key and its listen keys, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from tests.server.fakes import SlowStore, on_store
from tests.server.running import Running, rest_of, running, until
from userstream.core.rest import Credentials, Identity
from userstream.errors import StoreError
from userstream.server.parts import Parts
from userstream.server.records import ACCOUNTS, LISTEN_KEYS
from userstream.server.store import Batch
from userstream.venue import Call, Refusal
from userstream.venues import names


async def test_api_key_and_listen_keys_are_stored_as_revoked_in_one_commit() -> None:
    store = SlowStore()
    async with on_store(store) as server:
        await server.key()
        assert len(list(store.scan(*LISTEN_KEYS, 10))) == 1
        commits: list[int] = []
        commit = store.commit

        def counted(batch: Batch) -> None:
            commits.append(len(batch.deletes))
            commit(batch)

        store.commit = counted  # type: ignore[method-assign]
        answer = await server.admin.delete("/_accounts/alice")
        assert answer.json()["listen_keys_ended"] == 1
        assert commits == [1]
        assert list(store.scan(*LISTEN_KEYS, 10)) == []
        stored = dict(store.scan(*ACCOUNTS, 10))
        assert b'"api_keys":[]' in stored[b"a\0alice"]


async def test_a_revocation_that_could_not_be_stored_can_be_repeated() -> None:
    store = SlowStore()
    async with on_store(store) as server, server.stream("binance") as socket:
        store.fail("the disk is full")
        assert (await server.admin.delete("/_accounts/alice")).status_code == 503
        assert (await rest_of(socket))[1] == 1008
        store.heal()
        again = await server.admin.delete("/_accounts/alice")
        assert (again.status_code, again.json()["listen_keys_ended"]) == (200, 1)
        assert list(store.scan(*LISTEN_KEYS, 10)) == []
        made = await server.call("binance", Call.CREATE)
        assert made.status_code == 401


async def test_a_stream_on_a_key_from_a_list_ends_with_the_api_key_that_asked_for_it() -> None:
    async with running() as server:
        key = await server.key("mexc")
        reader = await server.service.accounts.add("alice", "readerkey", None)
        listed = await server.call("mexc", Call.LIST, "readerkey")
        assert listed.json() == {"listenKey": [key]}
        async with server.stream("mexc", key) as socket:
            gone = await server.service.accounts.revoke("alice", reader.fingerprint)
            assert gone.listen_keys == 1
            assert (await rest_of(socket))[2] == "api key revoked"


async def test_an_embedding_program_ends_the_keys_of_an_api_key_of_its_own(tmp_path: Path) -> None:
    verifier = Theirs()
    async with running(
        bus=f"file:{tmp_path / 'data'}", parts=Parts(verifier=verifier), accounts=()
    ) as server:
        await ends_theirs(server, server)
        wrong = await server.admin.delete("/_listen_keys/carol")
        assert wrong.status_code == 400
        assert "api_key=NAME" in wrong.json()["error"]["msg"]
        answer = await server.admin.delete("/_listen_keys/carol?api_key=carol-1")
        assert answer.json() == {"account": "carol", "listen_keys_ended": 0}


class Theirs:
    """An exchange's own API keys: ``carol-1`` and ``carol-2``, and as many of ``dave``."""

    async def verify(self, credentials: Credentials) -> Identity | Refusal:
        account = credentials.api_key.partition("-")[0]
        return Identity(account, credentials.api_key)


class Slow(Theirs):
    """The same, but an answer may be under way for as long as it is held up."""

    def __init__(self) -> None:
        self.waiting = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def verify(self, credentials: Credentials) -> Identity | Refusal:
        found = await super().verify(credentials)
        self.waiting += 1
        await self.goes_on.wait()
        self.waiting -= 1
        return found


async def test_k9_a_post_under_way_in_the_verifier_is_given_no_key(tmp_path: Path) -> None:
    verifier = Slow()
    async with running(
        bus=f"file:{tmp_path / 'data'}", parts=Parts(verifier=verifier), accounts=()
    ) as server:
        await refuses_what_is_under_way(verifier, server, server)


async def refuses_what_is_under_way(verifier: Slow, asked: Running, revoking: Running) -> None:
    """A POST on one server, verified already, while its API key is revoked on another one."""
    kept = await asked.key("binance", "carol-2")
    verifier.goes_on.clear()
    posts = [asyncio.create_task(asked.call(venue, Call.CREATE, "carol-1")) for venue in names()]
    await until(lambda: verifier.waiting == len(posts))
    answer = await revoking.admin.delete("/_listen_keys/carol?api_key=carol-1")
    assert answer.json() == {"account": "carol", "listen_keys_ended": 0}
    verifier.goes_on.set()
    for venue, post in zip(names(), posts, strict=True):
        refused = await post
        form = asked.venues[venue].errors[Refusal.API_KEY_REJECTED]
        assert (refused.status_code, refused.json()["code"]) == (form.status, form.code)
        for server in (asked, revoking):
            live = await server.service.keys.owned_by(venue, "carol")
            assert live == ([kept] if venue == "binance" else [])


async def test_a_key_that_is_revoked_while_a_stream_subscribes_to_it_ends_the_stream() -> None:
    """A subscription under way is on no list yet of those who are told."""
    async with running() as server, server.open("/ws") as socket:
        bus, key = server.service.bus, await server.key()
        then: list[Callable[[StoreError | None], None]] = []
        with mock.patch.object(bus, "follow", lambda _, told: then.append(told)):
            await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [key], "id": 1}))
            assert json.loads(await socket.recv())["result"] is None
        assert (await server.admin.delete("/_accounts/alice")).json()["listen_keys_ended"] == 1
        then[0](None)
        frames, code, text = await rest_of(socket)
        assert (frames, code, text) == ([], 1008, "listen key expired")


async def ends_theirs(made: Running, asked: Running) -> None:
    """Keys of two API keys and two accounts; asked elsewhere, those of one API key end."""
    async with contextlib.AsyncExitStack() as exits:
        keys = {k: await made.key("mexc", k) for k in ("carol-1", "carol-2", "dave-1")}
        sockets = {
            k: await exits.enter_async_context(made.open(made.url("mexc", key)))
            for k, key in keys.items()
        }
        answer = await asked.admin.delete("/_listen_keys/carol?api_key=carol-1")
        assert answer.json() == {"account": "carol", "listen_keys_ended": 1}
        assert (await rest_of(sockets["carol-1"]))[1] == 1008
        for other in ("carol-2", "dave-1"):
            await (await sockets[other].ping())
            assert made.service.keys.find("mexc", keys[other]) is not None
