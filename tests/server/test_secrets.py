"""No secret is ever shown: not in a log, a metric, an error, a ``repr``, or the store."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from typing import Any

import pytest

from tests.server.running import TOKEN, running, take
from tests.server.wire import dial
from userstream.client.publisher import Publisher
from userstream.core.limits import Limits
from userstream.errors import PublishError
from userstream.server import logs
from userstream.venue import Call
from userstream.venues import names

API_KEY, SECRET = "CANARYAPIKEY0001", "CANARYSECRET0002"


@pytest.mark.parametrize("as_json", [True, False])
async def test_no_secret_of_a_whole_life_is_shown(
    as_json: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = io.StringIO()
    handlers = logging.getLogger().handlers[:]
    logs.configure(json=as_json, stream=shown, level=logging.DEBUG)
    logging.getLogger().handlers += handlers
    caplog.set_level(logging.DEBUG)
    limits = Limits(bad_keys_per_ip=2)
    try:
        secrets, texts = await _a_whole_life(limits)
    finally:
        logging.getLogger().handlers = handlers
        logs.configure(json=True)
    captured = capfd.readouterr()
    everything = [shown.getvalue(), captured.out, captured.err, *texts]
    # httpx tells at INFO what it was asked to fetch; that is the client's own log.
    everything += [r.getMessage() for r in caplog.records if not r.name.startswith("http")
                   and not r.name.startswith("websockets")]  # fmt: skip
    assert "serving" in everything[0]
    for secret in secrets:
        for text in everything:
            assert secret not in text, text[:500]


async def _a_whole_life(limits: Limits) -> tuple[list[str], list[str]]:
    secrets, texts = [API_KEY, SECRET, TOKEN], list[str]()
    async with running(limits=limits) as server, contextlib.AsyncExitStack() as exits:
        await server.account("carol", API_KEY, SECRET)
        for venue in names():
            key = await server.key(venue, API_KEY)
            secrets.append(key)
            socket = await exits.enter_async_context(server.stream(venue, key))
            await server.publish("carol")
            await take(socket, 1)
            secrets.append(key[:-1] + ("0" if key[-1] != "0" else "1"))
            texts.append((await server.call(venue, Call.RENEW, API_KEY, key=secrets[-1])).text)
            texts.append((await server.call(venue, Call.RENEW, "alicekey", key=key)).text)
            async with dial(server.service.urls["stream"]) as wire:
                await wire.send(f"GET /{venue}/ws/{key} HTTP/1.1\r\n\r\n".encode())
                texts.append((await wire.rest()).decode())
            with contextlib.suppress(Exception):
                async with server.open(server.url(venue, secrets[-1])):
                    pass
        signed = f"/openapi/v1/userDataStream?timestamp={server.service.clock.ms()}&signature=00"
        bad = await server.rest.post(f"/bhex{signed}", headers={"X-BH-APIKEY": API_KEY})
        texts += [bad.text, (await server.rest.get(f"/nowhere/{API_KEY}")).text[:0]]
        responses = (
            await server.admin.get("/_accounts"),
            await server.admin.get("/_metrics"),
            await server.admin.get("/_events?account=carol"),
            await server.admin.post("/_accounts", json={"account": "x", "api_key": API_KEY}),
            await server.admin.post(
                "/_accounts", json={"account": "!", "api_key": API_KEY, "api_secret": SECRET}
            ),
            await server.admin.get("/_accounts", headers={"authorization": f"Bearer {TOKEN}x"}),
        )
        texts += [response.text for response in responses]
        async with Publisher(server.service.urls["admin"], token=TOKEN + "x") as stranger:
            with pytest.raises(PublishError) as refused:
                await stranger.send([b"{}"])
        stored = server.service.bus._store._values  # type: ignore[attr-defined]
        texts += [str(refused.value), *_reprs(server.service, 4), repr(dict(stored))]
        await server.admin.delete("/_accounts/carol")
    return secrets, texts


def _reprs(root: Any, depth: int) -> list[str]:
    """``repr`` of a service and of what hangs on it, but of no bare strings and containers."""
    found, seen, todo = [], set(), [(root, depth)]
    while todo:
        thing, left = todo.pop()
        if id(thing) in seen or not type(thing).__module__.startswith("userstream.server"):
            continue
        seen.add(id(thing))
        if type(thing).__name__ != "Settings":  # holds what the operator wrote
            found.append(repr(thing))
        if left and hasattr(thing, "__dict__"):
            todo += [(value, left - 1) for value in vars(thing).values()]
    return found


async def test_what_libraries_log_has_the_same_form(capfd: pytest.CaptureFixture[str]) -> None:
    shown = io.StringIO()
    handlers = logging.getLogger().handlers[:]
    logs.configure(json=True, stream=shown)
    try:
        async with running() as server, dial(server.service.urls["rest"]) as wire:
            await wire.send(b"\x00garbage\r\n\r\n")
            await wire.rest()
            try:
                raise ZeroDivisionError("of a library")
            except ZeroDivisionError:
                logging.getLogger("library").exception("failed")
    finally:
        logging.getLogger().handlers = handlers
        logs.configure(json=True)
    lines = [json.loads(text) for text in shown.getvalue().splitlines()]
    parts = {x["part"]: x for x in lines}
    assert parts["uvicorn.error"]["level"] == "warning"
    assert "of a library" in parts["library"]["exception"]
    assert capfd.readouterr().err == ""
