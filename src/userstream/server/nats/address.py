"""Where the NATS servers are, and how this process proves who it is."""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from userstream.errors import InvalidSettings
from userstream.version import VERSION

HELLO: dict[str, Any] = {
    "verbose": False, "pedantic": False, "lang": "python", "name": "userstream",
    "version": VERSION, "protocol": 1, "headers": True, "no_responders": True,
}  # fmt: skip
"""What every server is told first."""
_FORM = "nats://[USER:PASSWORD@]HOST[:PORT][,HOST…], or tls://…"
_SEED_BYTES = slice(2, 34)  # of a decoded seed: a prefix before it, a checksum behind it
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,32}")


class NatsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may say of NATS, besides its address."""

    credentials: str = ""
    """A ``.creds`` file: a JWT and the seed that signs for it."""
    ca: str = ""
    """Certificates to trust, instead of the system's."""
    cert: str = ""
    """The certificate of this process, where NATS asks for one; with ``key``."""
    key: str = ""
    """Its private key."""
    prefix: str = "userstream"
    """The first word of every subject and stream, so that one NATS can serve several systems."""
    shards: int = 16
    """Streams over which accounts are spread; fixed once the first process made them, and a
    process that has another number goes by theirs, and warns."""
    replicas: int = 3
    """Copies of each stream that is made: 1, 3 or 5. Of one that is there a process only says that
    it differs; its operator changes it."""
    max_bytes: int = 1_073_741_824
    """Of one shard's events on a node's disk, which NATS sets aside, and as much again for four
    shards' heads; once it is full, publishers are refused until some events are old. A stream that
    is there stays as it is, as with ``replicas``."""


class Server(NamedTuple):
    """One NATS server."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Address(NamedTuple):
    """The servers of a NATS, and what it is told at the door. Its ``repr`` has no secret."""

    servers: tuple[Server, ...]
    tls: ssl.SSLContext | None
    user: str
    password: str
    jwt: str
    seed: bytes

    def __repr__(self) -> str:
        return f"<Address {','.join(map(str, self.servers))}>"

    def proof(self, nonce: str) -> dict[str, str]:
        """What the connect message says of who this is; a nonce is signed."""
        if self.jwt:
            signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(nonce.encode())
            signed = base64.urlsafe_b64encode(signature).decode().rstrip("=")
            return {"jwt": self.jwt, "sig": signed}
        if self.user and self.password:
            return {"user": self.user, "pass": self.password}
        return {"auth_token": self.user} if self.user else {}


def read_address(bus: str, settings: NatsSettings) -> Address:
    """The address in a ``bus`` setting; files that it needs are read.

    Raises:
        InvalidSettings: it is none, or a file cannot be used.
    """
    _check(settings)
    scheme, _, rest = bus.partition("://")
    login, at, hosts = rest.rpartition("@")
    user, _, password = login.partition(":")
    servers = tuple(_server(text) for text in hosts.split(","))
    if scheme not in ("nats", "tls") or (at and not user):
        raise InvalidSettings(f"bus is not an address of NATS; allowed is {_FORM}")
    tls = _tls(settings) if scheme == "tls" or settings.ca or settings.cert else None
    jwt, seed = _credentials(settings.credentials) if settings.credentials else ("", b"")
    return Address(servers, tls, unquote(user), unquote(password), jwt, seed)


def told(error: Exception) -> str:
    """Why a server would not have us, and which setting has a say in it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"certificate verify failed: {error.verify_message}"
        return f"{why}; nats.ca names the authorities to trust"
    if "Authorization Violation" in str(error):
        return f"{error}: no such user and password as bus has, or nats.credentials"
    return str(error) or "it does not answer"


def shown(bus: str) -> str:
    """A ``bus`` setting without the user and password in it, whether it is an address or not."""
    login, at, hosts = bus.rpartition("@")
    if not at or bus.startswith("file:"):
        return bus
    scheme, sign, _ = login.partition("://")
    return f"{scheme}://{hosts}" if sign else hosts


def _check(settings: NatsSettings) -> None:
    if _TOKEN.fullmatch(settings.prefix) is None:
        raise InvalidSettings(f"nats.prefix is {settings.prefix!r}; allowed is {_TOKEN.pattern}")
    if settings.replicas not in (1, 3, 5):
        raise InvalidSettings(f"nats.replicas is {settings.replicas}; allowed are 1, 3 and 5")
    if not 1 <= settings.shards <= 1_024:
        raise InvalidSettings(f"nats.shards is {settings.shards}; allowed are 1 to 1024")
    if settings.max_bytes < 1_048_576:
        raise InvalidSettings(f"nats.max_bytes is {settings.max_bytes}; allowed are 1048576 up")
    if bool(settings.cert) != bool(settings.key):
        raise InvalidSettings("nats.cert and nats.key go together")


def _server(text: str) -> Server:
    try:
        parts = urlsplit(f"//{text.strip().rpartition('://')[2]}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        raise InvalidSettings(f"bus has {text!r} where a server should be; allowed is {_FORM}")
    return Server(host, port or 4222)


def _tls(settings: NatsSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca or None)
        if settings.cert:
            context.load_cert_chain(settings.cert, settings.key)
    except (OSError, ssl.SSLError) as e:
        given = {"ca": settings.ca, "cert": settings.cert, "key": settings.key}
        files = ", ".join(f"nats.{name} {file!r}" for name, file in given.items() if file)
        raise InvalidSettings(f"{files} cannot be used: {e}") from None
    return context


def _credentials(file: str) -> tuple[str, bytes]:
    try:
        text = Path(file).read_text("ascii")
        parts = re.findall(r"-+BEGIN[^\n]*-+\n([^-]+(?:-[^-]+)*?)\n-+END", text)
        jwt, seed = (part.strip() for part in parts)
        decoded = base64.b32decode(seed + "=" * (-len(seed) % 8))[_SEED_BYTES]
        Ed25519PrivateKey.from_private_bytes(decoded)
    except OSError as e:
        raise InvalidSettings(f"nats.credentials cannot be read: {e}") from None
    except (ValueError, binascii.Error):
        raise InvalidSettings(
            f"nats.credentials: {file} does not hold a JWT and a seed, as nsc writes them"
        ) from None
    return jwt, decoded
