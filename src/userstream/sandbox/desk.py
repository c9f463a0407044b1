"""The sandbox's desk: order calls of every venue, carried out on one exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from userstream.core.rest import Answered, Identity
from userstream.errors import PublishError
from userstream.sandbox.exchange.seat import Seat
from userstream.sandbox.floor import Floor
from userstream.sandbox.ordercount import OrderCount
from userstream.trading import Declined, Endpoint, TradingDialect
from userstream.venue import Refusal, Route, Venue


class Manners(NamedTuple):
    """In which order and how late the desk answers. Times in ms of real time."""

    answer_first: bool = False
    """Whether the answer to an order is sent before its events are published."""
    answer_delay_ms: int = 0


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
        serve = endpoint.serve
        return await self._carry_out(
            venue.name, endpoint, identity.account, lambda seat: serve(args, seat)
        )

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
        done = self._floor.carry_out(account, call)
        manners = self.manners
        if not manners.answer_first:
            try:
                await asyncio.shield(done.published)
            except PublishError:
                return Refusal.UNAVAILABLE
        if manners.answer_delay_ms:
            await asyncio.sleep(manners.answer_delay_ms / 1000)
        if done.declined is not None:
            return _refusal(done.declined)
        headers = (
            self._counts[venue].add(account, self._floor.now_ms) if endpoint.places_order else ()
        )
        return Answered(done.body, headers=headers)


def _refusal(declined: Declined) -> Answered:
    form = declined.form
    return Answered({"code": form.code, "msg": declined.text}, form.status)
