"""A venue's REST side with a key table and two accounts, to be asked without a socket."""

from __future__ import annotations

from typing import Any

from userstream.core.limits import Limits
from userstream.core.listenkeys import Issued, KeyTable
from userstream.core.rest import Admitted, Credentials, Identity, Request, Response, RestGate
from userstream.core.signing import is_signed
from userstream.core.tokens import Minter
from userstream.venue import Call, Refusal, Venue
from userstream.venues import load

NOW = 1_499_827_319_559
HOUR = 3_600_000
HEADERS = {
    "binance": "x-mbx-apikey",
    "bhex": "x-bh-apikey",
    "spacedex": "x-sdx-apikey",
    "mexc": "x-mexc-apikey",
}
PATHS = {
    "binance": "/api/v1/userDataStream",
    "bhex": "/openapi/v1/userDataStream",
    "spacedex": "/api/v1/userDataStream",
    "mexc": "/api/v3/userDataStream",
}
ACCOUNTS = {
    "key-alice": ("alice", "secret-alice"),
    "key-alice-2": ("alice", "secret-alice"),
    "key-bob": ("bob", "secret-bob"),
}
JSON = ("content-type", "application/json;charset=UTF-8")
PRIVATE = (("cache-control", "no-store"), ("referrer-policy", "no-referrer"))


class Gate:
    """A gate whose verifier knows ``ACCOUNTS``; entropy is a count."""

    def __init__(self, venue: Venue | str, *, limits: Limits | None = None, **options: Any) -> None:
        self.venue = venue if isinstance(venue, Venue) else load(venue, options)
        self.keys = KeyTable(Minter(b"s" * 32), {self.venue.name: self.venue.keys})
        self.gate = RestGate(self.venue, limits or Limits())
        self.path = PATHS[self.venue.name]
        self._count = 0

    def ask(
        self,
        method: str,
        query: bytes = b"",
        body: bytes = b"",
        *,
        key: str | None = "key-alice",
        headers: dict[str, str] | None = None,
        path: str | None = None,
        now_ms: int = NOW,
        address: str = "192.0.2.1",
    ) -> Response:
        """The answer to a request, after its verifier has spoken."""
        sent = dict(headers or {})
        if key is not None:
            sent[HEADERS[self.venue.name]] = key
        request = Request(method, self.path if path is None else path, query, sent, body, address)
        admitted = self.gate.admit(request, now_ms)
        if isinstance(admitted, Response):
            return admitted
        assert isinstance(admitted, Admitted)
        identity = verify(admitted.credentials)
        if isinstance(identity, Refusal):
            return self.gate.refuse(identity, verdict=admitted.verdict)
        return self.gate.serve(admitted, self._act(admitted, identity, now_ms))

    def _act(
        self, admitted: Admitted, identity: Identity, now_ms: int
    ) -> Issued | list[str] | Refusal:
        venue, (account, api_key), keys = self.venue.name, identity, self.keys
        match admitted.route.call:
            case Call.LIST:
                return keys.owned_by(venue, account, now_ms)
            case Call.CREATE:
                self._count += 1
                entropy = self._count.to_bytes(32, "little")
                return keys.create(venue, account, api_key, entropy, now_ms)
            case call:
                act = keys.renew if call is Call.RENEW else keys.delete
                return act(venue, admitted.parameters["listenKey"], account, now_ms)

    def call(self, call: Call, query: bytes = b"", **sent: Any) -> Response:
        """A listen-key call, with a good timestamp where the venue wants one."""
        if self.venue.name == "bhex":
            stamp = b"timestamp=%d" % sent.get("now_ms", NOW)
            query = query + b"&" + stamp if query else stamp
        methods = {Call.CREATE: "POST", Call.RENEW: "PUT", Call.DELETE: "DELETE", Call.LIST: "GET"}
        return self.ask(methods[call], query, **sent)


def verify(credentials: Credentials) -> Identity | Refusal:
    """The account of an API key, its signature checked where there is one."""
    found = ACCOUNTS.get(credentials.api_key)
    if found is None:
        return Refusal.API_KEY_REJECTED
    account, secret = found
    if credentials.signature is not None and not is_signed(
        secret,
        credentials.message,
        credentials.signature,
        lower_case_only=credentials.lower_case_only,
    ):
        return Refusal.SIGNATURE
    return Identity(account, credentials.api_key)
