"""The admin listener: health, metrics, publishing, accounts. Everything here begins ``/_``."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from userstream.core import rest
from userstream.core.epoch import account_epoch
from userstream.core.limits import Limits
from userstream.errors import InvalidSettings, StoreError
from userstream.events import ACCOUNT
from userstream.server.accounts import AccountRecord, Registry
from userstream.server.backup import Backups
from userstream.server.bus import Bus, Stored
from userstream.server.head import PLAIN_FORMS, TooLong
from userstream.server.keys import ListenKeys
from userstream.server.logs import logger
from userstream.server.metrics import Metrics
from userstream.server.publish import Publishing
from userstream.server.readiness import Readiness

_log = logger("admin")
_JSON = "application/json"
_PAGE = 1_000
T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /_accounts``."""

    account: str
    api_key: str
    api_secret: str | None = None


class Target(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /_backup``."""

    folder: str
    """On the server's machine."""


class AdminApp:
    """The ASGI application of the admin port."""

    def __init__(
        self,
        bus: Bus,
        accounts: Registry,
        keys: ListenKeys,
        metrics: Metrics,
        limits: Limits,
        token: str,
        backups: Backups,
        more_routes: Sequence[BaseRoute] = (),
        *,
        readiness: Readiness,
    ) -> None:
        self._bus = bus
        self._accounts = accounts
        self._keys = keys
        self._metrics = metrics
        self._limits = limits
        self._backups = backups
        self._token = f"Bearer {token}".encode()
        self._readiness = readiness
        guarded = self._guarded
        publishing = Publishing(bus, limits, metrics)
        self.app = Starlette(
            routes=[
                Route("/_health/live", self._live),
                Route("/_health/ready", self._ready),
                Route("/_metrics", guarded(self._metrics_text)),
                Route("/_events", guarded(publishing), methods=["POST"]),
                Route("/_events", guarded(self._history)),
                Route("/_accounts", guarded(self._list)),
                Route("/_accounts", guarded(self._add), methods=["POST"]),
                Route("/_listen_keys/{account}", guarded(self._end_keys), methods=["DELETE"]),
                Route("/_backup", guarded(self._backup), methods=["POST"]),
                Route("/_accounts/{name}", guarded(self._revoke), methods=["DELETE"]),
                *(_GuardedRoute(route, self._token) for route in more_routes),
            ],
            exception_handlers={404: _not_found, 405: _wrong_method, InvalidSettings: _invalid},
        )

    def _guarded(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            if not _has_token(request, self._token):
                return _UNAUTHORIZED
            try:
                return await handler(request)
            except InvalidSettings as e:
                return _error(400, "invalid", str(e))
            except StoreError as e:
                _log.error("the store failed", error=str(e), path=request.url.path)
                return _error(503, "unavailable", str(e))
            except ClientDisconnect:
                return _error(400, "disconnected", "the request is not complete")  # for nobody

        return checked

    async def _live(self, _: Request) -> Response:
        return _json({"live": True})

    async def _ready(self, _: Request) -> Response:
        shown = self._readiness.shown()
        return _json(shown, 200 if shown["ready"] else 503)

    async def _metrics_text(self, _: Request) -> Response:
        self._metrics.listen_keys.set(len(self._keys))
        self._metrics.pending.set(self._bus.pending_bytes)
        self._metrics.refusing.set(self._bus.refusing)
        self._metrics.written.set(self._bus.written)
        for stream, part in self._bus.fullness().items():
            self._metrics.full.labels(stream).set(round(part, 4))
        self._metrics.window.clear()
        for account, seconds in self._bus.short_windows().items():
            self._metrics.window.labels(account).set(round(seconds, 3))
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def _history(self, request: Request) -> Response:
        account = request.query_params.get("account", "")
        if ACCOUNT.fullmatch(account) is None:
            raise InvalidSettings(f"account is needed; allowed is {ACCOUNT.pattern}")
        start = request.query_params.get("from", "1")
        if not (start.isascii() and start.isdigit() and len(start) < 20):
            raise InvalidSettings("from is a seq: a whole number, 1 or more")
        stored = await self._bus.history(account, int(start), _PAGE)
        lines = [_event_shown(account, s) for s in stored]
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        return Response(body, media_type="application/x-ndjson")

    async def _list(self, _: Request) -> Response:
        return _json([_shown(r) for r in self._accounts.listed()])

    async def _add(self, request: Request) -> Response:
        new = await self._read(request, NewKey, '{"account":…,"api_key":…}')
        key = await self._accounts.add(new.account, new.api_key, new.api_secret)
        return _json({"account": new.account, "api_key": key.fingerprint}, 201)

    async def _revoke(self, request: Request) -> Response:
        name = request.path_params["name"]
        api_key = request.query_params.get("api_key")
        gone = await self._accounts.revoke(name, api_key)
        ended = {"revoked": gone.api_keys, "listen_keys_ended": gone.listen_keys}
        return _json({"account": name, **ended})

    async def _end_keys(self, request: Request) -> Response:
        account = request.path_params["account"]
        api_key = request.query_params.get("api_key", "")
        if ACCOUNT.fullmatch(account) is None or not api_key:
            raise InvalidSettings(
                "/_listen_keys/ACCOUNT?api_key=NAME is needed, NAME as the verifier has it"
            )
        count = await self._keys.revoke(account, [api_key])
        return _json({"account": account, "listen_keys_ended": count})

    async def _backup(self, request: Request) -> Response:
        target = await self._read(request, Target, '{"folder":…}')
        label = await self._backups.make(Path(target.folder), time.time_ns() // 1_000_000)
        return _json({"folder": target.folder, "bytes": label.bytes, "epoch": label.epoch})

    async def _read(self, request: Request, kind: type[T], form: str) -> T:
        body = await request.body()
        try:
            return msgspec.json.decode(body[: self._limits.event_bytes], type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
            raise InvalidSettings(f"{e}; a body is {form}") from None


def too_long(over: TooLong) -> rest.Response:
    """Answers a request whose head is beyond its bound."""
    form = PLAIN_FORMS[over.refusal]
    return rest.Response(form.status, bytes(_error(form.status, "too_long", form.text).body))


class _GuardedRoute(BaseRoute):
    """A route of an embedding program, behind the token."""

    def __init__(self, route: BaseRoute, token: bytes) -> None:
        self._route = route
        self._token = token

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return self._route.matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = _has_token(Request(scope), self._token)
        await (self._route.handle if allowed else _UNAUTHORIZED)(scope, receive, send)


def _has_token(request: Request, token: bytes) -> bool:
    given = request.headers.get("authorization", "").encode()
    return hmac.compare_digest(given, token)


def _event_shown(account: str, stored: Stored) -> dict[str, Any]:
    record, line = stored.record, stored.record.line
    return {
        "v": record.v,
        "account": account,
        "epoch": account_epoch(record.epoch, account),
        "seq": stored.seq,
        "time_ms": record.time_ms,
        "source": line.source,
        "n": line.n,
        "event": line.event,
    }


def _shown(record: AccountRecord) -> dict[str, Any]:
    keys = [
        {"api_key": k.fingerprint, "secret": k.sealed_secret is not None} for k in record.api_keys
    ]
    return {"account": record.name, "api_keys": keys}


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type=_JSON)


def _error(status: int, code: str, msg: str) -> Response:
    return _json({"error": {"code": code, "msg": msg}}, status)


_UNAUTHORIZED = _error(401, "unauthorized", "Authorization: Bearer <admin token> is needed")


async def _invalid(_: Request, error: Exception) -> Response:
    return _error(400, "invalid", str(error))


async def _not_found(request: Request, _: Exception) -> Response:
    return _error(404, "not_found", f"nothing is at {request.url.path[:100]}")


async def _wrong_method(request: Request, _: Exception) -> Response:
    return _error(405, "method", f"{request.method} is not allowed here")
