"""The sandbox: a server in memory with funded accounts, and lines to paste."""

from __future__ import annotations

import contextlib
import logging
import shlex
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console

from userstream.client.publisher import Publisher
from userstream.errors import InvalidSettings
from userstream.events import AccountSnapshot, Balance, CommissionRates, Permissions
from userstream.markets import SANDBOX_MARKETS
from userstream.sandbox.service import SandboxService
from userstream.server import logs
from userstream.server.service import Service, until_signalled
from userstream.server.settings import load_settings
from userstream.venue import KeyPlace, Venue
from userstream.venues import DEFAULT, load, names

SOURCE = "sandbox"
EXAMPLE = files("userstream.sandbox").joinpath("example.ndjson")
_FUNDS = {"BTC": "100", "ETH": "1000", "LTC": "1000", "MX": "100000", "USDT": "10000000"}


class SandboxOptions(NamedTuple):
    """What ``userstream sandbox run`` was asked for."""

    rest: str = "127.0.0.1:8080"
    stream: str = "127.0.0.1:9443"
    admin: str = "127.0.0.1:8081"
    admin_token: str = "sandbox"  # noqa: S105 - a sandbox has no secrets
    venue: str = DEFAULT
    data: str = ""
    accounts: tuple[str, ...] = ()
    clock_speed: float = 1.0
    seed: int = 0
    as_json: bool = False


class Trader(NamedTuple):
    """One account of the sandbox, with the API key that works in every venue."""

    name: str
    api_key: str
    api_secret: str


_DEFAULT = (
    Trader("alice", "alicekey", "alicesecret"),
    Trader("bob", "bobkey", "bobsecret"),
)


def traders_of(accounts: tuple[str, ...]) -> tuple[Trader, ...]:
    """The accounts of ``--account`` arguments, or the default two.

    Raises:
        InvalidSettings: one is not NAME:API_KEY:API_SECRET.
    """
    traders = []
    for text in accounts:
        parts = text.split(":")
        if len(parts) != 3 or not all(parts):
            raise InvalidSettings(f"--account is {text!r}; allowed is NAME:API_KEY:API_SECRET")
        traders.append(Trader(*parts))
    return tuple(traders) or _DEFAULT


async def run_sandbox(options: SandboxOptions) -> None:
    """Runs a sandbox until SIGTERM or SIGINT."""
    traders = traders_of(options.accounts)
    settings = load_settings(
        None,
        {},
        {
            "rest": options.rest,
            "stream": options.stream,
            "admin": options.admin,
            "admin_token": options.admin_token,
            "venue": options.venue,
            "bus": f"file:{options.data}" if options.data else "memory:",
            "clock_speed": options.clock_speed,
        },
    )
    logs.configure(json=False, level=logging.WARNING)
    venues = {name: load(name, None, SANDBOX_MARKETS) for name in names()}
    stopped = until_signalled()
    async with SandboxService(settings, venues, options.seed) as service:
        for trader in traders:
            await service.accounts.add(trader.name, trader.api_key, trader.api_secret)
        await _fund(service.urls["admin"], options.admin_token, traders)
        if options.as_json:
            _print_json(service, venues, traders)
        else:
            _print_page(service, venues, traders, options)
        await service.run(stopped)


async def _fund(url: str, token: str, traders: tuple[Trader, ...]) -> None:
    """Publishes each account's first snapshot, through the same door as any exchange."""
    now_ms = time.time_ns() // 1_000_000
    snapshot = AccountSnapshot(
        time_ms=now_ms,
        balances=tuple(Balance(asset=a, free=f, locked="0") for a, f in _FUNDS.items()),
        permissions=Permissions(),
        commission_rates=CommissionRates(maker=10, taker=10),
        cause="SUGAR",
    )
    async with Publisher(url, token=token, source=SOURCE) as publisher:
        for trader in traders:
            await publisher.publish(trader.name, snapshot, n=1, takeover=True)


def _print_json(service: Service, venues: dict[str, Venue], traders: tuple[Trader, ...]) -> None:
    page: dict[str, Any] = {
        "urls": service.urls,
        "venues": sorted(venues),
        "root": service.settings.venue,
        "accounts": [t._asdict() for t in traders],
    }
    sys.stdout.buffer.write(msgspec.json.encode(page) + b"\n")
    sys.stdout.flush()


def _print_page(
    service: Service,
    venues: dict[str, Venue],
    traders: tuple[Trader, ...],
    options: SandboxOptions,
) -> None:
    out = Console(highlight=False, soft_wrap=True)
    urls = service.urls
    out.print("[bold]userstream sandbox[/] is running; Ctrl-C stops it.\n")
    out.print(f"  REST    {urls['rest']}\n  streams {urls['stream']}\n  admin   {urls['admin']}")
    out.print(f"  venues  {', '.join(sorted(venues))}, each under /<venue>;", end=" ")
    out.print(f"{options.venue} is also at the root\n")
    for t in traders:
        out.print(f"  account {t.name:<8} API key {t.api_key:<12} secret {t.api_secret}")
    out.print("\nIn a second terminal, make a listen key and open its stream:\n")
    for text in paste_lines(venues[options.venue], urls, traders[0]):
        out.print(f"  {text}", markup=False)
    opening = venues[options.venue].stream.opening
    if opening is not None:
        out.print("\nand type there, since this venue's streams wait for it:\n")
        out.print(f"  {opening}", markup=False)
    out.print("\nIn a third, publish seven events and see them arrive:\n")
    out.print(f"  {publish_line(urls['admin'], options.admin_token)}\n", markup=False)


def paste_lines(venue: Venue, urls: dict[str, str], trader: Trader) -> list[str]:
    """Shell lines that make a listen key and open its stream with a stock client."""
    route = next(r for r in venue.rest.routes if r.method == "POST")
    url = urls["rest"] + route.path
    if venue.rest.auth.timestamp.name == "REQUIRED":
        url += "?timestamp=$(date +%s%3N)"
    make = f'curl -s -X POST -H "{venue.rest.auth.header}: {trader.api_key}" "{url}"'
    place = venue.stream.paths[0]
    tail = "?listenKey=$KEY" if place.place is KeyPlace.QUERY else "$KEY"
    return [
        f"KEY=$({make} | cut -d'\"' -f4); echo $KEY",
        f'{_program("python")} -m websockets "{urls["stream"]}{place.path}{tail}"',
    ]


def publish_line(admin: str, token: str) -> str:
    """The shell line that publishes the shipped example."""
    at = "" if admin == "http://127.0.0.1:8081" else f" --admin {admin}"
    return f"{_program('userstream')} publish {EXAMPLE} --restamp --token {shlex.quote(token)}{at}"


def _program(name: str) -> str:
    """A program beside the running Python, as a path that can be pasted."""
    path = Path(sys.executable).with_name(name)
    with contextlib.suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path) if path.parent.name else f"./{path}")
