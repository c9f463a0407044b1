"""Streams that are there, and are not as the settings say: whoever starts is told, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.server.bus.places import OnNats
from tests.server.nats.servers import Nodes
from tests.server.nats.test_link import linked
from userstream.errors import InvalidSettings
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.bucket import Bucket
from userstream.server.nats.jetstream import JetStream

MB = 1_000_000


def of_drift(logs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What was said of streams that differ."""
    return [log for log in logs if log.get("part") == "drift"]


async def opened(place: OnNats, **changed: int) -> list[Mapping[str, Any]]:
    """What a process with other settings says of the streams when it starts."""
    place.settings = msgspec.structs.replace(place.settings, **changed)
    with capture_logs() as logs:
        async with place.open() as it:
            bus = place.writer(it)
            assert bus._layout.shards == 2
            info = await bus._js.info(bus._layout.events(0))
            assert (info.config.num_replicas, info.config.max_bytes) == (1, 16 * MB)
    return of_drift(logs)


async def test_nothing_is_said_of_streams_that_are_as_the_settings_say(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    assert await opened(place) == []
    assert await opened(place) == []


async def test_streams_stay_as_they_are_and_each_difference_is_told_once(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    await opened(place)
    prefix = place.settings.prefix
    told = await opened(place, replicas=3, max_bytes=32 * MB, shards=7)
    assert {(t["setting"], t["streams"], t["has"], t["wanted"]) for t in told} == {
        ("nats.shards", f"{prefix}-events-0 and 1 more", 2, 7),
        ("nats.replicas", f"{prefix}-events-0 and 3 more", 1, 3),
        ("nats.max_bytes", f"{prefix}-events-0 and 1 more", 16 * MB, 32 * MB),
        ("nats.max_bytes", f"{prefix}-heads-0 and 1 more", 4 * MB, 8 * MB),
    }
    advice = {t["setting"]: t["to_do"] for t in told if t["has"] != 4 * MB}
    assert f"`nats stream edit {prefix}-events-0 --replicas 3`" in advice["nats.replicas"]
    assert f"`nats stream edit {prefix}-events-0 --max-bytes 32000000`" in advice["nats.max_bytes"]
    assert "set it to 2" in advice["nats.shards"]


async def test_what_an_operator_changes_counts_at_once_and_costs_no_event(
    nats_cluster: Nodes,
) -> None:
    place = OnNats(nats_cluster)
    place.settings = msgspec.structs.replace(place.settings, replicas=1)
    async with place.open() as it:
        await it.follow("alice")
        bus = place.writer(it)
        names = [bus._layout.events(n) for n in (0, 1)] + [bus._layout.heads(n) for n in (0, 1)]
        edit = {"num_replicas": 3, "max_bytes": 32 * MB}
        n = 0
        for name in names:
            await bus._js.change(name, lambda config: {**config, **edit})
            for _ in range(20):
                n += 1
                await it.accepted(n)
        assert [event.seq for event in await it.given("alice", n)] == [*range(1, n + 1)]
        for name in names:
            config = (await bus._js.info(name)).config
            assert (config.num_replicas, config.max_bytes) == (3, 32 * MB)


async def test_the_bucket_of_keys_is_told_of_as_well(nats_node: Nodes) -> None:
    settings = NatsSettings(prefix="drifting", replicas=1, max_bytes=16 * MB)
    async with linked(nats_node.url) as link:
        with capture_logs() as logs:
            await Bucket(link, settings, 2.0).make()
        assert of_drift(logs) == []
        other = msgspec.structs.replace(settings, max_bytes=8 * MB)
        with capture_logs() as logs:
            await Bucket(link, other, 2.0).make()
    ((streams, has, wanted),) = [
        (log["streams"], log["has"], log["wanted"]) for log in of_drift(logs)
    ]
    assert (streams, has, wanted) == ("KV_drifting-keys", 16 * MB, 8 * MB)


@pytest.mark.parametrize(
    ("stream", "edit", "mended"),
    [
        ("%s-events-1", {"discard": "old"}, "--discard new"),
        ("%s-events-0", {"max_age": 3_600_000_000_000}, "--max-age 0s"),
        ("%s-events-0", {"max_msgs_per_subject": 5}, "--max-msgs-per-subject -1"),
        ("%s-heads-1", {"discard": "old"}, "--discard new"),
        ("%s-heads-0", {"max_age": 3_600_000_000_000}, "--max-age 0s"),
    ],
)
async def test_streams_that_would_drop_what_was_acknowledged_are_refused(
    nats_node: Nodes, stream: str, edit: Mapping[str, Any], mended: str
) -> None:
    place = OnNats(nats_node)
    name = stream % place.settings.prefix
    async with place.open() as it:
        js = place.writer(it)._js
        await js.change(name, lambda config: {**config, **edit})
    with pytest.raises(InvalidSettings, match=f"nats stream edit {name} {mended}"):
        async with place.open():
            pass


async def test_a_bucket_that_would_drop_keys_is_refused(nats_node: Nodes) -> None:
    settings = NatsSettings(prefix="dropping", replicas=1, max_bytes=16 * MB)
    async with linked(nats_node.url) as link:
        await Bucket(link, settings, 2.0).make()
        aged = {"max_age": 3_600_000_000_000}
        await JetStream(link).change("KV_dropping-keys", lambda config: {**config, **aged})
        with pytest.raises(InvalidSettings, match="nats stream edit KV_dropping-keys --max-age 0s"):
            await Bucket(link, settings, 2.0).make()
