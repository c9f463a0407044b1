"""A soak: load, a trouble, everybody live again, and the proof that nothing was lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.reliability.server.home import VENUES, Home, names
from tests.reliability.server.proof import NONE, Counts, settled
from tests.reliability.soak.samples import Sample, Sampler
from tests.reliability.soak.scenarios import Scenario
from tests.reliability.soak.troubles import MENU
from userstream.server.tasks import ended

OPENED_AT_ONCE = 50


@dataclass(frozen=True)
class Plan:
    """How long, how much, and which troubles. ``seed``: the same order of troubles."""

    for_s: float
    clients: int
    per_s: int
    calm_s: float
    troubles: Sequence[str] = tuple(MENU)
    seed: int = 0


@dataclass(frozen=True)
class Round:
    """One trouble, and what came of it."""

    trouble: str
    at_s: float
    """When it began."""
    returns_s: tuple[float, ...]
    """Of each bot whose stream ended: how long until it was live again."""
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
    """A run of a plan, with its server's folder below ``path``."""

    plan: Plan
    path: Path
    tell: Callable[[Round, float], None] = lambda _, __: None
    """Called after each round, with the time since the run began, in seconds."""
    rounds: list[Round] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    scenarios: list[Scenario] = field(default_factory=list)
    """That were run at full size."""

    @property
    def passed(self) -> bool:
        """Whether there was a round, and neither one nor a scenario failed."""
        well = all(s.outcome in ("passed", "skipped") for s in self.scenarios)
        return bool(self.rounds) and all(r.passed for r in self.rounds) and well

    async def run(self) -> None:
        """Rounds until the time is over, or one fails."""
        async with Home(self.path, sockets=100_000) as home:
            await self._open(home)
            sampler = Sampler(home)
            self.samples = sampler.samples
            sampling = asyncio.create_task(sampler.run())
            try:
                for trouble in self._troubles():
                    self.rounds.append(await self._round(home, sampler, trouble))
                    self.tell(self.rounds[-1], sampler.now_s)
                    # What was lost once stays lost: later rounds would say it again.
                    if sampler.now_s >= self.plan.for_s or not self.rounds[-1].passed:
                        break
            finally:
                await ended(sampling)
                await sampler.take()

    def _troubles(self) -> Iterator[str]:
        """In an order of the seed; each comes once before one comes again."""
        order = random.Random(self.plan.seed)
        while True:
            yield from order.sample(self.plan.troubles, len(self.plan.troubles))

    async def _open(self, home: Home) -> None:
        accounts = names(self.plan.clients)
        for at in range(0, len(accounts), OPENED_AT_ONCE):
            if at == 0:
                await home.open(accounts)
            for n, name in enumerate(accounts[at : at + OPENED_AT_ONCE]):
                home.follow(name, VENUES[n % len(VENUES)])
            await home.all_live(60)

    async def _round(self, home: Home, sampler: Sampler, trouble: str) -> Round:
        error = ""
        async with home.exchange.load(self.plan.per_s):
            await asyncio.sleep(self.plan.calm_s)
            at_s, began_s = sampler.now_s, time.monotonic()
            before = [len(f.ends) for f in home.followers]
            try:
                await MENU[trouble](home)
                await home.all_live(60)
            except (AssertionError, OSError, RuntimeError, TimeoutError) as e:
                error = f"{type(e).__name__}: {e}"
            returns_s = tuple(
                f.live_s[-1] - began_s
                for f, ends in zip(home.followers, before, strict=True)
                if len(f.ends) > ends and f.live
            )
        counts = await settled(home.exchange.acked, home.followers, 60)
        events = home.exchange.total
        if counts == NONE:
            self._forget(home, sampler)
        return Round(trouble, at_s, returns_s, events, counts, error)

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
