"""Repairs over HTTP: a venue's conversations, carried out.

The machine in ``core.client.repair`` asks, a venue's ``RepairDialect`` knows the requests and
reads the answers, and what stands here only sends them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from userstream.core.client.requests import Access, row_request
from userstream.venue import Ask, Fetch, FillsBy, NoRows, RepairInput, Venue

if TYPE_CHECKING:
    from userstream.client.http import Http


class Repairs:
    """Asks one account's questions at a venue. Safe to use from several tasks of one loop.

    ``rest_url`` has no path, or that under which our own server mounts the venue. ``http`` bounds
    every single request; a conversation has as many as there are pages.
    """

    def __init__(self, venue: Venue, access: Access, rest_url: str, http: Http) -> None:
        self._venue = venue
        self._access = access
        self._rest_url = rest_url.rstrip("/")
        self._http = http

    def __repr__(self) -> str:
        return f"<Repairs {self._venue.name}>"

    @property
    def possible(self) -> bool:
        """Whether anything can be asked; else every hole is told and stays."""
        return self._venue.repair is not None and self._access.secret is not None

    @property
    def fills_by(self) -> FillsBy:
        """How the venue gives fills."""
        repair = self._venue.repair
        return FillsBy.NOTHING if repair is None else repair.fills_by

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
            reply = await self._http.send(request.method, url, request.headers)
            if reply is None:
                return NoRows(ask.number, "no answer")
            step = talk.read(reply.status, reply.body, reply.retry_after)
        return step
