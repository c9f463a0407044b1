"""``userstream sandbox``: an exchange on the laptop."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from typer.core import TyperGroup

from userstream.cli.admin import (
    DEFAULT_TOKEN,
    DEFAULT_URL,
    Admin,
    AsJson,
    SandboxToken,
    call,
    stream_lines,
)
from userstream.cli.faults import fault
from userstream.cli.market import market
from userstream.cli.order import order
from userstream.cli.serve import AdminPort, Rest, RootVenue, Stream, run_loop
from userstream.cli.traders import account, desk
from userstream.venues import DEFAULT

NewToken = Annotated[str, typer.Option(help="Admin token.")]
Data = Annotated[
    str, typer.Option(help="Folder for the data; without it, memory.", show_default=False)
]
Traders = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME:API_KEY:API_SECRET, repeatable; the key works in every venue.",
        show_default="alice and bob",
    ),
]
SandboxConfig = Annotated[
    Path | None, typer.Option(help="TOML file with symbols, venues, limits.", show_default=False)
]
Seed = Annotated[int, typer.Option(help="Same seed and orders, same events.", min=0)]
MarketMaker = Annotated[bool, typer.Option(help="Whether a market maker trades against everybody.")]
ClockSpeed = Annotated[
    float, typer.Option(help="Seconds that pass in one second.", min=0.001, max=100_000)
]
PageAsJson = Annotated[
    bool, typer.Option("--json", help="Print URLs and accounts as one line of JSON.")
]


class _RunByDefault(TyperGroup):
    """``userstream sandbox --venue mexc`` means ``userstream sandbox run --venue mexc``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


sandbox = typer.Typer(cls=_RunByDefault, help="An exchange on the laptop, to test bots against.")
sandbox.add_typer(fault, name="fault")


@sandbox.callback()
def _group() -> None:
    pass


@sandbox.command()
def run(  # noqa: PLR0917 - options, all by name
    rest: Rest = "127.0.0.1:8080",
    stream: Stream = "127.0.0.1:9443",
    admin: AdminPort = "127.0.0.1:8081",
    admin_token: NewToken = DEFAULT_TOKEN,
    venue: RootVenue = DEFAULT,
    data: Data = "",
    account: Traders = None,
    config: SandboxConfig = None,
    seed: Seed = 1,
    maker: MarketMaker = True,
    clock_speed: ClockSpeed = 1.0,
    as_json: PageAsJson = False,
) -> None:
    """Run a sandbox exchange: prints its URLs, accounts and keys, and lines to paste."""
    from userstream.sandbox.options import SandboxOptions  # noqa: PLC0415 - an extra
    from userstream.sandbox.run import run_sandbox  # noqa: PLC0415

    options = SandboxOptions(
        rest=rest or "",
        stream=stream or "",
        admin=admin or "",
        admin_token=admin_token,
        venue=venue or "",
        data=data,
        config=config,
        seed=seed,
        maker=maker,
        accounts=tuple(account or ()),
        clock_speed=clock_speed,
        as_json=as_json,
    )
    run_loop(run_sandbox(options))


@sandbox.command()
def clock(
    speed: Annotated[
        float | None,
        typer.Argument(help="Seconds that pass in one; 3600: an hour.", show_default=False),
    ] = None,
    advance: Annotated[
        int, typer.Option(help="Jump forward by so many seconds.", min=0, show_default=False)
    ] = 0,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Show a running sandbox's clock, or change it.

    Listen keys, ages and timestamps follow it. Pings and idle rules wait in real time, since a
    network does not become faster.
    """
    change = ({} if speed is None else {"speed": speed}) | (
        {"advance_ms": advance * 1000} if advance else {}
    )
    asked = {"json": change} if change else {}
    now = call("POST" if change else "GET", admin, token, "/_sandbox/clock", **asked)
    typer.echo(json.dumps(now) if as_json else f"time {now['time_ms']}, speed {now['speed']:g}")


@sandbox.command()
def truth(
    account: Annotated[str, typer.Argument(help="Whose events.")],
    venue: Annotated[
        str, typer.Option(help="Add the exact frames of that dialect.", show_default=False)
    ] = "",
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
) -> None:
    """Print what was published for an account, and the faults that touched it, as NDJSON.

    `userstream verify` compares a bot's log with it.
    """
    params = {"venue": venue} if venue else {}
    path = f"/_sandbox/truth/{quote(account, safe='')}"
    for piece in stream_lines(admin, token, path, params):
        sys.stdout.buffer.write(piece)
    sys.stdout.flush()


sandbox.command()(order)
sandbox.command()(desk)
sandbox.add_typer(market, name="market")
sandbox.add_typer(account, name="account")
