"""``userstream move``: from a data folder to a NATS."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from userstream.cli.admin import AsJson
from userstream.cli.serve import run_loop
from userstream.errors import InvalidSettings
from userstream.venues import load_all

if TYPE_CHECKING:
    from userstream.server.settings import Settings
    from userstream.venue import KeyPolicy

_EVERY_S = 1.0


class _Progress:
    """A line on stderr whenever something new begins or ends, and every second between."""

    def __init__(self) -> None:
        self._what = ""
        self._told_s = 0.0

    def tell(self, what: str, done: int, of: int) -> None:
        now_s = time.monotonic()
        if what != self._what or done == of or now_s - self._told_s > _EVERY_S:
            typer.echo(f"{what}: {done:,} of {of:,}", err=True)
            self._what, self._told_s = what, now_s


Folder = Annotated[Path, typer.Argument(help="Data folder of a server that was stopped.")]
Config = Annotated[
    Path | None,
    typer.Option(
        help="Settings of the nodes to come (TOML): bus, keys and [nats] count.",
        show_default=False,
    ),
]
To = Annotated[
    str | None, typer.Option(help="nats://HOST[,HOST…], instead of bus.", show_default=False)
]
Keys = Annotated[
    str | None,
    typer.Option(
        help="nats:FILE, instead of keys. The folder's key secret is written there; copy the "
        "file to every node.",
        show_default=False,
    ),
]


def move(
    folder: Folder,
    config: Config = None,
    to: To = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Move a data folder to NATS: events, positions, pictures, listen keys, accounts.

    Epoch and places stay, so clients resume with the cursors that they have, publishers go on
    with their n, and listen keys open streams. Stop the server first. Nothing may be on NATS
    under that nats.prefix. When it is over the folder is marked, and no server opens it again;
    until then it is as it was, and no server opens the streams. After a crash, or an error, run
    the same command again.

    For example:  userstream move /var/lib/userstream --config cluster.toml
    """
    from userstream.server import logs  # noqa: PLC0415 - an extra
    from userstream.server.nats.move import Move  # noqa: PLC0415

    settings, file, policies = nodes_of(config, to, keys)
    logs.configure(json=settings.log == "json", level=logging.ERROR)
    moving = Move(folder, settings.bus, settings.nats, file, policies, _Progress().tell)
    moved = run_loop(moving.run())
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(moved)))
    else:
        typer.echo(
            f"{folder} was moved to {moved.to}: {moved.events:,} events of {moved.positions:,} "
            f"accounts, {moved.accounts:,} accounts with API keys, {moved.listen_keys:,} listen "
            f"keys; epoch {moved.epoch}"
        )


def nodes_of(
    config: Path | None, to: str | None = None, keys: str | None = None
) -> tuple[Settings, Path, Mapping[str, KeyPolicy]]:
    """Settings of nodes on a NATS, the file of their key secret, and what keys are at each venue.

    Raises:
        InvalidSettings: they are not of such nodes.
    """
    from userstream.server.nats.address import shown  # noqa: PLC0415 - an extra
    from userstream.server.settings import (  # noqa: PLC0415 - an extra
        key_secret_file,
        load_settings,
        markets_of,
        on_nats,
    )

    settings = load_settings(config, os.environ, {"bus": to, "keys": keys})
    if not on_nats(settings):
        raise InvalidSettings(
            f"bus is {shown(settings.bus)!r}; needed is a NATS, such as nats://HOST"
        )
    file = key_secret_file(settings)
    if file is None:
        raise InvalidSettings(
            f"keys is {settings.keys!r}; needed is nats:FILE, the file in which every node finds "
            "the key secret: listen keys and accounts lie on NATS, too"
        )
    venues = load_all(settings.venues, markets_of(settings))
    return settings, file, {venue.name: venue.keys for venue in venues.values()}
