"""``userstream accounts``: who may listen."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote

import typer

from userstream.cli.admin import DEFAULT_URL, Admin, AsJson, Token, call

accounts = typer.Typer(
    help="Add, list and revoke the API keys of accounts on a running server.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="1 to 64 letters, digits, - and _.")]


@accounts.command()
def add(
    name: Name,
    api_key: Annotated[str, typer.Argument(help="The API key that the trader's bot sends.")],
    secret: Annotated[
        str,
        typer.Option(
            help="The API secret, where signatures are to be checked; it is stored sealed.",
            envvar="USERSTREAM_API_SECRET",
            show_default=False,
        ),
    ] = "",
    admin: Admin = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Give an account an API key. Without a secret the account is known by its key alone."""
    body = {"account": name, "api_key": api_key} | ({"api_secret": secret} if secret else {})
    added = call("POST", admin, token, "/_accounts", json=body)
    if as_json:
        typer.echo(json.dumps(added))
    else:
        typer.echo(f"{added['account']} has API key {added['api_key']} (its fingerprint)")


@accounts.command("list")
def list_(admin: Admin = DEFAULT_URL, token: Token = "", as_json: AsJson = False) -> None:
    """List the accounts and the fingerprints of their API keys."""
    listed = call("GET", admin, token, "/_accounts")
    if as_json:
        typer.echo(json.dumps(listed))
        return
    for account in listed:
        keys = [
            f"{k['api_key']}{'' if k['secret'] else ' (no secret)'}" for k in account["api_keys"]
        ]
        typer.echo(f"{account['account']}  {', '.join(keys) or 'revoked'}")


@accounts.command()
def revoke(
    name: Name,
    key: Annotated[
        str, typer.Option(help="Fingerprint of one API key; without it, all of them.")
    ] = "",
    admin: Admin = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Take API keys back. Listen keys that they made end at once, with their streams."""
    params = {"api_key": key} if key else {}
    gone = call("DELETE", admin, token, f"/_accounts/{quote(name, safe='')}", params=params)
    if as_json:
        typer.echo(json.dumps(gone))
    else:
        ended = gone["listen_keys_ended"]
        typer.echo(f"revoked {', '.join(gone['revoked'])}; {ended} listen keys ended")
