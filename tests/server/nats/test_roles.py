"""Processes that share the work: one holds streams, another answers REST, another writes."""

from __future__ import annotations

import secrets
from pathlib import Path

from tests.server.nats.servers import Nodes, free_ports
from tests.server.nats.test_service import serving
from tests.server.running import take, until
from tests.server.test_revocation import (
    Slow,
    Theirs,
    ends_theirs,
    refuses_what_is_under_way,
)
from tests.venues.orders import order
from userstream.server.nats.bus import NatsBus
from userstream.server.parts import Parts


def secret_in(folder: Path) -> str:
    """The setting ``keys`` of processes that share them."""
    file = folder / "key.secret"
    file.touch(0o600)
    file.write_text(secrets.token_hex(32))
    return f"nats:{file}"


async def test_a_key_of_one_process_opens_a_stream_on_the_next_and_a_third_writes(
    nats_node: Nodes, tmp_path: Path
) -> None:
    prefix, keys = f"s{secrets.token_hex(4)}", secret_in(tmp_path)
    async with (
        serving(nats_node, prefix, keys, roles=("writer",)) as writer,
        serving(nats_node, prefix, keys, roles=("rest",), accounts=()) as rest,
        serving(nats_node, prefix, keys, roles=("stream",), accounts=()) as edge,
    ):
        assert set(writer.service.urls) == {"admin"}
        assert set(rest.service.urls) == {"rest", "admin"}
        assert set(edge.service.urls) == {"stream", "admin"}
        buses = [server.service.bus for server in (writer, rest, edge)]
        mine = [[s.mine for s in b._appends.shards] for b in buses if isinstance(b, NatsBus)]
        assert [any(shards) for shards in mine] == [True, False, False]
        key = await rest.key()
        async with edge.stream("binance", key) as socket:
            for n, server in enumerate((rest, edge, writer), 1):
                answer = await server.publisher.publish("alice", order(order_id=str(n)), n=n)
                assert answer.seq == n
            await until(lambda: ("alice", 3) in edge.seen)
            expected = [
                f.payload
                for n in range(1, 4)
                for f in edge.venues["binance"].encode(*edge.seen["alice", n])
            ]
            assert await take(socket, len(expected)) == expected


async def test_the_keys_of_a_programs_own_api_key_end_on_all_nodes(
    nats_node: Nodes, tmp_path: Path
) -> None:
    prefix, keys = f"s{secrets.token_hex(4)}", secret_in(tmp_path)
    parts = Parts(verifier=Theirs())
    async with (
        serving(nats_node, prefix, keys, accounts=(), parts=parts) as one,
        serving(nats_node, prefix, keys, accounts=(), parts=parts) as two,
    ):
        await ends_theirs(one, two)


async def test_k9_a_post_under_way_on_one_node_is_given_no_key_that_another_revoked(
    nats_node: Nodes, tmp_path: Path
) -> None:
    prefix, keys, verifier = f"s{secrets.token_hex(4)}", secret_in(tmp_path), Slow()
    parts = Parts(verifier=verifier)
    async with (
        serving(nats_node, prefix, keys, accounts=(), parts=parts) as one,
        serving(nats_node, prefix, keys, accounts=(), parts=parts) as two,
    ):
        await refuses_what_is_under_way(verifier, one, two)


async def test_machines_of_one_name_are_told_apart_by_their_addresses(
    nats_node: Nodes, tmp_path: Path
) -> None:
    """Who comes to the place of another one takes its shards at once, as after a restart."""
    prefix, keys = f"s{secrets.token_hex(4)}", secret_in(tmp_path)
    (port,) = free_ports(1)
    places = [f"{host}:{port}" for host in ("127.0.0.1", "127.0.0.2")]
    async with (
        serving(nats_node, prefix, keys, admin=places[0]) as one,
        serving(nats_node, prefix, keys, accounts=(), admin=places[1]) as two,
    ):
        buses = [server.service.bus for server in (one, two)]
        owners = {b._appends.shards[0]._lease._owner for b in buses if isinstance(b, NatsBus)}
        assert len(owners) == 2
