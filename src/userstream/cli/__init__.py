"""The command ``userstream``: the only reader of arguments and the environment."""

from __future__ import annotations

import sys

import typer

from userstream.cli.accounts import accounts
from userstream.cli.backup import backup, restore
from userstream.cli.move import move
from userstream.cli.publish import publish
from userstream.cli.sandbox import sandbox
from userstream.cli.serve import serve
from userstream.cli.verify import verify
from userstream.cli.watch.command import watch
from userstream.errors import UserStreamError
from userstream.version import VERSION

app = typer.Typer(
    name="userstream",
    help="The user data stream of an exchange, both ends of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(sandbox, name="sandbox")
app.command()(serve)
app.command()(publish)
app.command()(watch)
app.command()(backup)
app.command()(restore)
app.command()(move)
app.command()(verify)
app.add_typer(accounts, name="accounts")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"userstream {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


_EXTRAS = {
    "cryptography": "server",
    "httptools": "server",
    "prometheus_client": "server",
    "rocksdict": "server",
    "starlette": "server",
    "structlog": "server",
    "uvicorn": "server",
}


def main() -> None:
    """Runs the command; an error of ours is one clear line and exit code 1."""
    try:
        app()
    except UserStreamError as e:
        sys.exit(f"userstream: {e}")
    except ModuleNotFoundError as e:
        extra = _EXTRAS.get((e.name or "").partition(".")[0])
        if extra is None:
            raise
        sys.exit(
            f"userstream: this command needs the extra {extra!r}: pip install 'userstream[{extra}]'"
        )
