"""``userstream sandbox account`` and ``desk``: who trades there, and how they are answered."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from userstream.cli.admin import DEFAULT_TOKEN, DEFAULT_URL, Admin, AsJson, SandboxToken, call
from userstream.cli.market import Account

account = typer.Typer(
    help="Accounts of the sandbox: their funds and permissions.", no_args_is_help=True
)
_PATH = "/_sandbox/accounts"
Asset = Annotated[str, typer.Argument(help="Such as USDT.")]
Amount = Annotated[str, typer.Argument(help="A decimal above zero.")]
Allowed = Annotated[bool | None, typer.Option(show_default=False)]


@account.command("list")
def list_(
    admin: Admin = DEFAULT_URL, token: SandboxToken = DEFAULT_TOKEN, as_json: AsJson = False
) -> None:
    """List the accounts with their balances."""
    listed = call("GET", admin, token, _PATH)
    if as_json:
        typer.echo(json.dumps(listed))
        return
    for one in listed:
        _show(one)


@account.command()
def add(
    name: Account,
    api_key: Annotated[str, typer.Argument(help="Its API key, in every venue.")],
    api_secret: Annotated[str, typer.Argument(help="The secret of that key.")],
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Open a funded account, or give one another API key."""
    body = {"name": name, "api_key": api_key, "api_secret": api_secret}
    _done(call("POST", admin, token, _PATH, json=body), as_json)


@account.command()
def deposit(
    name: Account,
    asset: Asset,
    amount: Amount,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Credit an amount from outside."""
    _act(admin, token, as_json, name, "deposit", asset=asset, amount=amount)


@account.command()
def withdraw(
    name: Account,
    asset: Asset,
    amount: Amount,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Debit a free amount to the outside."""
    _act(admin, token, as_json, name, "withdraw", asset=asset, amount=amount)


@account.command()
def transfer(
    name: Account,
    to: Annotated[str, typer.Argument(help="The other account.")],
    asset: Asset,
    amount: Amount,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Move a free amount to another account."""
    _act(admin, token, as_json, name, "transfer", asset=asset, amount=amount, to=to)


@account.command()
def permit(
    name: Account,
    trade: Allowed = None,
    withdrawals: Allowed = None,
    deposits: Allowed = None,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Change what an account may do: --no-trade, --withdrawals …; what is not named stays."""
    asked = {"can_trade": trade, "can_withdraw": withdrawals, "can_deposit": deposits}
    _act(admin, token, as_json, name, "permissions", **asked)


def desk(
    answer_first: Annotated[
        bool, typer.Option(help="Answer an order before its events are published.")
    ] = False,
    answer_delay_ms: Annotated[int, typer.Option(help="Hold answers back so long.")] = 0,
    read_lag_ms: Annotated[int, typer.Option(help="Queries miss orders so young.")] = 0,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Set in which order and how late order calls are answered; no options: as at the start."""
    manners = {
        "answer_first": answer_first,
        "answer_delay_ms": answer_delay_ms,
        "read_lag_ms": read_lag_ms,
    }
    done = call("POST", admin, token, "/_sandbox/desk", json=manners)
    text = ", ".join(f"{name} {value}" for name, value in done.items())
    typer.echo(json.dumps(done) if as_json else text)


def _act(admin: str, token: str, as_json: bool, name: str, act: str, **body: object) -> None:
    path = f"{_PATH}/{quote(name, safe='')}/{act}"
    _done(call("POST", admin, token, path, json=body), as_json)


def _done(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(one))
    else:
        _show(one)


def _show(one: dict[str, Any]) -> None:
    held = ", ".join(
        f"{asset} {b['free']}" + (f" and {b['locked']} locked" if float(b["locked"]) else "")
        for asset, b in one["balances"].items()
    )
    denied = [name[4:] for name, may in one["permissions"].items() if not may]
    typer.echo(f"{one['name']}: {held}" + (f"; may not {', '.join(denied)}" if denied else ""))
