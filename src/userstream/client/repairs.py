"""Repairs over HTTP: a venue's conversations, carried out.

The machine in ``core.client.repair`` asks, a venue's ``RepairDialect`` knows the requests and
reads the answers, and what stands here only sends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from userstream.core.client.requests import Access, row_request
from userstream.venue import Ask, Fetch, NoRows, RepairInput, Venue

Send: TypeAlias = Callable[
    [str, str, Mapping[str, str]], Awaitable[tuple[int, Mapping[str, str], bytes]]
]
"""Sends a request of that method, URL and headers; gives status, headers and body of the answer.

Raises ``OSError`` (``TimeoutError`` is one) where there is no answer. It follows no redirect.
"""


class Repairs:
    """Asks one account's questions at a venue. Safe to use from several tasks of one loop.

    ``rest_url`` has no path, or that under which our own server mounts the venue. ``timeout_s``
    bounds every single request; a conversation has as many as there are pages.
    """

    def __init__(
        self, venue: Venue, access: Access, rest_url: str, send: Send, *, timeout_s: float = 10
    ) -> None:
        self._venue = venue
        self._access = access
        self._rest_url = rest_url.rstrip("/")
        self._send = send
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"<Repairs {self._venue.name}>"

    async def ask(self, ask: Ask, now_ms: int) -> RepairInput:
        """The venue's answer to a question, or why there is none. Raises only when cancelled.

        ``now_ms`` is the venue's time now, by the offset that was measured.
        """
        dialect = self._venue.repair
        if dialect is None:
            return NoRows(ask.number, "the venue cannot be asked")
        loop = asyncio.get_running_loop()
        began = loop.time()
        talk = dialect.converse(ask, now_ms)
        step = talk.begin()
        while isinstance(step, Fetch):
            venue_ms = now_ms + int((loop.time() - began) * 1_000)
            request = row_request(self._venue, self._access, step, venue_ms)
            if request is None:
                return NoRows(ask.number, "the API key's secret is not known")
            url = f"{self._rest_url}{request.path}?{request.query}"
            try:
                async with asyncio.timeout(self._timeout_s):
                    status, headers, body = await self._send(request.method, url, request.headers)
            except OSError as e:
                return NoRows(ask.number, f"no answer: {type(e).__name__}")
            step = talk.read(status, body, _retry_after(headers))
        return step


def _retry_after(headers: Mapping[str, str]) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
