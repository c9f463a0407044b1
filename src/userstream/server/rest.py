"""The REST listener: every venue's listen-key calls, as ``RestGate`` decides them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from userstream.core import rest
from userstream.core.limits import Limits
from userstream.core.listenkeys import Issued
from userstream.core.mount import Mounts
from userstream.core.rest import Admitted, Identity, Open, RestGate
from userstream.errors import StoreError
from userstream.events import ACCOUNT
from userstream.server.accounts import Verifier
from userstream.server.clock import Clock
from userstream.server.desk import Desk
from userstream.server.head import PLAIN_FORMS, TooLong
from userstream.server.keys import ListenKeys
from userstream.server.logs import logger
from userstream.server.metrics import Metrics
from userstream.venue import Call, Refusal

_log = logger("rest")
_NO_VENUE = rest.Response(404, b'{"code":404,"msg":"No venue is mounted here."}')


class RestApp:
    """The ASGI application of the REST port."""

    def __init__(
        self,
        mounts: Mounts,
        gates: Mapping[str, RestGate],
        keys: ListenKeys,
        verifier: Verifier,
        clock: Clock,
        limits: Limits,
        metrics: Metrics,
        desk: Desk | None = None,
    ) -> None:
        self._mounts = mounts
        self._gates = gates
        self._keys = keys
        self._verifier = verifier
        self._clock = clock
        self._limits = limits
        self._metrics = metrics
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, whatever its method."""
        with contextlib.suppress(ClientDisconnect):
            response = await self._serve(Request(scope, receive))
            await response(scope, receive, send)

    def too_long(self, over: TooLong) -> rest.Response:
        """Answers a request of which only the beginning is known; the venue is the path's."""
        found = self._mounts.find("", over.path)
        if found is None:
            form = PLAIN_FORMS[over.refusal]
            return rest.Response(
                form.status, b'{"code":%d,"msg":"%b"}' % (form.code, form.text.encode())
            )
        answer = self._gates[found[0].name].refuse(over.refusal)
        self._metrics.requests.labels(found[0].name, str(answer.status)).inc()
        return answer

    async def _serve(self, request: Request) -> Response:
        path = request.scope["path"]
        found = self._mounts.find(request.headers.get("host", ""), path)
        if found is None:
            return _sent(_NO_VENUE)
        venue, rest_path = found
        gate = self._gates[venue.name]
        try:
            answer = await self._answer(gate, request, rest_path)
        except ClientDisconnect:
            raise
        except Exception as e:  # noqa: BLE001 - a bug here must not show as a hang or a trace
            _log.error("request failed", venue=venue.name, path=rest_path, exc_info=e)
            answer = gate.refuse(Refusal.INTERNAL)
        self._metrics.requests.labels(venue.name, str(answer.status)).inc()
        return _sent(answer)

    async def _answer(self, gate: RestGate, request: Request, path: str) -> rest.Response:
        body = await self._body(request)
        asked = rest.Request(
            method=request.method,
            path=path,
            query=request.scope["query_string"],
            headers=request.headers,
            body=body,
            address=request.client.host if request.client else "",
        )
        admitted = gate.admit(asked, self._clock.ms())
        if isinstance(admitted, rest.Response):
            return admitted
        if isinstance(admitted, Open):
            return await self._ask_desk(gate, admitted, None)
        asked_s = time.monotonic()
        identity = await self._identify(admitted.credentials)
        if isinstance(identity, Refusal):
            return gate.refuse(identity, verdict=admitted.verdict)
        if admitted.route.call is Call.DESK:
            return await self._ask_desk(gate, admitted, identity)
        try:
            done = await self._act(gate.venue.name, admitted, identity, asked_s)
        except StoreError:
            done = Refusal.UNAVAILABLE
        return gate.serve(admitted, done)

    async def _identify(self, credentials: rest.Credentials) -> Identity | Refusal:
        identity = await self._verifier.verify(credentials)
        if isinstance(identity, Identity) and ACCOUNT.fullmatch(identity.account) is None:
            name = identity.account[:70]
            raise ValueError(f"the verifier named account {name!r}; allowed is {ACCOUNT.pattern}")
        return identity

    async def _act(
        self, venue: str, admitted: Admitted, identity: Identity, asked_s: float
    ) -> Issued | list[str] | Refusal:
        call = admitted.route.call
        if call is Call.LIST:
            return await self._keys.shown(venue, identity, asked_s)
        if call is Call.CREATE:
            return await self._keys.create(venue, identity, asked_s)
        act = self._keys.renew if call is Call.RENEW else self._keys.delete
        return await act(venue, admitted.parameters["listenKey"], identity.account)

    async def _ask_desk(
        self, gate: RestGate, admitted: Admitted | Open, identity: Identity | None
    ) -> rest.Response:
        if self._desk is None:
            return gate.refuse(Refusal.NOT_FOUND, verdict=admitted.verdict)
        answered = await self._desk.serve(gate.venue, admitted.route, admitted.parameters, identity)
        if isinstance(answered, Refusal):
            return gate.refuse(answered, verdict=admitted.verdict)
        return gate.answer(answered, admitted.verdict)

    async def _body(self, request: Request) -> bytes:
        most = self._limits.request_body_bytes
        parts = bytearray()
        async for chunk in request.stream():
            parts += chunk
            if len(parts) > most:  # the gate refuses it by its length
                break
        return bytes(parts)


def _sent(answer: rest.Response) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers[name] = value
    return response
