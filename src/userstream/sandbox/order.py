"""``userstream sandbox order``: one order as a bot would place it, and what its stream says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from userstream.core.signing import sign
from userstream.errors import InvalidSettings
from userstream.events import (
    TERMINAL,
    AccountSnapshot,
    AccountUpdate,
    OrderUpdate,
    StreamEvent,
)
from userstream.trading import Endpoint, TradingDialect
from userstream.venue import Auth, Call, KeyPlace, Need
from userstream.venues import load, load_orders

_QUIET_S = 0.3


class OrderAsked(NamedTuple):
    """The arguments of the command. Amounts are decimal text; no price means a market order."""

    venue: str
    side: str
    symbol: str
    quantity: str | None
    quote: str | None
    price: str | None
    rest: str
    stream: str
    api_key: str
    api_secret: str
    wait_s: float


class Bot:
    """A bot that knows one venue: it signs, makes a listen key, listens and places one order."""

    def __init__(self, asked: OrderAsked, http: httpx.AsyncClient) -> None:
        self._asked = asked
        self._http = http
        self._venue = load(asked.venue)
        self._dialect = load_orders(asked.venue)

    async def place(self) -> AsyncIterator[tuple[str, Any]]:
        """What happens, as it happens: ``("order", body)``, then ``("event", event)`` each.

        Ends when the order has ended, or nothing came for ``wait_s``.

        Raises:
            InvalidSettings: the sandbox cannot be reached, or refuses; its words are in the text.
        """
        key = await self._listen_key()
        try:
            async with connect(self._stream_url(key), proxy=None) as socket:
                opening = self._venue.stream.opening
                if opening is not None:
                    await socket.send(opening)
                    await socket.recv()
                answer = await self._order()
                yield "order", answer
                async for event in self._events(socket):
                    yield "event", event
        except (OSError, WebSocketException) as e:
            raise InvalidSettings(f"the stream at {self._asked.stream} failed: {e}") from None

    async def _events(self, socket: ClientConnection) -> AsyncIterator[StreamEvent]:
        wait_s = self._asked.wait_s
        while True:
            try:
                frame = await asyncio.wait_for(socket.recv(), wait_s)
            except TimeoutError:
                return
            for received in self._venue.decode(frame):
                yield received.event
                if isinstance(received.event, OrderUpdate) and received.event.status in TERMINAL:
                    wait_s = _QUIET_S  # the balances still come

    async def _listen_key(self) -> str:
        route = next(r for r in self._venue.rest.routes if r.call is Call.CREATE)
        body = await self._send("POST", route.path, self._venue.rest.auth, {})
        key: str = body["listenKey"]
        return key

    async def _order(self) -> Any:  # noqa: ANN401 - the venue's own form
        endpoint = next(e for e in self._dialect.endpoints if e.places_order)
        fields = order_fields(self._asked, endpoint, self._dialect)
        return await self._send("POST", endpoint.path, self._dialect.auth, fields)

    async def _send(self, method: str, path: str, auth: Auth, fields: dict[str, str]) -> Any:  # noqa: ANN401
        fields = dict(fields)
        if auth.timestamp is Need.REQUIRED or auth.signature is Need.REQUIRED:
            fields["timestamp"] = str(await self._now_ms())
        query = urlencode(fields)
        if auth.signature is Need.REQUIRED:
            query += "&signature=" + sign(self._asked.api_secret, query.encode())
        url = f"{self._asked.rest.rstrip('/')}/{self._asked.venue}{path}"
        try:
            response = await self._http.request(
                method,
                f"{url}?{query}" if query else url,
                headers={auth.header: self._asked.api_key},
            )
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as e:
            raise InvalidSettings(
                f"no sandbox at {self._asked.rest}: {e}; is it running? (--rest)"
            ) from None
        if not response.is_success:
            raise InvalidSettings(
                f"{self._asked.venue} refused (HTTP {response.status_code}): "
                f"{response.text[:300]}{_hint(self._asked, response.text)}"
            )
        return response.json()

    async def _now_ms(self) -> int:
        """The sandbox's time, which a fast clock sets apart from ours."""
        route = next(r for r in self._venue.rest.routes if r.call is Call.TIME)
        url = f"{self._asked.rest.rstrip('/')}/{self._asked.venue}{route.path}"
        try:
            return int((await self._http.get(url)).json()["serverTime"])
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError):
            return time.time_ns() // 1_000_000

    def _stream_url(self, key: str) -> str:
        base = f"{self._asked.stream.rstrip('/')}/{self._asked.venue}"
        place = self._venue.stream.paths[0]
        tail = f"?listenKey={key}" if place.place is KeyPlace.QUERY else key
        return f"{base}{place.path}{tail}"


def order_fields(asked: OrderAsked, endpoint: Endpoint, dialect: TradingDialect) -> dict[str, str]:
    """The parameters of the venue's new-order call.

    Raises:
        InvalidSettings: the venue has no such order.
    """
    known = {param.name for param in endpoint.params}
    fields = {"symbol": asked.symbol, "side": asked.side.upper()}
    if asked.price is not None:
        if asked.quantity is None:
            raise InvalidSettings("an order with a price needs a quantity, not --quote")
        fields |= {"type": "LIMIT", "quantity": asked.quantity, "price": asked.price}
        return fields | ({"timeInForce": "GTC"} if "timeInForce" in known else {})
    fields["type"] = "MARKET"
    in_quote = dialect.market_buys_in_quote and fields["side"] == "BUY"
    if asked.quote is not None:
        if dialect.market_buys_in_quote and not in_quote:
            raise InvalidSettings(
                f"a market sell on {asked.venue} is by QUANTITY, of base asset, and not by --quote"
            )
        name = "quoteOrderQty" if "quoteOrderQty" in known else "quantity"
        return fields | {name: asked.quote}
    if in_quote:
        raise InvalidSettings(
            f"a market buy on {asked.venue} is by an amount of quote asset: "
            "--quote AMOUNT in place of QUANTITY, or name a PRICE"
        )
    return fields | {"quantity": asked.quantity or ""}


def _hint(asked: OrderAsked, said: str) -> str:
    """What would be allowed, where the venue's words do not say it."""
    if "symbol" in said:
        return "; the pairs are those of `userstream sandbox market prices`"
    if asked.quote is not None:
        return f"; try a QUANTITY in place of --quote {asked.quote}"
    return ""


def described(event: StreamEvent) -> str:
    """An event in a line for people."""
    if isinstance(event, OrderUpdate):
        return _described_order(event)
    if isinstance(event, AccountUpdate | AccountSnapshot):
        held = ", ".join(f"{b.asset} {b.free} free {b.locked} locked" for b in event.balances)
        return f"balances: {held}"
    return str(event)


def _described_order(o: OrderUpdate) -> str:
    """What the venue tells, and nothing that it does not: some show neither status nor sum."""
    fills = o.last_price is not None and Decimal(o.last_quantity or 0) > 0
    fill = f" {o.last_quantity} at {o.last_price}" if fills else ""
    stands = f" is {o.status}" if o.status else ""
    filled = "" if o.cumulative_quantity is None else f", {o.cumulative_quantity} filled"
    what = o.execution or "UPDATE"
    return f"{what}{fill}: order {o.order_id} {o.side} {o.symbol}{stands}{filled}"
