"""``userstream sandbox market``: counter-orders on request."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from userstream.cli.admin import DEFAULT_TOKEN, DEFAULT_URL, Admin, AsJson, SandboxToken, call

market = typer.Typer(
    help="Make things happen on the sandbox's market: fills, sweeps, rejections.",
    no_args_is_help=True,
)
_PATH = "/_sandbox/market"
Symbol = Annotated[str | None, typer.Argument(help="A pair; without it, all.", show_default=False)]
Account = Annotated[str, typer.Argument(help="Name of the account, such as alice.")]


@market.command()
def prices(
    admin: Admin = DEFAULT_URL, token: SandboxToken = DEFAULT_TOKEN, as_json: AsJson = False
) -> None:
    """Show the best prices of every pair."""
    shown = call("GET", admin, token, _PATH)
    if as_json:
        typer.echo(json.dumps(shown))
        return
    for symbol, quote in shown.items():
        prices = "  ".join(f"{name} {price or '-'}" for name, price in quote.items())
        typer.echo(f"{symbol:<10} {prices}")


@market.command()
def fill(
    account: Account,
    order: Annotated[str, typer.Argument(help="Order id, or client order id.")],
    percent: Annotated[str, typer.Argument(help="Of the order's quantity.")] = "100",
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Fill so much of a resting order, and before it what has priority."""
    named: int | str = int(order) if order.isascii() and order.isdigit() else order
    _run(admin, token, as_json, do="fill", account=account, order=named, percent=percent)


@market.command()
def sweep(
    symbol: Annotated[str, typer.Argument(help="A pair.")],
    side: Annotated[str, typer.Argument(help="buy: the price rises; sell: it falls.")],
    price: Annotated[str, typer.Argument(help="Up to which price.")],
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Take all that traders offer up to a price, and move the market there; stops trigger."""
    _run(admin, token, as_json, do="sweep", symbol=symbol, side=side.upper(), price=price)


@market.command()
def reject(
    account: Account,
    count: Annotated[int, typer.Argument(help="How many orders.")] = 1,
    reason: Annotated[str, typer.Option(help="Why, such as INSUFFICIENT_BALANCE.")] = "REJECTED",
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Reject the next orders of an account; each is told as a REJECTED event."""
    _run(admin, token, as_json, do="reject", account=account, count=count, reason=reason)


@market.command()
def take(
    percent: Annotated[str, typer.Argument(help="How much of each order; 0 lets all rest.")],
    account: Annotated[str | None, typer.Option(help="Whose; without it, everybody's.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Of which pair; without it, all.")] = None,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Let the market maker fill orders only in part: 40 fills 40 % and leaves the rest."""
    _run(admin, token, as_json, do="take", percent=percent, account=account, symbol=symbol)


@market.command()
def pause(
    symbol: Symbol = None,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Let the market maker withdraw its quotes."""
    _run(admin, token, as_json, do="pause", symbol=symbol)


@market.command()
def resume(
    symbol: Symbol = None,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Let the market maker quote again."""
    _run(admin, token, as_json, do="resume", symbol=symbol)


def _run(admin: str, token: str, as_json: bool, **command: object) -> None:
    done = call("POST", admin, token, _PATH, json=command)
    if as_json:
        typer.echo(json.dumps(done))
        return
    for one in done["filled"]:
        typer.echo(f"{one['account']}: order {one['order_id']} filled by {one['quantity']}")
    if not done["filled"]:
        typer.echo("done; no order was filled")
