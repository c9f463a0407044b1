"""Feed: the whole client but for the doing: from frames and answers to what a program is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from userstream.core.client import inputs
from userstream.core.client.actions import AbandonRepair, Fail, MeasureClock, StartRepair, Tell
from userstream.core.client.bounds import Bounds
from userstream.core.client.continuity import Continuity, Place
from userstream.core.client.identity import Fill
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import LinkAction, OpenSocket
from userstream.core.client.mender import Asking, Deliver, Done, Mender
from userstream.core.client.picture import Picture
from userstream.core.client.plan import Plan, Proof
from userstream.core.client.sequencer import Placed, Sequencer, Shown
from userstream.core.client.stream import Stream
from userstream.core.client.told import (
    AccountEvent,
    OrderEvent,
    Origin,
    OtherEvent,
    State,
    Told,
)
from userstream.errors import MalformedFrame
from userstream.events import ListenKeyExpired, OrderUpdate, UnknownEvent
from userstream.venue import Ask, Cursor, FillsBy, Mark, Received, RepairInput, Venue


class FrameIn(msgspec.Struct, frozen=True, gc=False):
    """A whole message of a socket."""

    socket: int
    frame: bytes | str


FeedInput: TypeAlias = inputs.Input | FrameIn | RepairInput
FeedAction: TypeAlias = AskKey | OpenSocket | LinkAction | MeasureClock | Ask | Deliver | Fail


class Feed:
    """The machine that a shell drives: ``handle`` what happens, do what it says, in order.

    ``symbols`` and ``fills_by`` are for repairs: where fills are asked for, and how. ``given`` are
    orders that an earlier run may have told of: the first repair tells how they stand.
    """

    def __init__(
        self,
        venue: Venue,
        plan: Plan,
        unit: Callable[[], float],
        *,
        bounds: Bounds | None = None,
        symbols: Iterable[str] = (),
        fills_by: FillsBy = FillsBy.SYMBOL,
        given: Iterable[OrderUpdate] = (),
    ) -> None:
        self._venue = venue
        self._plan = plan
        bounds = bounds or Bounds()
        self._continuity = Continuity(plan.cursor)
        self.stream = Stream(venue, plan, bounds, unit, self._continuity)
        self.sequencer = Sequencer(venue.stream, bounds, asks=plan.repair)
        asking = Asking(venue.stream.fill_key, fills_by, tuple(symbols), tuple(given))
        fills = self.sequencer.fills
        self._mender = Mender(asking, plan, bounds, unit, self.stream.clock, fills)
        self._head: Mark | None = None

    def __repr__(self) -> str:
        return f"<Feed {self._venue.name} {self.stream.state}>"

    def handle(self, given: FeedInput, now_ms: int) -> list[FeedAction]:
        """What to do about an input. Never raises for what a venue does."""
        if isinstance(given, FrameIn):
            return self.frames(given.socket, (given.frame,), now_ms)
        if isinstance(given, RepairInput):
            return [*self._repaired(self._mender.answered(given, now_ms), now_ms)]
        actions = self._stream(given, now_ms)
        if isinstance(given, inputs.Start):
            self._mender.start(now_ms)
        elif isinstance(given, inputs.Tick):
            actions += self._placed(self.sequencer.tick(now_ms), now_ms)
            for gap in self.sequencer.missing(now_ms):
                actions += self._tell(gap, now_ms)
            done = self._mender.tick(now_ms, live=self._is_live)
            actions += self._repaired(done, now_ms)
        elif isinstance(given, inputs.Closed | inputs.Refused):
            self.sequencer.copies.drop(given.socket)
        if self.stream.state is State.STOPPED:
            actions += self._flush(now_ms)
        return actions

    def deadline(self) -> int | None:
        """When ``Tick`` is due next, or ``None``."""
        times = [self.stream.deadline()]
        if times[0] is not None:
            times.append(self.sequencer.deadline())
            times.append(self._mender.deadline(live=self._is_live))
        return min((t for t in times if t is not None), default=None)

    def proof(self, now_ms: int) -> Proof | None:
        """Up to where everything was told, or ``None`` where that is not known now."""
        if self._mender.held or len(self.sequencer) or self.sequencer.doubts:
            return None
        return self.stream.proof(now_ms)

    @property
    def picture(self) -> Picture:
        """The account as what was told left it."""
        return self._mender.picture

    @property
    def _is_live(self) -> bool:
        return self.stream.state in {State.LIVE, State.DEGRADED}

    def _stream(self, given: inputs.Input, now_ms: int) -> list[FeedAction]:
        """Passes an input to the stream, and sees to what is not the shell's to do."""
        actions: list[FeedAction] = []
        for action in self.stream.handle(given, now_ms):
            match action:
                case StartRepair(since_ms):
                    actions += self._mender.repair(since_ms, now_ms)
                case AbandonRepair():
                    actions += self._mender.release(now_ms)
                case Tell(what):
                    actions.append(Deliver(what))
                case OpenSocket():
                    self.sequencer.copies.ask(action.socket)
                    actions.append(action)
                case _:
                    actions.append(action)
        if self._is_live:
            self._mender.begin(now_ms)
        return actions

    def frames(self, socket: int, frames: Iterable[bytes | str], now_ms: int) -> list[FeedAction]:
        """What to do about messages, as ``handle`` of a ``FrameIn`` each. The hot path."""
        extended = self._plan.heartbeat_s is not None
        venue, put = self._venue, self.sequencer.put
        at_ms = self.stream.clock.at(now_ms)
        actions: list[FeedAction] = []
        heard = False
        for frame in frames:
            mark = venue.mark(frame) if extended else None
            if mark is not None and mark.kind:
                actions += self._control(socket, mark, now_ms)
                continue
            try:
                received = venue.decode(frame)
            except MalformedFrame as malformed:
                self.stream.heard(socket, now_ms)
                problem = OtherEvent(kind="", problem=str(malformed), raw=frame)
                actions += self._tell(problem, now_ms)
                continue
            if not received:
                actions += self._noticed(socket, frame, now_ms)
                continue
            if not heard:
                heard = True
                self.stream.heard(socket, now_ms)
            if mark is not None:
                actions += self._marked(socket, mark, received, frame, now_ms)
                continue
            for one in received:
                if isinstance(one.event, ListenKeyExpired):
                    actions += self._stream(inputs.Expired(socket), now_ms)
                    continue
                for placed in put(socket, Shown(one, frame), now_ms):
                    actions += self._tell(_typed(placed, at_ms), now_ms, placed.fill)
        return actions

    def _noticed(self, socket: int, frame: bytes | str, now_ms: int) -> list[FeedAction]:
        """A frame without events: what the venue says to the client itself."""
        notice = self._venue.notice(frame)
        return [] if notice is None else self._stream(inputs.Heard(socket, notice), now_ms)

    def _control(self, socket: int, mark: Mark, now_ms: int) -> list[FeedAction]:
        whole = True
        if mark.kind == "us.heartbeat":
            whole = self._continuity.beat(mark) is Place.NEXT
        elif mark.kind == "us.resumed":
            whole = self._continuity.caught_up(mark)
            self._head = None if whole else mark
        elif mark.kind == "us.refused":
            self._continuity.forget()
        return self._stream(inputs.Controlled(socket, mark, whole), now_ms)

    def _marked(
        self,
        socket: int,
        mark: Mark,
        received: tuple[Received, ...],
        frame: bytes | str,
        now_ms: int,
    ) -> list[FeedAction]:
        """A frame of our own server: in sequence by its mark, whatever its time says."""
        place = self._continuity.take(mark)
        if place is Place.REPEAT:
            return []
        if place is Place.HOLE:
            return self._stream(inputs.Holed(socket), now_ms)
        at_ms = self.stream.clock.at(now_ms)
        cursor = Cursor(mark.epoch, mark.seq, mark.part, mark.parts)
        origin = Origin.STREAM if self._head is None else Origin.REPLAY
        actions: list[FeedAction] = []
        for one in received:
            placed = Placed(Shown(one, frame), one.time_ms, late=False)
            actions += self._tell(_typed(placed, at_ms, origin, cursor), now_ms)
        if self._head is not None and self._continuity.caught_up(self._head):
            self._head = None
            actions += self._stream(inputs.CaughtUp(), now_ms)
        return actions

    def _placed(self, placed: Iterable[Placed], now_ms: int) -> list[FeedAction]:
        """Tells what the sequencer held."""
        at_ms = self.stream.clock.at(now_ms)
        return [a for p in placed for a in self._tell(_typed(p, at_ms), now_ms, p.fill)]

    def _tell(self, event: Told, now_ms: int, fill: Fill | None = None) -> Sequence[FeedAction]:
        done = self._mender.tell(event, now_ms, fill)
        return done if self._mender.word is None else self._mended(done, now_ms)

    def _repaired(self, done: list[Done], now_ms: int) -> Sequence[FeedAction]:
        """What REST told, so that frames which come after it are known for late."""
        for action in done:
            what = action.what if isinstance(action, Deliver) else None
            if isinstance(what, OrderEvent) and what.origin is Origin.REST:
                self.sequencer.learn(what.update)
        return self._mended(done, now_ms)

    def _mended(self, done: Sequence[Done], now_ms: int) -> Sequence[FeedAction]:
        """What the mender did, and what the stream makes of its word."""
        word, self._mender.word = self._mender.word, None
        return done if word is None else [*done, *self._stream(word, now_ms)]

    def _flush(self, now_ms: int) -> list[FeedAction]:
        """Nothing comes any more: what waits goes out."""
        actions: list[FeedAction] = [*self._mender.release(now_ms)]
        actions += self._placed(self.sequencer.flush(now_ms), now_ms)
        for gap in self.sequencer.missing(None):
            actions += self._tell(gap, now_ms)
        return actions


def _typed(
    placed: Placed, at_ms: int, origin: Origin = Origin.STREAM, cursor: Cursor | None = None
) -> OrderEvent | AccountEvent | OtherEvent:
    """What a program is told of it; it came at that time of the venue's clock."""
    shown = placed.shown
    event = shown.received.event
    if isinstance(event, OrderUpdate):
        return OrderEvent(
            update=event,
            origin=origin,
            late=placed.late,
            ambiguous=shown.ambiguous,
            venue_ms=placed.time_ms,
            received_ms=at_ms,
            cursor=cursor,
            raw=shown.frame,
        )
    if isinstance(event, UnknownEvent | ListenKeyExpired):
        kind = event.kind if isinstance(event, UnknownEvent) else "listenKeyExpired"
        return OtherEvent(kind=kind, received_ms=at_ms, cursor=cursor, raw=shown.frame)
    return AccountEvent(
        update=event,
        origin=origin,
        late=placed.late,
        ambiguous=shown.ambiguous,
        venue_ms=placed.time_ms,
        received_ms=at_ms,
        cursor=cursor,
        raw=shown.frame,
    )
