"""Errors that nobody expected, in what runs beside all else: it goes on all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest

from tests.server.bus.places import OnNats
from tests.server.nats.servers import Nodes
from tests.server.nats.test_bus_faults import nats_of, shard_of, told
from tests.server.nats.test_readiness import turns
from tests.server.nats.test_service import serving
from tests.server.running import metric, until
from userstream.errors import StoreDamaged, StoreError
from userstream.server.metrics import TASK_FAILURES
from userstream.server.nats import heads
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.fullness import Fullness
from userstream.server.nats.heads import Heads
from userstream.server.nats.history import History
from userstream.server.nats.retention import Retention
from userstream.server.nats.sweep import Sweep


@contextmanager
def failing_once(owner: type, method: str) -> Iterator[list[int]]:
    """A method that fails the first time, and counts its calls."""
    real, calls = getattr(owner, method), [0]

    def call(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == 1:
            raise RuntimeError("nobody expected that")
        return real(*args, **kwargs)

    with mock.patch.object(owner, method, call):
        yield calls


def failures(task: str) -> float:
    value: float = TASK_FAILURES.labels(task)._value.get()
    return value


@pytest.mark.parametrize(
    ("kind", "name", "task"), [(Sweep, "_tails", "sweep"), (History, "after", "follower")]
)
async def test_tails_are_compared_and_holes_repaired_on(
    nats_node: Nodes, kind: type, name: str, task: str
) -> None:
    before = failures(task)
    async with OnNats(nats_node).open() as it:
        await it.follow("alice")
        await it.publish([1])
        with failing_once(kind, name) as calls:
            told(it, "alice", b"UNSUB")
            await it.publish([2, 3])
            assert [e.seq for e in await it.given("alice", 3)] == [1, 2, 3]
        assert calls[0] > 1
        assert failures(task) > before


async def test_heads_are_written_on(nats_node: Nodes) -> None:
    with mock.patch.object(heads, "SETTLES_S", 0.1), failing_once(Heads, "_write") as calls:
        async with OnNats(nats_node).open() as it:
            await it.publish([1])
            place = shard_of(it).base
            await until(lambda: calls[0] > 1 and shard_of(it).floor >= place)
            layout = nats_of(it)._layout
            kept = await nats_of(it)._js.get(
                layout.heads(layout.shard_of("alice")), last_by_subj=layout.head_subject("alice")
            )
            assert kept is not None  # and not forgotten, while the floor went on


async def test_who_waits_for_an_account_is_told(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        with failing_once(History, "reached"):
            followed: asyncio.Future[StoreError | None] = asyncio.Future()
            it.bus.follow("alice", followed.set_result)
            async with asyncio.timeout(5):
                error = await followed
        assert isinstance(error, StoreDamaged)
        assert "nobody expected that" in str(error)
        await it.follow("alice")


async def test_one_shard_does_not_keep_the_others_from_retention(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        swept: list[int] = []

        async def sweep(_: Retention, shard: Any) -> None:
            swept.append(shard.number)
            raise RuntimeError("nobody expected that")

        retention = nats_of(it)._retention
        with (
            mock.patch.object(Retention, "sweep", sweep),
            mock.patch.object(retention, "_limits", mock.Mock(retention_s=0, retention_check_s=0)),
        ):
            await retention.stop()
            retention.start()
            await until(lambda: len(swept) > len(nats_of(it)._appends.shards))
        assert set(swept) == {shard.number for shard in nats_of(it)._appends.shards}


async def test_streams_are_looked_at_on(nats_node: Nodes) -> None:
    with failing_once(Fullness, "look") as calls:
        async with OnNats(nats_node).open() as it:
            await until(lambda: calls[0] > 1 and it.bus.fullness())


async def test_a_process_goes_on_probing(nats_node: Nodes) -> None:
    async with serving(nats_node) as server:
        await turns(server, True)
        probe = server.service.readiness._probe
        assert probe is not None
        with failing_once(NatsBus, "submission") as calls:
            await until(lambda: calls[0] == 1)
            assert "nobody expected that" in probe.trouble
            await until(lambda: calls[0] > 1)
        await until(lambda: not probe.trouble)
        assert metric(server.service, "userstream_task_failures_total", task="probe") >= 1
