"""What stands before the REST application and answers in its place when a fault strikes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from userstream.core.rest import Credentials, Identity
from userstream.sandbox.faults.fault import Fault, Point
from userstream.sandbox.faults.plan import Hit, Target
from userstream.server.tasks import ended
from userstream.venue import Refusal, Venue

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from userstream.sandbox.faults.control import FaultControl
    from userstream.server.service import Service

_REFUSALS = {
    "500": Refusal.INTERNAL,
    "429": Refusal.TOO_MANY_REQUESTS,
    "418": Refusal.BANNED,
    "-1021": Refusal.TIMESTAMP_OUTSIDE,
    "-1125": Refusal.LISTEN_KEY_UNKNOWN,
}
_WAITS = {"429": 5, "418": 120}
"""Seconds of Retry-After, where the fault does not say."""


class FaultyFront:
    """The REST application, behind faults."""

    def __init__(self, app: ASGIApp, faults: FaultControl, service: Service) -> None:
        self._app = app
        self._faults = faults
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or lets a fault answer it."""
        if scope["type"] != "http" or not self._faults.plan.waits_for(Point.REQUEST):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        found = self._service.mounts.find(request.headers.get("host", ""), scope["path"])
        if found is None:
            await self._app(scope, receive, send)
            return
        venue, path = found
        accounts = await self._accounts(venue, request)
        target = Target(venue.name, accounts, method=request.method, path=path)
        hit = self._faults.strike(Point.REQUEST, target)
        if hit is None:
            await self._app(scope, receive, send)
            return
        fault = hit.fault
        self._faults.tell(hit, target, answer=fault.answer, method=request.method, path=path[:100])
        if fault.carried_out:
            await self._app(scope, receive, _nowhere)
        if fault.answer == "timeout":
            await self._hang(receive, hit)
            return
        await self._answer(venue, fault)(scope, receive, send)

    async def _accounts(self, venue: Venue, request: Request) -> tuple[str, ...]:
        """Whose API key the request carries, whether it is otherwise good or not."""
        auth = venue.rest.auth
        for name in (auth.header, *auth.other_headers):
            key = request.headers.get(name, "").strip(" \t")
            if key:
                identity = await self._service.accounts.verify(Credentials(key))
                return (identity.account,) if isinstance(identity, Identity) else ()
        return ()

    async def _hang(self, receive: Receive, hit: Hit) -> None:
        """Waits until the client gives up, or the fault is cleared; then hangs up."""

        async def given_up() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        giving_up = asyncio.create_task(given_up())
        cleared = asyncio.create_task(self._cleared(hit))
        try:
            await asyncio.wait({giving_up, cleared}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (giving_up, cleared):
                await ended(task)

    async def _cleared(self, hit: Hit) -> None:
        while any(a.id == hit.id for a in self._faults.plan.listed()):
            await self._faults.cleared.wait()

    def _answer(self, venue: Venue, fault: Fault) -> Response:
        """The venue's own form of the refusal."""
        answer = fault.answer or "500"
        form = venue.errors[_REFUSALS[answer]]
        wait_s = fault.retry_after_s if fault.retry_after_s is not None else _WAITS.get(answer)
        until_ms = self._service.clock.ms() + (wait_s or 0) * 1000
        detail = venue.rest.weight_per_window if answer == "429" else until_ms
        body = msgspec.json.encode({"code": form.code, "msg": form.text.format(detail)})
        headers = {"content-type": "application/json;charset=UTF-8"}
        if wait_s is not None:
            headers["retry-after"] = str(wait_s)
        return Response(body, form.status, headers)


async def _nowhere(_: Message) -> None:
    """Where the answer goes that nobody gets."""
