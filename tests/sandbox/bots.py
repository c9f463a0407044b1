"""A whole sandbox in this process, and bots of every venue on it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.server.running import Running, until
from userstream.client.publisher import Publisher
from userstream.core.signing import sign
from userstream.events import (
    AccountSnapshot,
    AccountUpdate,
    OrderUpdate,
    StreamEvent,
)
from userstream.sandbox.exchange.amounts import text
from userstream.sandbox.options import SandboxOptions
from userstream.sandbox.sandbox import Sandbox
from userstream.venues import names

FREE = {"rest": "127.0.0.1:0", "stream": "127.0.0.1:0", "admin": "127.0.0.1:0"}
NEW = {
    "binance": "/api/v3/order",
    "bhex": "/openapi/v1/order",
    "spacedex": "/api/v1/order",
    "mexc": "/api/v3/order",
}
"""Where each venue takes orders."""
ACCOUNT = {
    "binance": "/api/v3/account",
    "bhex": "/openapi/v1/account",
    "spacedex": "/api/v1/account",
    "mexc": "/api/v3/account",
}
"""Where each venue shows the account."""


def limit(venue: str, side: str, quantity: str, price: str, **more: object) -> dict[str, Any]:
    """The parameters of a limit order on BTCUSDT as each venue wants them."""
    fields: dict[str, Any] = {
        "symbol": "BTCUSDT", "side": side, "type": "LIMIT", "quantity": quantity, "price": price,
    }  # fmt: skip
    return fields | ({} if venue == "mexc" else {"timeInForce": "GTC"}) | more


def market_sell(quantity: str = "0.01") -> dict[str, Any]:
    """The parameters of a market order that every venue takes."""
    return {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": quantity}


class Bots:
    """A sandbox and what tests do to it."""

    def __init__(self, sandbox: Sandbox, server: Running) -> None:
        self.sandbox = sandbox
        self.server = server

    def query(self, fields: Mapping[str, object], secret: str = "alicesecret") -> str:
        """The parameters of a call, with the signature last."""
        query = urlencode({name: str(value) for name, value in fields.items()})
        return f"{query}&signature={sign(secret, query.encode())}"

    async def send(
        self,
        venue: str,
        method: str,
        path: str,
        /,
        account: str = "alice",
        *,
        secret: str = "",
        in_body: bool = False,
        content_type: str = "application/x-www-form-urlencoded",
        **given: object,
    ) -> httpx.Response:
        """A call as the account's bot makes it; ``None`` is not sent."""
        fields = {"timestamp": self.sandbox.clock.ms()} | given
        fields = {name: value for name, value in fields.items() if value is not None}
        query = self.query(fields, secret or f"{account}secret")
        return await self.raw(
            venue,
            method,
            f"{path}" if in_body else f"{path}?{query}",
            account,
            content=query if in_body else None,
            content_type=content_type,
        )

    async def raw(
        self,
        venue: str,
        method: str,
        path: str,
        account: str = "alice",
        *,
        content: str | None = None,
        content_type: str = "",
    ) -> httpx.Response:
        """A call with the account's API key, otherwise as it is given."""
        headers = {self.sandbox.venues[venue].rest.auth.header: f"{account}key"}
        if content is not None:
            headers["content-type"] = content_type
        return await self.server.rest.request(
            method, f"/{venue}{path}", headers=headers, content=content
        )

    async def call(self, venue: str, method: str, path: str, /, **given: Any) -> Any:
        """The body of a good answer."""
        response = await self.send(venue, method, path, **given)
        assert response.status_code == 200, response.text
        return response.json()

    async def place(self, venue: str, /, **given: Any) -> Any:
        """The answer to a new order."""
        return await self.call(venue, "POST", NEW[venue], **given)

    async def refused(self, venue: str, method: str, path: str, /, **given: Any) -> tuple[int, int]:
        """HTTP status and the venue's code of a refusal."""
        response = await self.send(venue, method, path, **given)
        assert 400 <= response.status_code < 500, response.text
        body = response.json()
        assert body.keys() == {"code", "msg"}
        assert body["msg"]
        return response.status_code, body["code"]

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        """The body of a good answer of the sandbox's own."""
        response = await self.server.admin.request(method, f"/_sandbox/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def admin_refused(self, method: str, path: str, **request: Any) -> str:
        """What an admin call was refused for."""
        response = await self.server.admin.request(method, f"/_sandbox/{path}", **request)
        assert response.status_code == 400, response.text
        message: str = response.json()["error"]["msg"]
        return message

    async def market(self, do: str, **fields: Any) -> Any:
        """Carries out a command of a script."""
        return await self.admin("POST", "market", {"do": do, **fields})

    def balances(self, account: str = "alice") -> dict[str, tuple[str, str]]:
        """Free and locked amounts, as the exchange has them."""
        held = self.sandbox.exchange.funds.balances(account)
        return {asset: (text(h.free), text(h.locked)) for asset, h in held.items()}

    def imbalances(self) -> set[str]:
        """Assets of which something came from nowhere, or got lost."""
        funds = self.sandbox.exchange.funds
        return {asset for asset in self.sandbox.floor.assets if funds.imbalance(asset)}

    @contextlib.asynccontextmanager
    async def heard(self, venue: str, account: str = "alice") -> AsyncIterator[Heard]:
        """Collects what the account's stream in a venue tells."""
        async with self.server.stream(venue, api_key=f"{account}key") as socket:
            heard = Heard()

            async def listen() -> None:
                async for frame in socket:
                    decoded = self.sandbox.venues[venue].decode(frame)
                    heard.events += [received.event for received in decoded]

            task = asyncio.create_task(listen())
            try:
                yield heard
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def heard_everywhere(self, account: str = "alice") -> AsyncIterator[dict[str, Heard]]:
        """Collects what the account's streams tell, one of each venue."""
        async with contextlib.AsyncExitStack() as exits:
            yield {
                venue: await exits.enter_async_context(self.heard(venue, account))
                for venue in names()
            }


class Heard:
    """The events of one stream so far."""

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []

    @property
    def orders(self) -> list[OrderUpdate]:
        """The order events."""
        return [e for e in self.events if isinstance(e, OrderUpdate)]

    @property
    def accounts(self) -> list[AccountUpdate | AccountSnapshot]:
        """The account events."""
        return [e for e in self.events if isinstance(e, AccountUpdate | AccountSnapshot)]

    @property
    def kinds(self) -> list[str]:
        """Each event in a word: of an order its execution (or else its status), or ``account``."""
        return [
            e.execution or e.status if isinstance(e, OrderUpdate) else "account"
            for e in self.events
        ]

    async def until(self, condition: Callable[[list[StreamEvent]], object]) -> None:
        """Waits until the events fulfil a condition."""
        try:
            await until(lambda: condition(self.events), 5)
        except AssertionError:
            raise AssertionError(f"only these came: {self.events}") from None

    async def count(self, number: int) -> list[StreamEvent]:
        """The first so many events, once they came; fails when more come soon after."""
        await self.until(lambda events: len(events) >= number)
        await asyncio.sleep(0.05)
        assert len(self.events) == number, self.events
        return self.events

    async def ended(self, status: str) -> None:
        """Waits until an order has that status, and for the balances that follow."""
        await self.until(lambda events: any(getattr(e, "status", "") == status for e in events))
        await asyncio.sleep(0.05)


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
