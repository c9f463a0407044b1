"""L9: a stream whose subscription is gone while its socket stays open."""

from __future__ import annotations

import time

import pytest

from tests.client.gathering import gathered
from tests.reliability.server.proof import NONE, differences
from tests.server.running import running, until
from tests.venues.orders import order
from userstream import Gap, State, UserStream
from userstream.venues import names

HEARTBEAT_S = 1


@pytest.mark.parametrize("venue", names())
async def test_l9_a_client_notices_within_2_heartbeats_and_loses_nothing(venue: str) -> None:
    async with running() as server:
        urls = server.service.urls
        stream = UserStream(
            venue, key="alicekey", rest_url=f"{urls['rest']}/{venue}",
            stream_url=f"{urls['stream']}/{venue}", extension=True, heartbeat_s=HEARTBEAT_S,
            states=True,
        )  # fmt: skip
        async with stream, gathered(stream) as seen:
            await stream.live(10)
            acked: list[int] = []

            async def publish() -> None:
                acked.append(len(acked) + 1)
                await server.publish(event=order(order_id=str(acked[-1])))

            for _ in range(3):
                await publish()
            await seen.until(lambda: len(seen.orders) == 3)
            fanout = server.service.edge._fanout
            (zombie,) = fanout._reading["alice"]
            fanout.remove(zombie)
            began = time.monotonic()
            for _ in range(3):
                await publish()
            await until(lambda: len(seen.orders) == 6, within_s=20)
            took_s = time.monotonic() - began
            await publish()
            await seen.until(lambda: len(seen.orders) == 7)
    assert took_s <= 2 * HEARTBEAT_S + 1, f"it took {took_s:.1f} s"  # 1 s for a busy machine
    assert seen.states.count(State.LIVE) >= 1
    assert not seen.of(Gap)
    got = [int(event.order_id) for event in seen.orders]
    assert differences({"alice": acked}, [("alice", got)]) == NONE
