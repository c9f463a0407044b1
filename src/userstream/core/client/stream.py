"""Stream: one account's stream across many sockets and listen keys, and what it can vouch for."""

from __future__ import annotations

from collections.abc import Callable

from userstream.core.client import inputs
from userstream.core.client.actions import Action, Fail, Tell
from userstream.core.client.bounds import Bounds
from userstream.core.client.clock import VenueClock
from userstream.core.client.continuity import Continuity
from userstream.core.client.fleet import Fleet
from userstream.core.client.hole import Hole
from userstream.core.client.keylife import KeyLife
from userstream.core.client.link import Link
from userstream.core.client.plan import Plan, Proof
from userstream.core.client.requests import Verdict
from userstream.core.client.states import TRANSITIONS, Step
from userstream.core.client.told import State, StateChange
from userstream.core.closing import End, Then, end_named, end_of
from userstream.venue import Mark, OnCreate, Venue


class Stream:
    """The machine of one account's stream. ``unit`` gives a random number from 0 to 1.

    It never raises for what a venue does; after ``STOPPED`` it answers nothing.
    """

    def __init__(
        self,
        venue: Venue,
        plan: Plan,
        bounds: Bounds,
        unit: Callable[[], float],
        continuity: Continuity,
    ) -> None:
        self._venue = venue
        self._plan = plan
        self._bounds = bounds
        self._continuity = continuity
        self.state = State.CONNECTING
        self.clock = VenueClock(bounds, needed=plan.clock)
        self.keys = KeyLife(venue.keys, bounds, unit)
        self.fleet = Fleet(venue, plan, bounds, unit, continuity)
        self._started = False
        self._check_ms = 0
        self._stalled = False
        self._hole = Hole(bounds, unit, self.clock, repairs=plan.repair)
        if plan.repair or plan.since_ms is not None or plan.cursor is not None:
            self._hole.begin(plan.since_ms, replayable=plan.cursor is not None)
        self._proved_ms: int | None = None
        self._why = "start"

    @property
    def why(self) -> str:
        """The reason of its last change."""
        return self._why

    def __repr__(self) -> str:
        return f"<Stream {self._venue.name} {self.state}>"

    def handle(self, given: inputs.Input, now_ms: int) -> list[Action]:
        """What to do about an input; nothing once the stream has stopped."""
        if self._is_over() or not (self._started or isinstance(given, inputs.Start)):
            return []
        actions: list[Action] = []
        match given:
            case inputs.Start(wall_ms):
                self._started = True
                self._check_ms = now_ms + self._bounds.check_ms
                self.clock.start(now_ms, wall_ms)
            case inputs.Tick(wall_ms):
                actions += self._tick(wall_ms, now_ms)
            case inputs.Stop(delete_key):
                return self._stop(delete_key)
            case inputs.Stalled(stalled):
                self._stalled = stalled
                self.fleet.doubt(now_ms)
                self._why = "the program takes nothing" if stalled else "the program goes on"
            case inputs.KeyAnswered() | inputs.ClockAnswered() | inputs.TimestampRefused():
                actions += self._answered(given, now_ms)
            case (
                inputs.CaughtUp()
                | inputs.Repaired()
                | inputs.Unrepaired()
                | inputs.Missed()
                | inputs.Reconciled()
            ):
                actions += self._mended(given, now_ms)
            case _:
                actions += self._socket(given, now_ms)
        return actions if self._is_over() else actions + self._settle(now_ms)

    def heard(self, socket: int, now_ms: int) -> None:
        """A frame of events came. The hot path: nothing is decided before the next tick."""
        link = self.fleet.find(socket)
        if link is not None:
            link.heard(now_ms)
            self.fleet.told_ms = now_ms

    def proof(self, now_ms: int) -> Proof | None:
        """Up to where nothing is missing, or ``None`` where that is not known now."""
        if self._hole.is_open and not self._hole.replaying:
            return None
        proved = None
        if self.clock.sure and not self._hole.is_open:
            proved = self.fleet.proved_ms(self.keys, now_ms)
        cursor = self._continuity.cursor
        if proved is None and cursor is None:
            return None
        return Proof(None if proved is None else self.clock.at(proved), cursor)

    def deadline(self) -> int | None:
        """When ``Tick`` is due next, or ``None``: never started, or stopped."""
        if not self._started or self._is_over():
            return None
        times = (
            self._check_ms,
            self.clock.deadline(),
            self.keys.deadline(),
            self.fleet.deadline(self.keys.key),
        )
        return min(t for t in times if t is not None)

    def _is_over(self) -> bool:
        return self.state is State.STOPPED

    def _tick(self, wall_ms: int, now_ms: int) -> list[Action]:
        self._check_ms = now_ms + self._bounds.check_ms
        moved_ms = self.clock.look(now_ms, wall_ms)
        if moved_ms > self._bounds.check_ms:
            self.keys.age(moved_ms, now_ms)
            self.fleet.suspect(now_ms)
        if self._stalled:
            self.fleet.doubt(now_ms)
        return [*self.fleet.tick(now_ms)]

    def _socket(self, given: inputs.Input, now_ms: int) -> list[Action]:
        link = self.fleet.find(getattr(given, "socket", 0))
        if link is None:
            return []
        match given:
            case inputs.Opened():
                return [*link.opened(now_ms, self._venue.channels)]
            case inputs.Refused(_, answer):
                self.fleet.lost(link, now_ms, answer.retry_after_ms)
                if answer.verdict is Verdict.KEY_UNKNOWN:
                    self._key_died(link.key, now_ms)
                return []
            case inputs.Closed(_, code, text):
                return self._closed(link, end_of(code, text), now_ms)
            case inputs.Expired():
                self._why = "listen key expired"
                self._key_died(link.key, now_ms)
                return []
            case inputs.Holed():
                self._why = "a frame is missing"
                return [*self.fleet.holed(link, now_ms)]
        return self._spoke(link, given, now_ms)

    def _spoke(self, link: Link, given: inputs.Input, now_ms: int) -> list[Action]:
        """A sign of life, and what it says beside that."""
        link.heard(now_ms)
        if isinstance(given, inputs.Controlled):
            self.fleet.told_ms = now_ms
            return self._controlled(link, given.mark, given.whole, now_ms)
        if isinstance(given, inputs.Heard):
            return [*self.fleet.noticed(link, given.notice, now_ms)]
        return []

    def _controlled(self, link: Link, mark: Mark, whole: bool, now_ms: int) -> list[Action]:
        kind, reason = mark.kind, mark.reason
        if kind == "us.heartbeat":
            link.beat(now_ms)
            if not whole:
                self._why = "a heartbeat shows a hole"
                return [*self.fleet.holed(link, now_ms)]
        elif kind == "us.resumed":
            link.resumed(now_ms)
            self._hole.replay(whole=whole)
        elif kind == "us.refused":
            link.resumed(now_ms)
            self._why = f"no replay: {reason}"
            self._hole.refuse(self._why, self._proved_ms)
        elif kind == "us.end":
            return self._ending(link, end_named(reason), now_ms)
        return []

    def _ending(self, link: Link, end: End, now_ms: int) -> list[Action]:
        """An end was announced: the next socket, or key, before it comes."""
        if end.value.then is Then.NEW_KEY:
            self._key_died(link.key, now_ms)
        link.retiring = True
        return []

    def _closed(self, link: Link, end: End, now_ms: int) -> list[Action]:
        self._why = end.value.text
        self.fleet.lost(link, now_ms, None)
        if end.value.then is Then.NEW_KEY:
            self._key_died(link.key, now_ms)
        if end.value.then is Then.STOP:
            return self._fail(end.value.text)
        return []

    def _key_died(self, key: str, now_ms: int) -> None:
        if self.keys.key == key:
            self.keys.die(now_ms)

    def _mended(self, given: inputs.Input, now_ms: int) -> list[Action]:
        """What became of a hole, or that there is one."""
        self._why = "repaired"
        if isinstance(given, inputs.Unrepaired):
            self._why = given.why
        elif isinstance(given, inputs.Missed):
            self._why = "REST shows what the stream did not bring"
            self.keys.doubt(now_ms)
            if not self._hole.is_open:
                self._hole.open(given.since_ms, self._why)
        return self._hole.mended(given, now_ms)

    def _answered(
        self,
        given: inputs.KeyAnswered | inputs.ClockAnswered | inputs.TimestampRefused,
        now_ms: int,
    ) -> list[Action]:
        if isinstance(given, inputs.TimestampRefused):
            self.clock.refused(now_ms)
            return []
        if isinstance(given, inputs.ClockAnswered):
            self.clock.answered(given.sent_ms, now_ms, given.venue_ms)
            if self.clock.measured:
                self.keys.hurry(now_ms)
            return []
        before = self.keys.key
        self.keys.answered(given.number, given.answer, now_ms)
        verdict = given.answer.verdict
        if before is not None and self.keys.key is None:
            self._why = "the venue does not know the listen key"
            proved = self.keys.proved_ms
            heard = self.fleet.told_ms
            self._proved_ms = proved if heard is None else max(proved or heard, heard)
        if verdict is Verdict.CLOCK:
            self.clock.refused(now_ms)
        if verdict is Verdict.DENIED and self.state is State.CONNECTING:
            return self._fail(f"HTTP {given.answer.status}, code {given.answer.code}")
        return []

    def _stop(self, delete_key: bool | None) -> list[Action]:
        owned = self._venue.keys.on_create is OnCreate.NEW
        delete = owned if delete_key is None else delete_key
        actions: list[Action] = [*self.fleet.close()]
        actions += self.keys.end(delete=delete)
        return actions + self._change(Step.END, "stopped")

    def _fail(self, why: str) -> list[Action]:
        self._why = why
        actions: list[Action] = [*self.fleet.close()]
        self.keys.end(delete=False)
        return [*actions, *self._change(Step.END, why), Fail(why)]

    def _settle(self, now_ms: int) -> list[Action]:
        """Whatever is missing after an input: a key, a socket, a repair, a word to the program."""
        actions: list[Action] = [*self.clock.tick(now_ms), *self.keys.tick(now_ms)]
        actions += self.fleet.dial(self.keys.key, now_ms)
        if self.fleet.vouches(self.keys, now_ms):
            actions += self._hole.mend(now_ms)
        else:
            actions += self._hole.widen()
            if self.state is not State.CONNECTING and not self._hole.is_open:
                replayable = self._continuity.cursor is not None
                self._hole.open(self._proved_ms, self._why, replayable=replayable)
        return actions + self._change(self._judge(now_ms), self._why)

    def _judge(self, now_ms: int) -> Step:
        """What can be vouched for now."""
        if not self.fleet.vouches(self.keys, now_ms):
            return Step.LOSE
        if self._hole.is_open:
            return Step.REPLAY if self._hole.mending else Step.LOSE
        self._proved_ms = self.fleet.proved_ms(self.keys, now_ms)
        weak = self._stalled or self.keys.failures >= self._bounds.alarm_after or self.fleet.short
        return Step.WEAKEN if weak else Step.PROVE

    def _change(self, step: Step, why: str) -> list[Action]:
        before, self.state = self.state, TRANSITIONS[self.state, step]
        if before is self.state:
            return []
        return [Tell(StateChange(before=before, after=self.state, why=why))]
