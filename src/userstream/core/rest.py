"""The REST side of a venue, decided without a socket: a request in, a response out.

In two steps, since asking whose an API key is may take time: ``RestGate.admit`` checks all that
the request itself shows, ``RestGate.serve`` answers with what was done for the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from userstream.core.description import describe
from userstream.core.limits import Limits
from userstream.core.listenkeys import Issued
from userstream.core.parameters import Refusing, read_parameters
from userstream.core.ratelimit import RateLimiter, Verdict
from userstream.core.signing import check_timestamp, signed_message
from userstream.venue import LISTEN_KEY_CALLS, Auth, Call, Need, Refusal, Reply, Route, Venue

_encode = msgspec.json.Encoder().encode
_JSON = ("content-type", "application/json;charset=UTF-8")
_PRIVATE = (("cache-control", "no-store"), ("referrer-policy", "no-referrer"))
_KEY_LEGAL = "^[A-Za-z0-9]{1,128}$"
_API_KEY_LENGTH = range(1, 129)


class Request(NamedTuple):
    """One HTTP request below the venue's mount point. Header names are in lower case."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes
    address: str

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


class Response(NamedTuple):
    """One HTTP response. ``refusal`` is for logs and metrics, not for the wire."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (_JSON,)
    refusal: Refusal | None = None

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.refusal.name if self.refusal else 'good'}>"


class Credentials(NamedTuple):
    """What a request shows of its sender; ``signature`` is absent where none is checked."""

    api_key: str
    message: bytes = b""
    signature: str | None = None
    signature_required: bool = False
    lower_case_only: bool = False

    def __repr__(self) -> str:
        return "<Credentials>"


class Identity(NamedTuple):
    """Whose request it is: the account, and a fingerprint of the API key."""

    account: str
    api_key: str


class Admitted(NamedTuple):
    """A request that may go on once its sender is known."""

    route: Route
    parameters: Mapping[str, str]
    credentials: Credentials
    verdict: Verdict

    def __repr__(self) -> str:
        return f"<Admitted {self.route.call.name}>"


class Open(NamedTuple):
    """A ``DESK`` call that anybody may make."""

    route: Route
    parameters: Mapping[str, str]
    verdict: Verdict


class Answered(NamedTuple):
    """What the exchange itself answers to a ``DESK`` call; ``body`` is written as JSON."""

    body: object
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class RestGate:
    """Decides every REST request of one venue."""

    def __init__(self, venue: Venue, limits: Limits) -> None:
        self.venue = venue
        self._rest = venue.rest
        self._limits = limits
        self.limiter = RateLimiter(
            limits, weight=self._rest.weight_per_window, window_s=self._rest.window_s
        )
        self._routes = {(r.method, r.path): r for r in self._rest.routes}
        self._paths = {r.path for r in self._rest.routes}

    def admit(self, request: Request, now_ms: int) -> Admitted | Open | Response:
        """Checks a request up to its credentials; start-up calls are answered at once."""
        route = self._routes.get((request.method, request.path))
        # Whatever is no route shares a pool: a made-up path must not open a window of its own.
        pool = f"{route.method} {route.path}" if route and self._rest.per_endpoint else ""
        weight = _weight(route, request)
        verdict = self.limiter.take(request.address, weight, now_ms, pool)
        if verdict.refusal is not None:
            return self._limited(verdict.refusal, verdict)
        if route is None:
            known = request.path in self._paths
            return self.refuse(Refusal.METHOD if known else Refusal.NOT_FOUND, verdict=verdict)
        if len(request.body) > self._limits.request_body_bytes:
            return self.refuse(Refusal.TOO_LARGE, verdict=verdict)
        try:
            if route.call is Call.DESK:
                return self._read_desk(route, request, verdict, now_ms)
            if route.call not in LISTEN_KEY_CALLS:
                return self._public(route.call, request.query, verdict, now_ms)
            return self._read(route, request, verdict, now_ms)
        except Refusing as refusing:
            refusal, details = refusing.refused
            return self.refuse(refusal, *details, verdict=verdict)

    def serve(self, admitted: Admitted, done: Issued | list[str] | Refusal) -> Response:
        """Answers a listen-key call with what was done: a key, the keys of ``LIST``, or nothing."""
        if isinstance(done, Refusal):
            return self.refuse(done, verdict=admitted.verdict)
        if isinstance(done, list):
            return self._good({"listenKey": done}, admitted.verdict)
        shows_key = admitted.route.call is Call.CREATE or self._rest.reply is Reply.KEY
        return self._good({"listenKey": done.key} if shows_key else {}, admitted.verdict)

    def refuse(
        self, refusal: Refusal, *details: object, verdict: Verdict | None = None
    ) -> Response:
        """The venue's own form of a refusal."""
        form = self.venue.errors[refusal]
        body = _encode({"code": form.code, "msg": form.text.format(*details)})
        headers = (_JSON, *self._weight(verdict)) if verdict else (_JSON,)
        return Response(form.status, body, headers, refusal)

    def answer(self, answered: Answered, verdict: Verdict) -> Response:
        """The exchange's own answer, with what every answer of the venue carries."""
        headers = (_JSON, *_PRIVATE, *self._weight(verdict), *answered.headers)
        return Response(answered.status, _encode(answered.body), headers)

    def _limited(self, refusal: Refusal, verdict: Verdict) -> Response:
        response = self.refuse(refusal, verdict.detail, verdict=verdict)
        wait = ("retry-after", str(verdict.retry_after_s))
        return response._replace(headers=(*response.headers, wait))

    def _public(self, call: Call, query: bytes, verdict: Verdict, now_ms: int) -> Response:
        if call is Call.TIME:
            return self._good({"serverTime": now_ms}, verdict)
        if call is Call.INFO:
            return self._good(describe(self._rest, query, self._limits, now_ms), verdict)
        return self._good({}, verdict)

    def _read(self, route: Route, request: Request, verdict: Verdict, now_ms: int) -> Admitted:
        api_key = self._api_key(request.headers)
        parameters = self._parameters(request)
        wanted = {"listenKey"} if route.call in {Call.RENEW, Call.DELETE} else set()
        if self._rest.refuse_surplus and len(parameters) > len(wanted):
            raise Refusing(Refusal.PARAMETER_SURPLUS, len(wanted), len(parameters))
        if wanted:
            self._check_listen_key(parameters)
        credentials = self._signed(self._rest.auth, api_key, parameters, request, now_ms)
        return Admitted(route, parameters, credentials, verdict)

    def _read_desk(
        self, route: Route, request: Request, verdict: Verdict, now_ms: int
    ) -> Admitted | Open:
        if route.auth is None:
            return Open(route, self._parameters(request), verdict)
        api_key = self._api_key(request.headers)
        parameters = self._parameters(request)
        credentials = self._signed(route.auth, api_key, parameters, request, now_ms)
        return Admitted(route, parameters, credentials, verdict)

    def _parameters(self, request: Request) -> dict[str, str]:
        return read_parameters(
            request.query, request.body, json_body=self._rest.json_body, limits=self._limits
        )

    def _api_key(self, headers: Mapping[str, str]) -> str:
        auth = self._rest.auth
        for name in (auth.header, *auth.other_headers):
            key = headers.get(name.lower(), "").strip(" \t")
            if key:
                if len(key) not in _API_KEY_LENGTH or not (key.isascii() and key.isprintable()):
                    raise Refusing(Refusal.API_KEY_MALFORMED)
                return key
        raise Refusing(Refusal.API_KEY_MISSING)

    def _check_listen_key(self, parameters: Mapping[str, str]) -> None:
        key = parameters.get("listenKey")
        if key is None:
            raise Refusing(Refusal.PARAMETER_MISSING, "listenKey")
        if not key:
            raise Refusing(Refusal.PARAMETER_EMPTY, "listenKey")
        if not (key.isascii() and key.isalnum() and len(key) <= 128):
            raise Refusing(Refusal.PARAMETER_ILLEGAL, "listenKey", _KEY_LEGAL)

    def _signed(
        self,
        auth: Auth,
        api_key: str,
        parameters: Mapping[str, str],
        request: Request,
        now_ms: int,
    ) -> Credentials:
        signature = parameters.get("signature") if auth.signature is not Need.NONE else None
        if auth.signature is Need.REQUIRED and signature is None:
            raise Refusing(Refusal.SIGNATURE_MISSING, "signature")
        # Where both are optional they come together: one alone is half a signed request.
        together = auth.timestamp is auth.signature is Need.OPTIONAL
        if together and signature is None and "timestamp" in parameters:
            raise Refusing(Refusal.SIGNATURE_MISSING, "signature")
        must = auth.timestamp is Need.REQUIRED or (together and signature is not None)
        if must and not parameters.get("timestamp"):
            raise Refusing(Refusal.PARAMETER_MISSING, "timestamp")
        if auth.timestamp is not Need.NONE and "timestamp" in parameters:
            refused = check_timestamp(auth, parameters, now_ms)
            if refused is not None:
                raise Refusing(refused[0], *refused[1])
        if signature is None:
            return Credentials(api_key)
        return Credentials(
            api_key,
            signed_message(request.query, request.body),
            signature,
            auth.signature is Need.REQUIRED,
            auth.lower_case_only,
        )

    def _good(self, body: object, verdict: Verdict) -> Response:
        return Response(200, _encode(body), (_JSON, *_PRIVATE, *self._weight(verdict)))

    def _weight(self, verdict: Verdict) -> tuple[tuple[str, str], ...]:
        return tuple((name, str(verdict.used)) for name in self._rest.used_weight_headers)


def _weight(route: Route | None, request: Request) -> int:
    if route is None:
        return 1
    if route.bare_weight is None or b"symbol" in request.query or b"symbol" in request.body:
        return route.weight
    return route.bare_weight
