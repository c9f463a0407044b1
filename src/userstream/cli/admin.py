"""Talking to a running server's admin port, as commands do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import typer

from userstream.errors import InvalidSettings

Admin = Annotated[
    str, typer.Option("--admin", help="Admin port of the server.", envvar="USERSTREAM_ADMIN_URL")
]
Token = Annotated[
    str,
    typer.Option(
        "--token", help="Admin token.", envvar="USERSTREAM_ADMIN_TOKEN", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DEFAULT_URL = "http://127.0.0.1:8081"
DEFAULT_TOKEN = "sandbox"  # noqa: S105 - a sandbox has no secrets
SANDBOX_REST = "http://127.0.0.1:8080"
SANDBOX_STREAM = "ws://127.0.0.1:9443"
ALICE = ("alicekey", "alicesecret")
"""API key and secret of the sandbox's first account, unless it is run with others."""
SandboxToken = Annotated[
    str, typer.Option("--token", help="Admin token.", envvar="USERSTREAM_ADMIN_TOKEN")
]


def call(method: str, url: str, token: str, path: str, **request: Any) -> Any:  # noqa: ANN401
    """The JSON answer of an admin call.

    Raises:
        InvalidSettings: the server cannot be reached, or said no; the message says why.
    """
    with _asked(method, url, token, path, **request) as response:
        response.read()
        return response.json()


def stream_lines(url: str, token: str, path: str, params: dict[str, str]) -> Iterator[bytes]:
    """The bytes of a long answer to an admin call, as they come.

    Raises:
        InvalidSettings: as ``call``.
    """
    with _asked("GET", url, token, path, params=params) as response:
        yield from response.iter_bytes()


@contextlib.contextmanager
def _asked(
    method: str,
    url: str,
    token: str,
    path: str,
    **request: Any,  # noqa: ANN401
) -> Iterator[httpx.Response]:
    if not (token.isascii() and token.isprintable()):
        raise InvalidSettings("--token is not printable ASCII, and no token is anything else")
    try:
        with (
            # A transport of its own keeps to SSL_CERT_FILE and past the proxies that are set.
            httpx.Client(transport=httpx.HTTPTransport(), timeout=30.0) as http,
            http.stream(
                method,
                url.rstrip("/") + path,
                headers={"authorization": f"Bearer {token}"},
                **request,
            ) as response,
        ):
            if not response.is_success:
                response.read()
                raise _refused(response)
            yield response
    except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as e:
        raise InvalidSettings(f"no server at {url}: {e}; is it running? (--admin)") from None


def _refused(response: httpx.Response) -> InvalidSettings:
    try:
        why = response.json()["error"]["msg"]
    except (ValueError, KeyError, TypeError):
        why = response.text[:200]
    return InvalidSettings(f"the server said no (HTTP {response.status_code}): {why}")
