"""Both ends of a stream on one virtual clock: the server's cores, a link with faults, the client's.

``World.advance`` is the only clock. What the network does is a list of things that are due.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from userstream.core.client import inputs
from userstream.core.client.actions import Fail, MeasureClock
from userstream.core.client.feed import Feed
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import CloseSocket, OpenSocket, SendPing, SendText
from userstream.core.client.mender import Deliver
from userstream.core.client.plan import Plan
from userstream.core.client.requests import NO_ANSWER
from userstream.core.client.told import State, Told
from userstream.core.closing import End
from userstream.events import Event
from userstream.venue import Ask, Call, FillsBy
from userstream.venues import load

from .served import HALF_WAY_MS, Served, Wire
from .truth import Truth

T = 1_700_000_000_000
FILLS_BY = {"bhex": FillsBy.ACCOUNT, "spacedex": FillsBy.NOTHING}
HOUR_MS = 3_600_000


class World:
    """One account on one venue; ``extension``: at our own server; ``asks``: with a secret."""

    def __init__(
        self, name: str, seed: int = 0, *, extension: bool = False, asks: bool = True
    ) -> None:
        venue = load(name)
        # A day of an hour: the same cut, and fewer ticks on the way to it.
        self.venue = replace(venue, stream=replace(venue.stream, max_age_ms=HOUR_MS))
        self.random = random.Random(seed)
        self.truth = Truth()
        self.served = Served(self.venue, self, self.truth, self.random)
        plan = Plan(
            repair=asks,
            clock=True,
            reconcile_ms=600_000,
            heartbeat_s=10 if extension else None,
        )
        fills_by = FILLS_BY.get(name, FillsBy.SYMBOL)
        self.feed = Feed(
            self.venue, plan, self.random.random, symbols=["BTCUSDT"], fills_by=fills_by
        )
        self.now = 0
        self.slept_ms = 0
        self.drift_ms = 0
        self.told: list[Told] = []
        self.posts: list[int] = []
        self.lag_ms = 0
        self.rest_fails = 0
        self.most_buffered = 0
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._count = itertools.count(1)
        self.give(inputs.Start(self.server_ms))

    @property
    def server_ms(self) -> int:
        return T + self.now + self.slept_ms

    @property
    def state(self) -> State:
        return self.feed.stream.state

    @property
    def wires(self) -> dict[int, Wire]:
        return self.served.wires

    def at(self, ms: int, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (ms, next(self._count), what))

    def advance(self, ms: int) -> None:
        """Everything that is due within that time happens, in order."""
        end = self.now + ms
        while True:
            due = [self._agenda[0][0]] if self._agenda else []
            due += [t - T - self.slept_ms for t in self.served.deadlines()]
            deadline = self.feed.deadline()
            due += [] if deadline is None else [deadline]
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            self._happen()
        self.now = end

    def _happen(self) -> None:
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()
        self.served.tick()
        deadline = self.feed.deadline()
        if deadline is not None and deadline <= self.now:
            self.give(inputs.Tick(self.server_ms + self.drift_ms))
            after = self.feed.deadline()
            assert after is None or after > self.now, "no progress"

    # ── the client's shell ──────────────────────────────────────────────────────────────────────

    def give(self, given: Any) -> None:
        for action in self.feed.handle(given, self.now):
            match action:
                case Deliver(what):
                    self.told.append(what)
                case AskKey():
                    self._ask_key(action)
                case Ask():
                    self._ask_rows(action)
                case OpenSocket():
                    self.at(self.now + HALF_WAY_MS, partial(self.served.accept, action))
                case SendText(socket, payload):
                    hear = partial(self.served.hear, socket, payload.decode())
                    self.at(self.now + HALF_WAY_MS, hear)
                case SendPing(socket):
                    self.at(self.now + HALF_WAY_MS, partial(self.served.hear, socket, None))
                case CloseSocket(socket):
                    self.served.drop(socket, End.CLIENT)
                case MeasureClock():
                    sent = self.now
                    answer = inputs.ClockAnswered(sent, self.server_ms + HALF_WAY_MS)
                    self.at(sent + 2 * HALF_WAY_MS, partial(self.give, answer))
                case Fail(why):
                    raise AssertionError(why)
        self.most_buffered = max(self.most_buffered, self.feed._mender.held)

    def _fails(self) -> bool:
        self.rest_fails = max(self.rest_fails - 1, -1)
        return self.rest_fails >= 0 or not self.served.up

    def _ask_key(self, asked: AskKey) -> None:
        if asked.call is Call.CREATE:
            self.posts.append(self.now)
        answer = NO_ANSWER if self._fails() else self.served.answer(asked.call, asked.key or "")
        given = inputs.KeyAnswered(asked.number, answer)
        self.at(self.now + 2 * HALF_WAY_MS, lambda: self.give(given))

    def _ask_rows(self, asked: Ask) -> None:
        fails = self._fails()

        def answer() -> None:
            given = self.truth.answer(asked, self.server_ms, fails=fails)
            self.at(self.now + HALF_WAY_MS, lambda: self.give(given))

        self.at(self.now + HALF_WAY_MS, answer)

    # ── what happens ────────────────────────────────────────────────────────────────────────────

    def publish(
        self, event: Event, *, times: int = 1, lost: int | None = None, late_ms: int = 0
    ) -> None:
        """See ``Served.publish``."""
        self.served.publish(event, times=times, lost=lost, late_ms=late_ms)

    def cut(self, *, silently: bool) -> None:
        """Every connection breaks with all that is under way; ``silently``: nobody is told."""
        for socket, wire in list(self.wires.items()):
            wire.up = False
            if not silently:
                self.served.drop(socket, End.LOST)

    def restart(self, ms: int) -> None:
        """The server is gone for so long; its keys and its log are there again afterwards."""
        for socket in list(self.wires):
            self.served.drop(socket, End.LOST)
        self.served.up = False
        self.advance(ms)
        self.served.up = True

    def sleep(self, ms: int) -> None:
        """The client's machine is suspended: its steady clock stands still."""
        self.slept_ms += ms
