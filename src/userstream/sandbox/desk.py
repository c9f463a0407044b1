"""The sandbox's desk: order calls of every venue, carried out on one exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from userstream.core.rest import Answered, Identity
from userstream.errors import InvalidSettings, PublishError
from userstream.sandbox.floor import Floor
from userstream.sandbox.ordercount import OrderCount
from userstream.sandbox.seat import Seat
from userstream.trading import Declined, Endpoint, TradingDialect
from userstream.venue import Refusal, Route, Venue

_LONGEST_MS = 60_000


class Manners(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In which order and how late the desk answers, since no venue promises either.

    Raises:
        InvalidSettings: a time is below zero or above a minute.
    """

    answer_first: bool = False
    """Whether the answer to an order is sent before its events are published."""
    answer_delay_ms: int = 0
    """How long an answer is held back, in real time."""
    read_lag_ms: int = 0
    """How long queries do not know a new order yet, in the exchange's time; cancels do."""

    def __post_init__(self) -> None:
        for name in ("answer_delay_ms", "read_lag_ms"):
            if not 0 <= getattr(self, name) <= _LONGEST_MS:
                raise InvalidSettings(
                    f"{name} is {getattr(self, name)}; allowed are 0 to {_LONGEST_MS}"
                )


class Desk:
    """Answers the order calls of all venues; ``server.desk.Desk``."""

    def __init__(self, floor: Floor, dialects: Mapping[str, TradingDialect]) -> None:
        self._floor = floor
        self._dialects = dialects
        self._counts = {name: OrderCount(d.order_limits) for name, d in dialects.items()}
        self._endpoints = {
            (name, e.method, e.path): e for name, d in dialects.items() for e in d.endpoints
        }
        self.manners = Manners()

    async def serve(
        self,
        venue: Venue,
        route: Route,
        parameters: Mapping[str, str],
        identity: Identity | None,
    ) -> Answered | Refusal:
        """Answers an admitted call; the events of an order are published by then."""
        endpoint = self._endpoints[venue.name, route.method, route.path]
        dialect = self._dialects[venue.name]
        try:
            if identity is not None:
                self._check_limit(venue.name, endpoint, identity.account)
            args = dialect.arguments(endpoint, parameters, venue.errors)
            if endpoint.show is not None:
                return Answered(endpoint.show(args, self._floor.now_ms))
        except Declined as declined:
            return _refusal(declined)
        if identity is None or endpoint.serve is None:
            return Refusal.API_KEY_MISSING
        call = partial(endpoint.serve, args)
        return await self._carry_out(venue.name, endpoint, identity.account, call)

    def _check_limit(self, venue: str, endpoint: Endpoint, account: str) -> None:
        form = self._dialects[venue].too_many_orders
        if not endpoint.places_order or form is None:
            return
        limit = self._counts[venue].exceeded(account, self._floor.now_ms)
        if limit is not None:
            raise Declined(form, limit.orders, limit.interval)

    async def _carry_out(
        self, venue: str, endpoint: Endpoint, account: str, call: Callable[[Seat], object]
    ) -> Answered | Refusal:
        manners = self.manners
        lag_ms = manners.read_lag_ms if endpoint.method == "GET" else 0
        done = self._floor.carry_out(account, call, read_lag_ms=lag_ms)
        counted: tuple[tuple[str, str], ...] = ()
        if endpoint.places_order and done.declined is None:
            counted = self._counts[venue].add(account, self._floor.now_ms)
        if not manners.answer_first:
            try:
                await asyncio.shield(done.published)
            except PublishError:
                return Refusal.UNAVAILABLE
        if manners.answer_delay_ms:
            await asyncio.sleep(manners.answer_delay_ms / 1000)
        if done.declined is not None:
            return _refusal(done.declined)
        return Answered(done.body, headers=counted)


def _refusal(declined: Declined) -> Answered:
    form = declined.form
    return Answered({"code": form.code, "msg": declined.text}, form.status)
