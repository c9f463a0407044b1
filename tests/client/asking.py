"""Repairs against a sandbox in this process."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from tests.sandbox.bots import Bots
from userstream.client.http import Reply
from userstream.client.repairs import Repairs
from userstream.core.client.requests import Access
from userstream.venues import load


class Over:
    """Sends over a client of httpx."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply | None:
        """The answer, or ``None``."""
        try:
            response = await self._http.request(method, url, headers=headers)
        except httpx.TransportError:
            return None
        return Reply(response.status_code, response.content, response.headers.get("retry-after"))

    async def close(self) -> None:
        """The test closes it."""


def repairs(b: Bots, venue: str, account: str = "alice", secret: str = "") -> Repairs:
    """The account's, at a venue of the sandbox."""
    return Repairs(
        load(venue),
        Access(f"{account}key", secret or f"{account}secret"),
        f"{str(b.server.rest.base_url).rstrip('/')}/{venue}",
        Over(b.server.rest),
    )
