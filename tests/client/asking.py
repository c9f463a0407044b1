"""Repairs against a sandbox in this process."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from tests.sandbox.bots import Bots
from userstream.client.repairs import Repairs, Send
from userstream.core.client.requests import Access
from userstream.venues import load


def over(http: httpx.AsyncClient) -> Send:
    """Sends over a client of httpx."""

    async def send(
        method: str, url: str, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        try:
            response = await http.request(method, url, headers=headers)
        except httpx.TransportError as e:
            raise OSError(str(e)) from e
        return response.status_code, response.headers, response.content

    return send


def repairs(b: Bots, venue: str, account: str = "alice", secret: str = "") -> Repairs:
    """The account's, at a venue of the sandbox."""
    return Repairs(
        load(venue),
        Access(f"{account}key", secret or f"{account}secret"),
        f"{str(b.server.rest.base_url).rstrip('/')}/{venue}",
        over(b.server.rest),
    )
