"""Http: the requests of a client, as a port, and the way over httpx."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import httpx


class Reply(NamedTuple):
    """A whole answer. ``retry_after`` is the header as it came."""

    status: int
    body: bytes
    retry_after: str | None = None


class Http(Protocol):
    """Sends requests, on the loop that it was made for."""

    async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply | None:
        """The answer, or ``None`` where none came in time. Can be cancelled at any time."""

    async def close(self) -> None:
        """Lets its connections go."""


class Requests:
    """Over httpx's transport: its client would write URLs, and so listen keys, into the log.

    Proxies of the environment are not used: streams could not take them.
    """

    _TIMEOUT = httpx.Timeout(10.0, connect=5.0).as_dict()
    _WHOLE_S = 15.0
    """Name, connection, TLS and answer together."""

    def __init__(self, verify: ssl.SSLContext) -> None:
        self._transport = httpx.AsyncHTTPTransport(verify=verify, trust_env=False)

    async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply | None:
        """The answer, or ``None`` where none came in time. Can be cancelled at any time."""
        request = httpx.Request(method, url, headers=headers, extensions={"timeout": self._TIMEOUT})
        try:
            async with asyncio.timeout(self._WHOLE_S):
                response = await self._transport.handle_async_request(request)
                try:
                    body = await response.aread()
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError):
            return None
        return Reply(response.status_code, body, response.headers.get("retry-after"))

    async def close(self) -> None:
        """Lets its connections go."""
        await self._transport.aclose()
