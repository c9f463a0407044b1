"""What a program that embeds the server may put in place of the server's own, or add to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from userstream.server.accounts import Verifier
from userstream.server.admission import LetsIn, nobody
from userstream.server.bus import Subscriber
from userstream.server.clock import Clock
from userstream.server.connection import Connection
from userstream.server.desk import Desk
from userstream.server.edge import Edge


def _unchanged(app: ASGIApp) -> ASGIApp:
    return app


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one server; each default is the server's own."""

    verifier: Verifier | None = None
    """Who knows API keys, instead of the server's accounts."""
    desk: Desk | None = None
    """Who answers order calls; without one there are none."""
    clock: Clock | None = None
    """The time of the server, instead of one of its own."""
    admin_routes: Sequence[BaseRoute] = ()
    """On the admin port, behind its token; an ``InvalidSettings`` of theirs is a 400."""
    rest_front: Callable[[ASGIApp], ASGIApp] = _unchanged
    """What stands around the application of the REST port."""
    connection: Callable[[Edge], Connection] = Connection
    """Makes each connection of the stream port."""
    lets_in: LetsIn = nobody
    """Streams on unknown listen keys that are accepted all the same, and stay silent."""
    subscribers: Sequence[Subscriber] = ()
    """Called with committed events, before the streams are."""
    reserved: Collection[str] = ()
    """Names that no account can be given: those of the program's own."""
