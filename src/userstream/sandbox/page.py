"""What a sandbox prints: where it is, who trades there, and lines to paste."""

from __future__ import annotations

import contextlib
import shlex
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from userstream.sandbox.options import SandboxOptions, Trader
from userstream.sandbox.sandbox import Sandbox
from userstream.venue import KeyPlace, Venue

EXAMPLE = files("userstream.sandbox").joinpath("example.ndjson")


def print_json(sandbox: Sandbox) -> None:
    """URLs, venues and accounts as one line of JSON."""
    service = sandbox.service
    page: dict[str, Any] = {
        "urls": service.urls,
        "venues": sorted(sandbox.venues),
        "root": service.settings.venue,
        "seed": sandbox.seed,
        "symbols": sorted(sandbox.exchange.listings),
        "accounts": [t._asdict() for t in sandbox.traders],
    }
    sys.stdout.buffer.write(msgspec.json.encode(page) + b"\n")
    sys.stdout.flush()


def print_page(sandbox: Sandbox, options: SandboxOptions) -> None:
    """The same for people, with lines to paste into other terminals."""
    out = Console(highlight=False, soft_wrap=True)
    urls, venue = sandbox.service.urls, sandbox.venues[options.venue]
    out.print("[bold]userstream sandbox[/] is running; Ctrl-C stops it.\n")
    out.print(f"  REST    {urls['rest']}\n  streams {urls['stream']}\n  admin   {urls['admin']}")
    out.print(f"  venues  {', '.join(sorted(sandbox.venues))}, each under /<venue>;", end=" ")
    out.print(f"{options.venue} is also at the root")
    out.print(f"  symbols {', '.join(sorted(sandbox.exchange.listings))}\n")
    for t in sandbox.traders:
        out.print(f"  account {t.name:<8} API key {t.api_key:<12} secret {t.api_secret}")
    out.print("\nIn a second terminal, make a listen key and open its stream:\n")
    for text in paste_lines(venue, urls, sandbox.traders[0]):
        out.print(f"  {text}", markup=False)
    if venue.stream.opening is not None:
        out.print("\nand type there, since this venue's streams wait for it:\n")
        out.print(f"  {venue.stream.opening}", markup=False)
    out.print("\nIn a third, place an order and see its events arrive:\n")
    out.print(f"  {order_line(options, urls, sandbox.traders[0])}", markup=False)
    out.print("\nor watch all that the stream of an account tells:\n")
    out.print(f"  {watch_line(options, urls, sandbox.traders[0])}", markup=False)
    out.print("\nor publish seven events of your own:\n")
    out.print(f"  {publish_line(urls['admin'], options.admin_token)}\n", markup=False)


def order_line(options: SandboxOptions, urls: dict[str, str], trader: Trader) -> str:
    """The shell line that places an order that fills at once."""
    at = ""
    if urls["rest"] != "http://127.0.0.1:8080" or urls["stream"] != "ws://127.0.0.1:9443":
        at = f" --rest {urls['rest']} --stream {urls['stream']}"
    if trader.api_key != "alicekey":
        key, secret = shlex.quote(trader.api_key), shlex.quote(trader.api_secret)
        at += f" --api-key {key} --api-secret {secret}"
    return f"{program('userstream')} sandbox order {options.venue} sell BTCUSDT 0.01{at}"


def watch_line(options: SandboxOptions, urls: dict[str, str], trader: Trader) -> str:
    """The shell line that shows all that a stream of the account tells."""
    at = access = ""
    if urls["rest"] != "http://127.0.0.1:8080" or urls["stream"] != "ws://127.0.0.1:9443":
        at = f" --rest-url {urls['rest']} --stream-url {urls['stream']}"
    if trader.api_key != "alicekey":
        key, secret = shlex.quote(trader.api_key), shlex.quote(trader.api_secret)
        access = f"USERSTREAM_API_KEY={key} USERSTREAM_API_SECRET={secret} "
    return f"{access}{program('userstream')} watch {options.venue} --sandbox{at}"


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
        f'{program("python")} -m websockets "{urls["stream"]}{place.path}{tail}"',
    ]


def publish_line(admin: str, token: str) -> str:
    """The shell line that publishes the shipped example."""
    at = "" if admin == "http://127.0.0.1:8081" else f" --admin {admin}"
    return f"{program('userstream')} publish {EXAMPLE} --restamp --token {shlex.quote(token)}{at}"


def program(name: str) -> str:
    """A program beside the running Python, as a path that can be pasted."""
    path = Path(sys.executable).with_name(name)
    with contextlib.suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path) if path.parent.name else f"./{path}")
