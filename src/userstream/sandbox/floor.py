"""The trading floor: one exchange, its market maker, and the feed that tells of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from userstream.events import AccountSnapshot, AccountUpdate
from userstream.markets import Markets
from userstream.orders import AccountEvent, Outcome
from userstream.sandbox.exchange import Exchange
from userstream.sandbox.exchange.seat import IdMint, Seat
from userstream.sandbox.feed import Feed
from userstream.server.clock import Alarm, Clock
from userstream.trading import Declined


class House(Protocol):
    """Whoever trades for the exchange's own account, so that orders find a counterparty."""

    accounts: frozenset[str]
    """Its accounts: nobody hears of them."""

    def after(self, now_ms: int) -> Sequence[AccountEvent]:
        """Puts the book right after a command, and says what followed."""
        ...

    def due_ms(self) -> int | None:
        """When it wants to trade by itself."""
        ...

    def act(self, now_ms: int) -> Sequence[AccountEvent]:
        """Trades what is due."""
        ...


class CarriedOut(NamedTuple):
    """What a call came to, and when all that it led to is published."""

    body: object
    declined: Declined | None
    published: asyncio.Future[None]


class Floor:
    """Carries out one command at a time, and publishes what follows in that order."""

    def __init__(
        self,
        exchange: Exchange,
        markets: Markets,
        feed: Feed,
        clock: Clock,
        house: House,
        *,
        funds: Mapping[str, Decimal],
        seed: int,
    ) -> None:
        self.exchange = exchange
        self._funds = funds
        self._markets = markets
        self._feed = feed
        self._clock = clock
        self._house = house
        self._ids = IdMint(seed)
        self._updated: dict[str, int] = {}
        self._alarm = Alarm(clock, self._act)

    @property
    def now_ms(self) -> int:
        """The exchange's time."""
        return self._clock.ms()

    @property
    def assets(self) -> frozenset[str]:
        """All that can be held."""
        listings = self.exchange.listings.values()
        return frozenset(asset for one in listings for asset in (one.base, one.quote))

    def accounts(self) -> list[str]:
        """The traders' accounts, in the order of opening."""
        return [a for a in self.exchange.accounts() if a not in self._house.accounts]

    def stop(self) -> None:
        """The house trades no more by itself."""
        self._alarm.cancel()

    def open(self, account: str) -> asyncio.Future[None]:
        """Opens an account with the funds that every account starts with, unless it is open."""
        now_ms = self._clock.ms()
        return self._publish(self._opened(account, now_ms), now_ms)

    def _opened(self, account: str, now_ms: int) -> Sequence[AccountEvent]:
        if account in self.exchange.accounts():
            return ()
        return self.exchange.funds.open(account, self._funds, now_ms).events

    def command(self, command: Callable[[int], Outcome]) -> tuple[Outcome, asyncio.Future[None]]:
        """Carries out what is no order call, such as a deposit; it is told the time."""
        now_ms = self._clock.ms()
        outcome = command(now_ms)
        return outcome, self._publish(outcome.events, now_ms)

    def carry_out(
        self, account: str, call: Callable[[Seat], object], *, read_lag_ms: int = 0
    ) -> CarriedOut:
        """Carries out an order call; an account that was never seen is opened first."""
        now_ms = self._clock.ms()
        opened = self._opened(account, now_ms)
        seat = Seat(
            self.exchange,
            self._markets,
            account,
            self._ids,
            now_ms=now_ms,
            updated_ms=self._updated.get(account, now_ms),
            read_lag_ms=read_lag_ms,
        )
        try:
            body, declined = call(seat), None
        except Declined as e:
            body, declined = None, e
        return CarriedOut(body, declined, self._publish([*opened, *seat.events], now_ms))

    def _act(self) -> None:
        now_ms = self._clock.ms()
        self._publish(self._house.act(now_ms), now_ms)

    def _publish(self, events: Sequence[AccountEvent], now_ms: int) -> asyncio.Future[None]:
        events = [*events, *self._house.after(now_ms)] if events else []
        for account, event in events:
            if isinstance(event, AccountUpdate | AccountSnapshot):
                self._updated[account] = now_ms
        self._alarm.set(self._house.due_ms())
        hidden = self._house.accounts
        return self._feed.put([e for e in events if e[0] not in hidden])


class NoHouse:
    """Nobody trades for the exchange: orders meet those of other traders, or rest."""

    accounts: frozenset[str] = frozenset()

    def after(self, now_ms: int) -> Sequence[AccountEvent]:
        """Nothing follows."""
        del now_ms
        return ()

    def due_ms(self) -> int | None:
        """Never."""
        return None

    def act(self, now_ms: int) -> Sequence[AccountEvent]:
        """Nothing is due."""
        del now_ms
        return ()
