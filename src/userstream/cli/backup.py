"""``userstream backup`` and ``userstream restore``: a data folder, copied and made anew."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from userstream.cli.admin import DEFAULT_URL, Admin, AsJson, Token, call
from userstream.cli.move import nodes_of
from userstream.cli.serve import run_loop

if TYPE_CHECKING:
    from userstream.server.backup import Label

_PATIENCE_S = 3_600.0


def backup(
    folder: Annotated[
        Path, typer.Argument(help="A new or empty folder, on the machine of the server.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Data folder of a server that does not run, instead of asking one that does.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings of a node whose bus is a NATS: what lies there is copied.",
            show_default=False,
        ),
    ] = None,
    admin: Admin = DEFAULT_URL,
    token: Token = "",
    as_json: AsJson = False,
) -> None:
    """Copy the data of a server as it is at one moment, with the key secret.

    The server goes on meanwhile. Whoever has the copy can open its streams: keep it as safe as the
    data folder. With --config nothing is asked of any server: events, accounts and listen keys are
    copied from NATS, and the folder is on this machine.
    """
    folder = folder.resolve()
    if config is not None:
        made = _shown(_from_nats(config, folder), folder)
    elif data is not None:
        made = _shown(_from_folder(data.resolve(), folder), folder)
    else:
        body = {"folder": str(folder)}
        made = call("POST", admin, token, "/_backup", json=body, timeout=_PATIENCE_S)
    typer.echo(json.dumps(made) if as_json else f"{made['bytes']:,} bytes backed up to {folder}")


def _shown(label: Label, folder: Path) -> dict[str, Any]:
    return {"folder": str(folder), "bytes": label.bytes, "epoch": label.epoch}


def _from_folder(data: Path, folder: Path) -> Label:
    from userstream.server.backup import back_up  # noqa: PLC0415 - an extra

    return back_up(data, folder, time.time_ns() // 1_000_000)


def _from_nats(config: Path, folder: Path) -> Label:
    from userstream.server import logs  # noqa: PLC0415 - an extra
    from userstream.server.nats.copy import back_up_nats  # noqa: PLC0415

    settings, keys, policies = nodes_of(config)
    logs.configure(json=settings.log == "json", level=logging.ERROR)
    return run_loop(back_up_nats(folder, settings.bus, settings.nats, keys, policies))


def restore(
    folder: Annotated[Path, typer.Argument(help="A backup.")],
    data: Annotated[Path, typer.Argument(help="A new or empty data folder.")],
    as_json: AsJson = False,
) -> None:
    """Make a data folder from a backup. It has a new epoch, so that nobody is fooled.

    Clients are told that their cursors are of another history. Publishers send again what they
    published since the backup, with the n that they had.
    """
    from userstream.server.backup import restore as restored  # noqa: PLC0415 - an extra

    label = restored(folder.resolve(), data.resolve())
    made = datetime.fromtimestamp(label.time_ms / 1_000, UTC)
    if as_json:
        typer.echo(json.dumps({"folder": str(data), "time_ms": label.time_ms}))
    else:
        typer.echo(f"{data} restored as of {made:%Y-%m-%d %H:%M:%S} UTC, with a new epoch")
