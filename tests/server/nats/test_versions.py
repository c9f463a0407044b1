"""What processes of another version say: more than this one knows, and still understood."""

from __future__ import annotations

import contextlib
import importlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from tests.server.bus.places import OnNats
from tests.server.bus.test_bus import codes, seqs
from tests.server.nats.servers import Nodes
from tests.server.nats.test_readiness import turns
from tests.server.nats.test_roles import secret_in
from tests.server.nats.test_service import publish_some, serving
from tests.server.running import take
from userstream.venue import Call

SAYING = {
    "appends": "write_event", "heads": "encode", "lease": "encode", "batch": "encode",
    "intake": "encode", "register": "encode", "keys": "encode", "accounts": "encode",
    "places": "encode", "rates": "_encode", "giving": "encode", "spread": "encode",
}  # fmt: skip
"""Where each module makes what it says."""


def saying_more(said: list[str], name: str, before: Callable[..., bytes]) -> Callable[..., bytes]:
    """What a later version might say: the same, and more."""

    def more(*given: Any) -> bytes:
        said.append(name)
        text = before(*given)
        assert text.endswith(b"}")
        json.loads(text)
        return text[:-1] + b',"since_the_next_version":{"a":[1,{}]}}'

    return more


@contextlib.contextmanager
def later_version() -> Any:
    """All that is said from here on has more in it."""
    said: list[str] = []
    with contextlib.ExitStack() as exits:
        for module, name in SAYING.items():
            at = importlib.import_module(f"userstream.server.nats.{module}")
            patch = mock.patch.object(at, name, saying_more(said, module, getattr(at, name)))
            exits.enter_context(patch)
        yield said


async def test_fields_that_are_not_known_are_ignored_by_all_that_is_said(
    nats_node: Nodes, tmp_path: Path
) -> None:
    prefix, keys = f"s{secrets.token_hex(4)}", secret_in(tmp_path)
    with later_version() as said:
        async with (
            serving(nats_node, prefix, keys) as one,
            serving(nats_node, prefix, keys, accounts=(), roles=("rest", "stream")) as two,
        ):
            await turns(two, True)
            key = await one.key("mexc")
            async with two.stream("mexc", key) as mexc, two.stream("binance") as binance:
                await publish_some(two, 1, 5)
                assert len(await take(binance, 5)) == 5
                assert await take(mexc, 5)
            assert (await two.call("mexc", Call.RENEW, key=key)).status_code == 200
    assert set(said) >= set(SAYING) - {"heads", "giving", "spread"}
    # What lies there is read at the next start, without what made it.
    async with serving(nats_node, prefix, keys, accounts=()) as again:
        assert (await again.call("mexc", Call.RENEW, key=key)).status_code == 200
        await publish_some(again, 6, 7)


async def test_heads_that_say_more_are_read_by_the_next_writer(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    with later_version() as said:
        async with place.open() as it:
            assert seqs(await it.publish([1, 2])) == [1, 2]
            await place.settled(it)
    assert "heads" in said
    async with place.open() as it:
        assert codes(await it.publish([2, 3])) == ["Duplicate", "Appended"]
