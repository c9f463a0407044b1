"""Sessions that began at a round time, and what their clients say."""

from __future__ import annotations

from typing import Any

from userstream.core.limits import Limits
from userstream.core.session import Session, State, TextIn
from userstream.venue import Subscriber, Venue
from userstream.venues import load

T = 1_000_000_000
DAY = 86_400_000
ORDERS = "spot@private.orders.v3.api.pb"
DEALS = "spot@private.deals.v3.api.pb"
SUBSCRIBE = '{"method":"SUBSCRIPTION","params":["%s"]}'
UNSUBSCRIBE = '{"method":"UNSUBSCRIPTION","params":["%s"]}'
PING = '{"method":"PING"}'
LIVE = frozenset({"livekey", "otherkey"})
PINGING = ["bhex", "binance", "spacedex"]


def subscriber(*channels: str) -> Subscriber:
    """Who has these channels."""
    return Subscriber(frozenset(channels), True, LIVE.__contains__)


def text(content: str, *channels: str) -> TextIn:
    """A message of a client that has these channels."""
    return TextIn(content, subscriber(*channels))


def session(
    venue: str | Venue, *, bound: bool = True, limits: Limits | None = None, **options: Any
) -> Session:
    """A session that began at ``T``."""
    loaded = load(venue, options) if isinstance(venue, str) else venue
    return Session(loaded, limits or Limits(), T, bound=bound)


def mexc_bound() -> Session:
    """One of MEXC with a channel."""
    it = session("mexc", bound=False)
    it.handle(text(SUBSCRIBE % ORDERS), T)
    assert it.state is State.BOUND
    return it
