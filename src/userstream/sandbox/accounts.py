"""``/_sandbox/accounts``: accounts with funds, and what happens to them outside the books."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from userstream.errors import InvalidSettings
from userstream.events import Permissions
from userstream.orders import Outcome, Reason, Refused
from userstream.sandbox.bodies import json_response, read_body
from userstream.sandbox.exchange.amounts import LARGEST, is_multiple, text
from userstream.sandbox.floor import Floor
from userstream.server.accounts import Registry

_FINEST = Decimal("1E-8")
"""Of an amount from outside: Binance and BHEX show no more places of a balance."""


class NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /_sandbox/accounts``."""

    name: str
    api_key: str
    api_secret: str


class Move(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a deposit or withdrawal."""

    asset: str
    amount: str


class Transfer(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a transfer to another account."""

    asset: str
    amount: str
    to: str


class Permitted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a change of permissions; what is not named stays."""

    can_trade: bool | None = None
    can_withdraw: bool | None = None
    can_deposit: bool | None = None


class AccountDesk:
    """The routes, and the opening of accounts that they share with the start."""

    def __init__(self, floor: Floor, accounts: Callable[[], Registry]) -> None:
        self._floor = floor
        self._accounts = accounts
        path = "/_sandbox/accounts"
        self.routes = [
            Route(path, self._list),
            Route(path, self._add, methods=["POST"]),
            Route(path + "/{name}", self._one),
            Route(path + "/{name}/{act}", self._act, methods=["POST"]),
        ]

    async def open(self, name: str, api_key: str, api_secret: str) -> None:
        """Gives an account an API key that works in every venue, and funds if it is new.

        Raises:
            InvalidSettings: the name or key is not allowed, or the key is another account's.
            PublishError: its first snapshot could not be published.
        """
        await self._accounts().add(name, api_key, api_secret)
        await asyncio.shield(self._floor.open(name))

    async def _list(self, _: Request) -> Response:
        return json_response([self._shown(name) for name in self._floor.accounts()])

    async def _one(self, request: Request) -> Response:
        return json_response(self._shown(self._name(request)))

    async def _add(self, request: Request) -> Response:
        new = await read_body(request, NewAccount)
        await self.open(new.name, new.api_key, new.api_secret)
        return json_response(self._shown(new.name))

    async def _act(self, request: Request) -> Response:
        name = self._name(request)
        command = await self._command(request.path_params["act"], name, request)
        outcome, published = self._floor.command(command)
        await asyncio.shield(published)
        if isinstance(outcome, Refused):
            raise InvalidSettings(self._why(outcome, name))
        return json_response(self._shown(name))

    def _why(self, refused: Refused, name: str) -> str:
        """A refusal in words, with what is allowed."""
        reason = refused.reason
        if reason is Reason.UNKNOWN_ASSET:
            return f"there is no such asset; there are {', '.join(sorted(self._floor.assets))}"
        if reason is Reason.BAD_AMOUNT:
            return "the amount cannot be shown; allowed are at most 20 digits and 8 places"
        if reason is Reason.INSUFFICIENT_BALANCE:
            return f"{name} has not so much that is free; open orders hold back what is locked"
        return f"the exchange refused: {reason.value}; permissions say what an account may do"

    async def _command(self, act: str, name: str, request: Request) -> Callable[[int], Outcome]:
        funds = self._floor.exchange.funds
        if act in {"deposit", "withdraw"}:
            move = await read_body(request, Move)
            return partial(getattr(funds, act), name, move.asset, _amount(move.amount))
        if act == "transfer":
            to = await read_body(request, Transfer)
            return partial(funds.transfer, name, self._known(to.to), to.asset, _amount(to.amount))
        if act == "permissions":
            permitted = await read_body(request, Permitted)
            now = self._floor.exchange.permissions(name)
            asked = {k: v for k, v in msgspec.structs.asdict(permitted).items() if v is not None}
            return partial(funds.permit, name, msgspec.structs.replace(now, **asked))
        raise InvalidSettings(
            f"{act[:40]!r} is not known; allowed are deposit, withdraw, transfer, permissions"
        )

    def _name(self, request: Request) -> str:
        return self._known(request.path_params["name"])

    def _known(self, name: str) -> str:
        if name not in self._floor.accounts():
            raise InvalidSettings(
                f"there is no account {name[:70]!r}; there are {', '.join(self._floor.accounts())}"
            )
        return name

    def _shown(self, name: str) -> dict[str, object]:
        exchange = self._floor.exchange
        may: Permissions = exchange.permissions(name)
        return {
            "name": name,
            "balances": {
                asset: {"free": text(held.free), "locked": text(held.locked)}
                for asset, held in exchange.funds.balances(name).items()
            },
            "permissions": msgspec.structs.asdict(may),
            "open_orders": len(exchange.open_orders(name)),
        }


def _amount(given: str) -> Decimal:
    try:
        amount = Decimal(given)
    except InvalidOperation:
        raise InvalidSettings(f"amount is {given[:40]!r}; allowed is a plain decimal") from None
    if not amount.is_finite() or amount <= 0:
        raise InvalidSettings(f"amount is {given[:40]}; allowed is above zero")
    if amount < LARGEST and not is_multiple(amount, _FINEST):
        raise InvalidSettings(f"amount is {given[:40]}; allowed are at most 8 places")
    return amount
