"""A whole sandbox in this process, and bots of every venue on it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.server.running import Running
from userstream.client.publisher import Publisher
from userstream.core.signing import sign
from userstream.events import StreamEvent
from userstream.sandbox.options import SandboxOptions
from userstream.sandbox.sandbox import Sandbox
from userstream.venue import Need

FREE = {"rest": "127.0.0.1:0", "stream": "127.0.0.1:0", "admin": "127.0.0.1:0"}
NEW = {
    "binance": "/api/v3/order",
    "bhex": "/openapi/v1/order",
    "spacedex": "/api/v1/order",
    "mexc": "/api/v3/order",
}
"""Where each venue takes orders."""


class Bots:
    """A sandbox and what tests do to it."""

    def __init__(self, sandbox: Sandbox, server: Running) -> None:
        self.sandbox = sandbox
        self.server = server

    async def send(
        self,
        venue: str,
        method: str,
        path: str,
        /,
        account: str = "alice",
        *,
        signed: bool = True,
        **given: object,
    ) -> httpx.Response:
        """A call as the account's bot makes it; ``None`` is not sent."""
        auth = self.sandbox.venues[venue].rest.auth
        fields = {name: str(value) for name, value in given.items() if value is not None}
        if signed:
            fields["timestamp"] = str(self.sandbox.clock.ms())
        query = urlencode(fields)
        if signed:
            query += "&signature=" + sign(f"{account}secret", query.encode())
        return await self.server.rest.request(
            method, f"/{venue}{path}?{query}", headers={auth.header: f"{account}key"}
        )

    async def call(self, venue: str, method: str, path: str, /, **given: Any) -> Any:
        """The body of a good answer."""
        response = await self.send(venue, method, path, **given)
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(self, venue: str, method: str, path: str, /, **given: Any) -> int:
        """The venue's code of a refusal."""
        response = await self.send(venue, method, path, **given)
        assert response.status_code >= 400, response.text
        code: int = response.json()["code"]
        return code

    async def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """A call of the sandbox's own."""
        return await self.server.admin.request(method, path, json=body)

    @contextlib.asynccontextmanager
    async def heard(self, venue: str, account: str = "alice") -> AsyncIterator[Heard]:
        """Collects what the account's stream in a venue tells."""
        async with self.server.stream(venue, api_key=f"{account}key") as socket:
            heard = Heard()

            async def listen() -> None:
                async for frame in socket:
                    for received in self.sandbox.venues[venue].decode(frame):
                        heard.events.append(received.event)

            task = asyncio.create_task(listen())
            try:
                yield heard
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def signed(self, venue: str) -> bool:
        """Whether the venue's listen-key calls are signed."""
        return self.sandbox.venues[venue].rest.auth.signature is Need.REQUIRED


class Heard:
    """The events of one stream so far."""

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []


@contextlib.asynccontextmanager
async def bots(**options: Any) -> AsyncIterator[Bots]:
    """A sandbox on free ports, with a market maker unless ``maker=False``."""
    asked = SandboxOptions(**(FREE | options))
    async with Sandbox(asked) as sandbox, contextlib.AsyncExitStack() as exits:
        urls = sandbox.service.urls
        rest = await exits.enter_async_context(_client(urls["rest"]))
        admin = await exits.enter_async_context(_client(urls["admin"]))
        admin.headers["authorization"] = f"Bearer {asked.admin_token}"
        publisher = await exits.enter_async_context(
            Publisher(urls["admin"], token=asked.admin_token, verify=_NO_TLS)
        )
        server = Running(sandbox.service, sandbox.venues, rest, admin, publisher)
        yield Bots(sandbox, server)


_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, verify=_NO_TLS, trust_env=False)
