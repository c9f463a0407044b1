"""A stream with its hands on the table: every action is kept, time moves when told."""

from __future__ import annotations

from typing import Any, TypeVar

from tests.core.client.values import T, half
from userstream.core.client import inputs
from userstream.core.client.actions import Tell
from userstream.core.client.bounds import Bounds
from userstream.core.client.continuity import Continuity
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import OpenSocket
from userstream.core.client.plan import Plan
from userstream.core.client.requests import Answer, Verdict
from userstream.core.client.stream import Stream
from userstream.core.client.told import Gap, State, StateChange
from userstream.venue import Notice, Venue
from userstream.venues import load

A = TypeVar("A")


class Rig:
    """One stream on a virtual clock; the wall runs with it."""

    def __init__(self, venue: str | Venue = "binance", **options: Any) -> None:
        self.venue = load(venue) if isinstance(venue, str) else venue
        plan = Plan(**{k: v for k, v in options.items() if k in Plan._fields})
        self.continuity = Continuity(plan.cursor)
        bounds = Bounds(**{k: v for k, v in options.items() if k not in Plan._fields})
        self.stream = Stream(self.venue, plan, bounds, half, self.continuity)
        self.now = 0
        self.drift = 0
        self.done: list[Any] = []

    @property
    def state(self) -> State:
        return self.stream.state

    @property
    def wall(self) -> int:
        return T + self.now + self.drift

    def give(self, given: inputs.Input) -> list[Any]:
        actions = self.stream.handle(given, self.now)
        self.done += actions
        return [*actions]

    def start(self) -> list[Any]:
        return self.give(inputs.Start(self.wall))

    def tick(self) -> list[Any]:
        return self.give(inputs.Tick(self.wall))

    def until(self, now: int, *, alive: bool = True) -> list[Any]:
        """Ticks at every deadline up to that time; sockets speak meanwhile if ``alive``."""
        actions: list[Any] = []
        for _ in range(100_000):
            due = self.stream.deadline()
            if due is None or due > now:
                break
            self.now = max(due, self.now)
            if alive:
                for link in list(self.stream.fleet.sockets):
                    if link.ready:
                        link.heard(self.now)
            actions += self.tick()
            after = self.stream.deadline()
            assert after is None or after > self.now, "a deadline that does not pass"
        self.now = now
        return actions

    def last(self, kind: type[A]) -> A:
        return next(a for a in reversed(self.done) if isinstance(a, kind))

    def count(self, kind: type) -> int:
        return sum(isinstance(a, kind) for a in self.done)

    def grant(self, key: str = "key") -> list[Any]:
        return self.answer(Answer(Verdict.GRANTED, key))

    def answer(self, answer: Answer) -> list[Any]:
        return self.give(inputs.KeyAnswered(self.last(AskKey).number, answer))

    def open(self) -> list[Any]:
        """Opens the last socket, with every acknowledgement that the venue gives."""
        socket = self.last(OpenSocket).socket
        actions = self.give(inputs.Opened(socket))
        if self.venue.channels:
            actions += self.give(inputs.Heard(socket, Notice(subscribed=self.venue.channels)))
        return actions

    def live(self) -> Rig:
        """Started, with a key and a socket."""
        self.start()
        self.grant()
        self.open()
        return self


def changes(actions: list[Any]) -> list[State]:
    """The states that were told, in their order."""
    told = [a.what for a in actions if isinstance(a, Tell)]
    return [t.after for t in told if isinstance(t, StateChange)]


def gaps(actions: list[Any]) -> list[Gap]:
    """The gaps that were told."""
    return [a.what for a in actions if isinstance(a, Tell) and isinstance(a.what, Gap)]
