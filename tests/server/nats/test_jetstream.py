"""Questions to JetStream that a node answers which knows less than the others."""

from __future__ import annotations

import pytest

from tests.server.nats.simulated import Nats
from tests.server.nats.simulated_streams import Stream
from tests.server.nats.virtual import VirtualLoop, run_virtually
from userstream.errors import StoreUnavailable
from userstream.server.nats.jetstream import JetStream, Kept


def test_a_message_is_read_though_one_node_says_first_that_nobody_leads() -> None:
    async def main(loop: VirtualLoop) -> Kept | None:
        stream = Stream("s", "s.")
        stream.add("s.a", b"x")
        nats = Nats(loop, [stream])
        link, _ = await nats.link()
        js = JetStream(link)
        nats.failing = 2
        with pytest.raises(StoreUnavailable):
            await js.get("s", last_by_subj="s.a")
        nats.failing = 1
        return await js.get("s", last_by_subj="s.a")

    found = run_virtually(main)
    assert found is not None
    assert found.data == b"x"
