"""Streams: who makes them, whose they are, and what lies in them."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
import pytest

from tests.server.bus.places import OnNats
from tests.server.nats.servers import Nodes
from userstream.errors import InvalidSettings, StoreDamaged, StoreTooNew
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import read_event, read_tick


async def made(nodes: Nodes, prefix: str, metadata: dict[str, str]) -> None:
    """A stream of that name which somebody else made."""
    other = OnNats(nodes)
    async with other.open() as it:
        js: JetStream = it.bus._js  # type: ignore[attr-defined]
        config: dict[str, Any] = {
            "name": f"{prefix}-events-0",
            "subjects": [f"{prefix}.in.0.>"],
            "storage": "file",
            "num_replicas": nodes.replicas,
            "metadata": metadata,
        }
        await js.ask(f"STREAM.CREATE.{config['name']}", config)


@pytest.mark.parametrize(
    ("metadata", "error", "why"),
    [
        ({}, InvalidSettings, "is not ours; choose another nats.prefix"),
        ({"userstream-version": "2"}, StoreTooNew, "have version 2; this userstream knows 1"),
    ],
)
async def test_streams_of_others_are_left_alone(
    nats_node: Nodes, metadata: dict[str, str], error: type[Exception], why: str
) -> None:
    place = OnNats(nats_node)
    await made(nats_node, place.settings.prefix, metadata)
    with pytest.raises(error, match=why):
        async with place.open():
            pass


async def test_who_came_first_decided_on_epoch_and_shards(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    async with place.open() as first:
        epoch = first.bus.epoch
    place.settings = msgspec.structs.replace(place.settings, shards=7)
    async with place.open() as second:
        assert second.bus.epoch == epoch
        assert second.bus._layout.shards == 2  # type: ignore[attr-defined]


async def test_more_copies_than_nodes_are_refused_in_words(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    prefix = f"t{secrets.token_hex(3)}"
    place.settings = msgspec.structs.replace(place.settings, replicas=3, prefix=prefix)
    with pytest.raises(InvalidSettings, match=f"NATS does not make the stream {prefix}-events-0: "):
        async with place.open():
            pass


def test_what_cannot_be_read_is_never_served() -> None:
    with pytest.raises(StoreDamaged, match="an event of a stream cannot be read"):
        read_event("alice", b"{}")
    with pytest.raises(StoreDamaged, match="an event of a stream cannot be read"):
        read_event("alice", b"nonsense")
    later = b'{"v":2,"epoch":"e","seq":1,"time_ms":1,"line":{}}'
    with pytest.raises(StoreTooNew, match="an event has version 2"):
        read_event("alice", later)
    with pytest.raises(StoreTooNew, match="Tick has version 2"):
        read_tick(b'{"v":2}')
