"""The trading floor: one market, and the feed that tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from userstream.events import AccountSnapshot, AccountUpdate, OrderUpdate
from userstream.markets import Markets
from userstream.orders import AccountEvent, Outcome
from userstream.sandbox.exchange.amounts import text
from userstream.sandbox.feed import Feed
from userstream.sandbox.leftovers import canceled, ended
from userstream.sandbox.market import HOUSE, Command, Done, Market
from userstream.sandbox.seat import IdMint, Seat
from userstream.server.clock import Alarm, Clock
from userstream.trading import Declined


class CarriedOut(NamedTuple):
    """What a call came to, and when all that it led to is published."""

    body: object
    declined: Declined | None
    published: asyncio.Future[None]


class Floor:
    """Carries out one command at a time, and publishes what follows in that order."""

    def __init__(
        self,
        market: Market,
        markets: Markets,
        feed: Feed,
        clock: Clock,
        *,
        funds: Mapping[str, Decimal],
        seed: int,
    ) -> None:
        self.market = market
        self.exchange = market.exchange
        self._funds = funds
        self._markets = markets
        self._feed = feed
        self._clock = clock
        self._ids = IdMint(seed, market.exchange.rules.first_order_id)
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
        return [a for a in self.exchange.accounts() if a not in HOUSE]

    def prices(self) -> dict[str, dict[str, str | None]]:
        """Best bid and ask, and the last price, of every symbol."""
        shown: dict[str, dict[str, str | None]] = {}
        for symbol in self.exchange.listings:
            best, last = self.exchange.best(symbol), self.exchange.last_price(symbol)
            shown[symbol] = {
                "bid": None if best.bid is None else text(best.bid.price),
                "ask": None if best.ask is None else text(best.ask.price),
                "last": None if last is None else text(last),
            }
        return shown

    def start(self) -> None:
        """The house opens its books.

        Raises:
            InvalidSettings: an account has a name of the house.
        """
        now_ms = self._clock.ms()
        self._publish(self.market.open(now_ms), now_ms)

    def stop(self) -> None:
        """The house trades no more by itself."""
        self._alarm.cancel()

    def open(self, account: str) -> asyncio.Future[None]:
        """Opens an account with the funds that every account starts with, unless it is open."""
        now_ms = self._clock.ms()
        return self._publish(self._opened(account, now_ms), now_ms)

    def recover(self, account: str, left: Sequence[OrderUpdate]) -> asyncio.Future[None]:
        """Opens an account of an earlier run: its open orders are canceled, its funds are new."""
        now_ms = self._clock.ms()
        ends = [canceled(order, now_ms) for order in left]
        opened = self._opened(account, now_ms)
        self.exchange.recall(ended(account, ends))
        return self._publish([*((account, end) for end in ends), *opened], now_ms)

    def _opened(self, account: str, now_ms: int) -> Sequence[AccountEvent]:
        if account in self.exchange.accounts():
            return ()
        return self.exchange.funds.open(account, self._funds, now_ms).events

    def command(self, command: Callable[[int], Outcome]) -> tuple[Outcome, asyncio.Future[None]]:
        """Carries out what is no order call, such as a deposit; it is told the time."""
        now_ms = self._clock.ms()
        outcome = command(now_ms)
        return outcome, self._publish(outcome.events, now_ms)

    def run(self, command: Command) -> tuple[Done, asyncio.Future[None]]:
        """Carries out a command of a script.

        Raises:
            BadCommand: it cannot be; nothing changed.
        """
        now_ms = self._clock.ms()
        done = self.market.run(command, now_ms)
        return done, self._publish(done.events, now_ms)

    def carry_out(
        self, account: str, call: Callable[[Seat], object], *, read_lag_ms: int = 0
    ) -> CarriedOut:
        """Carries out an order call; an account that was never seen is opened first."""
        now_ms = self._clock.ms()
        opened = self._opened(account, now_ms)
        seat = Seat(
            self.market,
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
        self._publish(self.market.act(now_ms), now_ms)

    def _publish(self, events: Sequence[AccountEvent], now_ms: int) -> asyncio.Future[None]:
        told = [event for event in events if event[0] not in HOUSE]
        for account, event in told:
            if isinstance(event, AccountUpdate | AccountSnapshot):
                self._updated[account] = now_ms
        self._alarm.set(self.market.due_ms())
        return self._feed.put(told)
