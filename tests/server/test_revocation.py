"""Revoking: one commit for the API key and its listen keys, or nothing."""

from __future__ import annotations

from tests.server.fakes import SlowStore, on_store
from tests.server.running import rest_of
from userstream.server.records import ACCOUNTS, LISTEN_KEYS
from userstream.server.store import Batch
from userstream.venue import Call


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
