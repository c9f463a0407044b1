"""Calls: what a stream asks a venue for itself: listen keys, and the time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from userstream.core.client.keylife import AskKey
from userstream.core.client.link import OpenSocket
from userstream.core.client.requests import NO_ANSWER, Access, Answer, key_request, read_answer
from userstream.venue import Call, KeyPlace, Venue

if TYPE_CHECKING:
    from userstream.client.http import Http


class _Time(msgspec.Struct, gc=False):
    serverTime: int  # noqa: N815 - as on the wire


_decode_time = msgspec.json.Decoder(_Time, strict=False).decode


class Calls:
    """Sends them, and reads the answers as the core has them. Never raises for a venue."""

    def __init__(self, venue: Venue, access: Access, http: Http, rest_url: str) -> None:
        self._venue = venue
        self._access = access
        self._http = http
        self._base = rest_url

    async def key(self, asked: AskKey, venue_ms: int) -> Answer:
        """Makes, renews or deletes a listen key."""
        request = key_request(self._venue, self._access, asked.call, asked.key, venue_ms)
        url = f"{self._base}{request.path}" + (f"?{request.query}" if request.query else "")
        reply = await self._http.send(request.method, url, request.headers)
        if reply is None:
            return NO_ANSWER
        return read_answer(self._venue, reply.status, reply.body, reply.retry_after)

    async def time(self) -> int | None:
        """The venue's time, in ms; ``None`` where it does not say."""
        route = next(r for r in self._venue.rest.routes if r.call is Call.TIME)
        reply = await self._http.send(route.method, f"{self._base}{route.path}", {})
        try:
            return _decode_time(reply.body).serverTime if reply and reply.status == 200 else None
        except (msgspec.MsgspecError, UnicodeError):
            return None


def stream_address(venue: Venue, base: str, asked: OpenSocket) -> str:
    """The URL of a socket. Doc of the parameters of our own server: design §4."""
    path, place = venue.stream.paths[0]
    key = quote(asked.key, safe="")
    fields = [f"listenKey={key}"] if place is KeyPlace.QUERY else []
    if asked.heartbeat_s is not None:
        fields += ["us=1", f"us_heartbeat={asked.heartbeat_s}"]
    if asked.resume is not None:
        fields.append(f"us_resume={asked.resume}")
    tail = key if place is KeyPlace.PATH else ""
    return f"{base}{path}{tail}" + (f"?{'&'.join(fields)}" if fields else "")
