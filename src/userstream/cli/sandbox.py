"""``userstream sandbox``: an exchange on the laptop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from userstream.cli.market import market
from userstream.cli.order import order
from userstream.cli.serve import AdminPort, Rest, RootVenue, Stream, run_loop
from userstream.cli.traders import account, desk
from userstream.venues import DEFAULT


class _RunByDefault(TyperGroup):
    """``userstream sandbox --venue mexc`` means ``userstream sandbox run --venue mexc``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


sandbox = typer.Typer(cls=_RunByDefault, help="An exchange on the laptop, to test bots against.")


@sandbox.callback()
def _group() -> None:
    pass


@sandbox.command()
def run(  # noqa: PLR0917 - options, all by name
    rest: Rest = "127.0.0.1:8080",
    stream: Stream = "127.0.0.1:9443",
    admin: AdminPort = "127.0.0.1:8081",
    admin_token: Annotated[str, typer.Option(help="Admin token.")] = "sandbox",  # noqa: S107
    venue: RootVenue = DEFAULT,
    data: Annotated[
        str, typer.Option(help="Folder for the data; without it, memory.", show_default=False)
    ] = "",
    account: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME:API_KEY:API_SECRET, repeatable; the key works in every venue.",
            show_default="alice and bob",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file with symbols, venues, limits.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed and orders, same events.", min=0)] = 1,
    maker: Annotated[
        bool, typer.Option(help="Whether a market maker trades against everybody.")
    ] = True,
    clock_speed: Annotated[
        float, typer.Option(help="Seconds that pass in one second.", min=0.001, max=100_000)
    ] = 1.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print URLs and accounts as one line of JSON.")
    ] = False,
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


sandbox.command()(order)
sandbox.command()(desk)
sandbox.add_typer(market, name="market")
sandbox.add_typer(account, name="account")
