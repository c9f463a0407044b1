"""The value that says how a venue's order endpoints differ from another's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from userstream.orders import Accepted, Outcome, Reason, Refused
from userstream.trading.account import TradingAccount
from userstream.trading.arguments import Arguments, Declined, Empty, Param, read_arguments
from userstream.venue import Auth, Call, ErrorForm, Refusal, Route, Venue

Handler: TypeAlias = Callable[[Arguments, TradingAccount], object]
"""Acts for an account and gives the body of the answer; raises ``Declined``."""
Notice: TypeAlias = Callable[[Arguments, int], object]
"""The body that anybody may read, at a time in ms; raises ``Declined``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call. Exactly one of ``serve`` (signed) and ``show`` (open to anybody) is set."""

    method: str
    path: str
    summary: str
    params: tuple[Param, ...] = ()
    serve: Handler | None = None
    show: Notice | None = None
    weight: int = 1
    bare_weight: int | None = None
    """Weight of a call that names no symbol, where it differs."""
    places_order: bool = False
    """Whether a good answer counts as a new order."""


class OrderLimit(NamedTuple):
    """New orders that an account may place in a window; ``header`` tells how many it did."""

    orders: int
    window_ms: int
    interval: str
    """As the venue's text names it: ``SECOND``."""
    header: str = ""


class Refusals(NamedTuple):
    """How each refusal of the exchange reads; the text may take the parameter's name."""

    reasons: Mapping[Reason, ErrorForm]
    fields: Mapping[str, str]
    """The venue's names of the fields of ``OrderRequest``, where they differ."""

    def declined(self, refused: Refused) -> Declined:
        """The venue's form of a refusal."""
        name = refused.field or ""
        return Declined(self.reasons[refused.reason], self.fields.get(name, name))

    def accepted(self, outcome: Outcome) -> Accepted:
        """What was carried out.

        Raises:
            Declined: it was refused.
        """
        if isinstance(outcome, Refused):
            raise self.declined(outcome)
        return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingDialect:
    """The order endpoints of one venue."""

    document: str
    endpoints: tuple[Endpoint, ...]
    auth: Auth
    """Of every signed call."""
    empty: Empty = Empty.MISSING
    surplus: ErrorForm | None = None
    """Said of parameters that a call does not have; ``None``: they are passed over."""
    market_buys_in_quote: bool = False
    """Whether a market buy is by an amount of the quote asset and by nothing else."""
    order_limits: tuple[OrderLimit, ...] = ()
    too_many_orders: ErrorForm | None = None
    """Takes the limit and the interval."""

    def arguments(
        self, endpoint: Endpoint, given: Mapping[str, str], forms: Mapping[Refusal, ErrorForm]
    ) -> Arguments:
        """The checked parameters of a call.

        Raises:
            Declined: one is missing, empty, not what it may be, or not the call's.
        """
        return read_arguments(endpoint.params, given, forms, empty=self.empty, surplus=self.surplus)


def with_orders(venue: Venue, dialect: TradingDialect) -> Venue:
    """The venue with the order endpoints beside its own; where both have a path, its own stays."""
    taken = {(route.method, route.path) for route in venue.rest.routes}
    routes = tuple(
        Route(
            method=e.method,
            path=e.path,
            call=Call.DESK,
            weight=e.weight,
            bare_weight=e.bare_weight,
            auth=dialect.auth if e.serve else None,
        )
        for e in dialect.endpoints
        if (e.method, e.path) not in taken
    )
    return replace(venue, rest=replace(venue.rest, routes=(*venue.rest.routes, *routes)))
