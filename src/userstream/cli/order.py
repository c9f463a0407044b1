"""``userstream sandbox order``: the first order of a newcomer."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from userstream.cli.admin import ALICE, SANDBOX_REST, SANDBOX_STREAM, AsJson
from userstream.errors import InvalidSettings
from userstream.venues import names

if TYPE_CHECKING:
    from userstream.sandbox.order import OrderAsked


_AMOUNT = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")


Venue = Annotated[str, typer.Argument(help=f"Through which venue: {', '.join(names())}.")]
Side = Annotated[str, typer.Argument(help="buy or sell.")]
Symbol = Annotated[str, typer.Argument(help="A pair, such as BTCUSDT.")]
Quantity = Annotated[
    str | None, typer.Argument(help="Base quantity, such as 0.01.", show_default=False)
]
Price = Annotated[
    str | None, typer.Argument(help="Limit price; without it, a market order.", show_default=False)
]
Quote = Annotated[
    str | None, typer.Option(help="Amount of quote asset for a market order.", show_default=False)
]
Rest = Annotated[str, typer.Option(help="REST port of the sandbox.", envvar="USERSTREAM_REST_URL")]
Stream = Annotated[str, typer.Option(help="Its stream port.", envvar="USERSTREAM_STREAM_URL")]
ApiKey = Annotated[str, typer.Option(help="API key of the account.")]
ApiSecret = Annotated[str, typer.Option(help="Its secret.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait for the next event.", min=0, max=3600)]


def order(  # noqa: PLR0917 - options, all by name
    venue: Venue,
    side: Side,
    symbol: Symbol,
    quantity: Quantity = None,
    price: Price = None,
    quote: Quote = None,
    rest: Rest = SANDBOX_REST,
    stream: Stream = SANDBOX_STREAM,
    api_key: ApiKey = ALICE[0],
    api_secret: ApiSecret = ALICE[1],
    wait: Wait = 2.0,
    as_json: AsJson = False,
) -> None:
    """Place an order as a bot would, and print what its stream tells of it.

    Signs the call as the venue's document says, makes a listen key, opens the stream, places the
    order, and ends when the order has ended or nothing more comes.
    """
    from userstream.sandbox.order import OrderAsked  # noqa: PLC0415 - an extra

    asked = OrderAsked(
        venue, side, symbol, quantity, quote, price, rest, stream, api_key, api_secret, wait
    )
    _check(asked)
    asyncio.run(_place(asked, as_json=as_json))


def _check(asked: OrderAsked) -> None:
    """Raises what is wrong with an argument, and what is allowed."""
    if asked.venue not in names():
        raise InvalidSettings(f"venue is {asked.venue[:40]!r}; allowed are {', '.join(names())}")
    if asked.side.upper() not in {"BUY", "SELL"}:
        raise InvalidSettings(f"side is {asked.side[:40]!r}; allowed are buy and sell")
    if (asked.quantity is None) == (asked.quote is None):
        raise InvalidSettings("an order has a QUANTITY, or --quote AMOUNT in its place")
    amounts = {"quantity": asked.quantity, "price": asked.price, "--quote": asked.quote}
    for name, amount in amounts.items():
        if amount is not None and not _AMOUNT.fullmatch(amount):
            raise InvalidSettings(
                f"{name} is {amount[:40]!r}; allowed is a plain decimal such as 0.01"
            )
    if not (asked.api_key.isascii() and asked.api_key.isprintable()):
        raise InvalidSettings("--api-key is not printable ASCII, and no API key is anything else")


async def _place(asked: OrderAsked, *, as_json: bool) -> None:
    import httpx  # noqa: PLC0415 - slow to import

    from userstream.sandbox.order import Bot, described  # noqa: PLC0415 - an extra

    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as http:
        async for kind, what in Bot(asked, http).place():
            if as_json:
                typer.echo(msgspec.json.encode({kind: what}).decode())
            elif kind == "order":
                typer.echo(f"{asked.venue} answered {json.dumps(what)}")
            else:
                typer.echo(f"  {described(what)}")
