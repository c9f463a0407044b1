"""``userstream serve``: the server for real."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from userstream.signals import until_signalled
from userstream.venues import DEFAULT, load_all, names

T = TypeVar("T")
Rest = Annotated[str | None, typer.Option(help="HOST:PORT of the REST port.", show_default=False)]
Stream = Annotated[
    str | None, typer.Option(help="HOST:PORT of the stream port.", show_default=False)
]
AdminPort = Annotated[
    str | None,
    typer.Option("--admin", help="HOST:PORT of the admin port.", show_default=False),
]
RootVenue = Annotated[
    str | None,
    typer.Option(
        "--venue", help=f"Venue at the root of the ports: {', '.join(names())}.", show_default=False
    ),
]
Certificate = Annotated[
    str | None, typer.Option("--tls-cert", help="Certificate chain (PEM).", show_default=False)
]
CertificateKey = Annotated[
    str | None, typer.Option("--tls-key", help="Private key (PEM).", show_default=False)
]

Config = Annotated[Path | None, typer.Option(help="TOML file with settings.", show_default=False)]
Bus = Annotated[
    str | None,
    typer.Option(
        help="file:DIR (default file:userstream-data), memory: or nats://HOST[,HOST…].",
        show_default=False,
    ),
]
Roles = Annotated[
    str | None,
    typer.Option(
        help="What this process does on a NATS: rest, stream, writer (default: all three).",
        show_default=False,
    ),
]
Durability = Annotated[
    str | None,
    typer.Option(
        help="What an acknowledged event survives: power-cut (default) or process-kill.",
        show_default=False,
    ),
]


def serve(  # noqa: PLR0917 - options, all by name
    config: Config = None,
    rest: Rest = None,
    stream: Stream = None,
    admin: AdminPort = None,
    venue: RootVenue = None,
    bus: Bus = None,
    roles: Roles = None,
    durability: Durability = None,
    tls_cert: Certificate = None,
    tls_key: CertificateKey = None,
) -> None:
    """Serve listen keys and private streams until SIGTERM.

    Settings come from --config, then USERSTREAM_* variables, then options; the later wins. The
    admin token comes from USERSTREAM_ADMIN_TOKEN or the setting admin_token_file.
    """
    from userstream.server import logs  # noqa: PLC0415 - an extra
    from userstream.server.service import Service  # noqa: PLC0415
    from userstream.server.settings import load_settings, markets_of  # noqa: PLC0415

    arguments = {
        "rest": rest, "stream": stream, "admin": admin, "venue": venue, "bus": bus,
        "roles": roles,
        "durability": durability, "tls_cert": tls_cert, "tls_key": tls_key,
    }  # fmt: skip
    settings = load_settings(config, os.environ, arguments)
    if not settings.venue:
        settings = msgspec.structs.replace(settings, venue=DEFAULT)
    logs.configure(json=settings.log == "json")
    markets = markets_of(settings)
    venues = load_all(settings.venues, markets)

    async def main() -> None:
        stopped = until_signalled()
        async with Service(settings, venues) as service:
            await service.run(stopped)

    run_loop(main())


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.run(main)
    else:
        return uvloop.run(main)
