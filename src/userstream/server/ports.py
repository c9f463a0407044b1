"""The ports of a process: bound before anything else starts, so that a taken one shows at once."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Mapping

from userstream.core.limits import Limits
from userstream.errors import InvalidSettings
from userstream.server.settings import Settings, address_of


def bound(
    exits: contextlib.ExitStack | contextlib.AsyncExitStack, settings: Settings
) -> Mapping[str, socket.socket]:
    """The sockets of the listeners that the roles of this process have, by name.

    Raises:
        InvalidSettings: a port is taken, or not this machine's.
    """
    names = [role for role in ("rest", "stream") if role in settings.roles]
    limits = settings.limits
    return {
        name: _bind(exits, name, getattr(settings, name), limits if name == "stream" else None)
        for name in (*names, "admin")
    }


def url_of(name: str, sock: socket.socket, *, secure: bool) -> str:
    """Where a listener is reached, with the port that it got."""
    scheme = ("ws" if name == "stream" else "http") + ("s" if secure else "")
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """What the stream port encrypts with.

    Raises:
        InvalidSettings: the files cannot be used.
    """
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as e:
        raise InvalidSettings(f"tls_cert and tls_key cannot be used: {e}") from None
    return context


def _bind(
    exits: contextlib.ExitStack | contextlib.AsyncExitStack,
    name: str,
    text: str,
    limits: Limits | None,
) -> socket.socket:
    """``limits``: of the streams that are accepted here."""
    address = address_of(name, text)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # Named, or asyncio's own loop does not know TCP when it sees it, and lets small writes wait.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    exits.callback(sock.close)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if limits is not None:
            _restrain(sock, limits)
        sock.bind(address)
        sock.listen(4096)  # a port in use shows here and not later
    except OSError as e:
        raise InvalidSettings(
            f"{name} cannot listen on {text}: {e.strerror}; choose another address with --{name}"
        ) from None
    sock.setblocking(False)
    return sock


def _restrain(sock: socket.socket, limits: Limits) -> None:
    """What a socket accepts has these too: from the first, that dials before the server is up."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.send_buffer_bytes)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000)
