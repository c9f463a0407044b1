"""The arguments of ``userstream watch``, and the stream that they ask for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from userstream.cli.admin import ALICE, SANDBOX_REST, SANDBOX_STREAM, AsJson
from userstream.cli.serve import run_loop
from userstream.errors import InvalidSettings
from userstream.signals import until_signalled
from userstream.venues import load, names

if TYPE_CHECKING:
    from userstream.cli.watch.watching import Watching

Venue = Annotated[str, typer.Argument(help=f"Which dialect: {', '.join(names())}.")]
Sandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox",
        help="A sandbox on this machine, as alice: it has every venue, at the URLs given or "
        f"{SANDBOX_REST} and {SANDBOX_STREAM}.",
    ),
]
ApiKey = Annotated[
    str, typer.Option(help="API key.", envvar="USERSTREAM_API_KEY", show_default=False)
]
ApiSecret = Annotated[
    str,
    typer.Option(
        help="Its secret, for repairs; as an argument others on this machine can see it.",
        envvar="USERSTREAM_API_SECRET",
        show_default=False,
    ),
]
RestUrl = Annotated[
    str,
    typer.Option(
        help="Where REST calls go.", envvar="USERSTREAM_REST_URL", show_default="the venue's"
    ),
]
StreamUrl = Annotated[
    str,
    typer.Option(
        help="Where streams are.", envvar="USERSTREAM_STREAM_URL", show_default="the venue's"
    ),
]
Symbols = Annotated[
    str,
    typer.Option(help="Pairs whose fills a repair asks for: BTCUSDT,ETHUSDT.", show_default=False),
]
Extension = Annotated[
    bool, typer.Option("--extension", help="A userstream server: completeness is proved.")
]
CursorFile = Annotated[
    Path | None,
    typer.Option(
        "--cursor", help="File that remembers what was shown, for the next time.",
        show_default=False, dir_okay=False,
    ),
]  # fmt: skip
Every = Annotated[
    float,
    typer.Option(help="Seconds between status lines, without a screen.", min=0.1, max=86_400),
]
Wait = Annotated[
    float, typer.Option(help="Seconds that the stream may take to be live at first.", min=0.1)
]


def watch(  # noqa: PLR0917 - options, all by name
    venue: Venue,
    sandbox: Sandbox = False,
    api_key: ApiKey = "",
    api_secret: ApiSecret = "",
    rest_url: RestUrl = "",
    stream_url: StreamUrl = "",
    symbols: Symbols = "",
    extension: Extension = False,
    cursor: CursorFile = None,
    every: Every = 10.0,
    wait: Wait = 15.0,
    as_json: AsJson = False,
) -> None:
    r"""Show an account's stream live: its state, key, orders, balances and events.

    On a terminal it draws a screen, elsewhere it prints a line an event. Ctrl-C ends it.

    \b
    userstream watch binance --sandbox
    USERSTREAM_API_KEY=… USERSTREAM_API_SECRET=… userstream watch mexc
    userstream watch mexc --sandbox --json | grep '"type":"gap"'
    """
    from userstream.cli.watch.board import Board  # noqa: PLC0415 - with it comes the client
    from userstream.cli.watch.shown import shown_on  # noqa: PLC0415
    from userstream.cli.watch.watching import Watching  # noqa: PLC0415
    from userstream.client.options import base_urls  # noqa: PLC0415
    from userstream.client.userstream import UserStream  # noqa: PLC0415

    dialect = load(venue)
    rest, place = base_urls(dialect, *_bases(venue, rest_url, stream_url, sandbox=sandbox))
    key, secret = _access(api_key, api_secret, sandbox=sandbox)
    stream = UserStream(
        dialect, key=key, secret=secret, rest_url=rest, stream_url=place, symbols=_pairs(symbols),
        extension=extension, cursor=cursor, states=True,
    )  # fmt: skip
    board = Board(venue, place, time.time_ns() // 1_000_000)
    _run(Watching(stream, board, shown_on(Console(), as_json=as_json, every_s=every), wait))


def _run(watching: Watching) -> None:
    async def main() -> None:
        await watching.run(until_signalled())

    run_loop(main())


def _pairs(symbols: str) -> list[str]:
    return [pair.strip() for pair in symbols.split(",") if pair.strip()]


def _bases(venue: str, rest: str, stream: str, *, sandbox: bool) -> tuple[str | None, str | None]:
    """Where it is asked for; a sandbox has each venue below its ports."""
    if not sandbox:
        return rest or None, stream or None
    rest, stream = rest.rstrip("/") or SANDBOX_REST, stream.rstrip("/") or SANDBOX_STREAM
    return f"{rest}/{venue}", f"{stream}/{venue}"


def _access(key: str, secret: str, *, sandbox: bool) -> tuple[str, str | None]:
    if sandbox and not key and not secret:
        return ALICE
    if not key:
        raise InvalidSettings(
            "there is no API key: set USERSTREAM_API_KEY, or name --api-key; --sandbox needs none"
        )
    return key, secret or None
