"""Talking to a running server's admin port, as commands do."""

from __future__ import annotations

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
SandboxToken = Annotated[
    str, typer.Option("--token", help="Admin token.", envvar="USERSTREAM_ADMIN_TOKEN")
]


def call(method: str, url: str, token: str, path: str, **request: Any) -> Any:  # noqa: ANN401
    """The JSON answer of an admin call.

    Raises:
        InvalidSettings: the server cannot be reached, or said no; the message says why.
    """
    try:
        response = httpx.request(
            method,
            url.rstrip("/") + path,
            headers={"authorization": f"Bearer {token}"},
            timeout=30.0,
            **request,
        )
    except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as e:
        raise InvalidSettings(f"no server at {url}: {e}; is it running? (--admin)") from None
    if response.is_success:
        return response.json()
    try:
        why = response.json()["error"]["msg"]
    except (ValueError, KeyError, TypeError):
        why = response.text[:200]
    raise InvalidSettings(f"the server said no (HTTP {response.status_code}): {why}")
