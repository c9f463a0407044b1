"""A soak: load, a trouble, everybody live again, and the proof that nothing was lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.reliability.server.follower import Ended
from tests.reliability.server.home import VENUES, Home, names
from tests.reliability.server.proof import NONE, Counts, settled
from tests.reliability.soak.keys import KeyUsers
from tests.reliability.soak.places import SERVER, Place
from tests.reliability.soak.samples import Sample, Sampler
from tests.reliability.soak.scenarios import Scenario
from userstream.server.tasks import ended

OPENED_AT_ONCE = 50


@dataclass(frozen=True)
class Plan:
    """How long, how much, and which troubles. ``seed``: the same order of troubles."""

    for_s: float | None
    """``None``: until each trouble was there once."""
    clients: int
    per_s: int
    calm_s: float
    troubles: Sequence[str] = ()
    """None: all of the place."""
    seed: int = 0
    within_s: float = 60
    """Of a round, until everybody is live again, and has everything."""


@dataclass(frozen=True)
class Round:
    """One trouble, and what came of it."""

    trouble: str
    at_s: float
    """When it began."""
    returns_s: tuple[float, ...]
    """Of each bot whose stream ended: how long until it was live again, at most."""
    stood_s: float
    """The longest time in which nothing was acknowledged to the exchange."""
    events: int
    """That were acknowledged since the last round."""
    counts: Counts
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether every bot got exactly what was acknowledged."""
        return self.counts == NONE and not self.error


@dataclass
class Soak:
    """A run of a plan at a place, with what it stores below ``path``."""

    plan: Plan
    path: Path
    place: Place[Any] = SERVER
    tell: Callable[[Round, float], None] = lambda _, __: None
    """Called after each round, with the time since the run began, in seconds."""
    rounds: list[Round] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    """What programs of traders did with listen keys meanwhile."""
    scenarios: list[Scenario] = field(default_factory=list)
    """That were run at full size."""

    @property
    def passed(self) -> bool:
        """Whether there was a round, and neither one nor a scenario failed."""
        well = all(s.outcome in ("passed", "skipped") for s in self.scenarios)
        return bool(self.rounds) and all(r.passed for r in self.rounds) and well

    async def run(self) -> None:
        """Rounds until the time is over, or one fails."""
        async with self.place.started(self.path) as home:
            await self._open(home)
            async with KeyUsers(home) as users:
                self._users = users
                await self._rounds(home)
                self.calls = users.calls

    async def _rounds(self, home: Home) -> None:
        sampler = Sampler(home)
        self.samples = sampler.samples
        sampling = asyncio.create_task(sampler.run())
        try:
            for trouble in self._troubles():
                self.rounds.append(await self._round(home, sampler, trouble))
                self.tell(self.rounds[-1], sampler.now_s)
                for_s = self.plan.for_s
                over = for_s is not None and sampler.now_s >= for_s
                # What was lost once stays lost: later rounds would say it again.
                if over or not self.rounds[-1].passed:
                    break
        finally:
            await ended(sampling)
            await sampler.take()

    def _troubles(self) -> Iterator[str]:
        """In an order of the seed; each comes once before one comes again."""
        order, every = random.Random(self.plan.seed), self.plan.troubles or (*self.place.menu,)
        yield from order.sample(every, len(every))
        while self.plan.for_s is not None:
            yield from order.sample(every, len(every))

    async def _open(self, home: Home) -> None:
        accounts = names(self.plan.clients)
        for at in range(0, len(accounts), OPENED_AT_ONCE):
            if at == 0:
                await home.open(accounts)
            for n, name in enumerate(accounts[at : at + OPENED_AT_ONCE]):
                home.follow(name, VENUES[n % len(VENUES)])
            await home.all_live(60)

    async def _round(self, home: Home, sampler: Sampler, trouble: str) -> Round:
        error, exchange = "", home.exchange
        exchange.stood_s = 0
        async with (
            exchange.load(self.plan.per_s),
            self._users.at_work(strict=trouble not in self.place.cut_off),
        ):
            await asyncio.sleep(self.plan.calm_s)
            at_s = sampler.now_s
            before = [len(f.ends) for f in home.followers]
            try:
                await self.place.menu[trouble](home)
                await home.all_live(self.plan.within_s)
            except (AssertionError, OSError, RuntimeError, TimeoutError, httpx.HTTPError) as e:
                error = f"{type(e).__name__}: {e}"
            returns_s = tuple(
                max(map(_away_s, f.ends[n:], f.live_s[n + 1 :]))
                for f, n in zip(home.followers, before, strict=True)
                if len(f.ends) > n and f.live
            )
        counts = await settled(exchange.acked, home.followers, self.plan.within_s)
        error = error or "; ".join(await self._users.broken())
        events = exchange.total
        if counts == NONE:
            self._forget(home, sampler)
        return Round(trouble, at_s, returns_s, exchange.stood_s, events, counts, error)

    def _forget(self, home: Home, sampler: Sampler) -> None:
        """What is proven need not be kept for hours; should it come again, it is foreign."""
        sampler.before_forgetting()
        for acked in home.exchange.acked.values():
            acked.clear()
        home.exchange.sent_s.clear()
        for follower in home.followers:
            follower.log.clear()
            follower.arrived_s.clear()
            follower.beats.clear()


def _away_s(end: Ended, live_s: float) -> float:
    return live_s - end.at_s
