"""Reader: drives a feed: gives it what happens, does what it says, and decides nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from userstream.client.calls import Calls, stream_address
from userstream.client.listener import Listener
from userstream.client.mailbox import Mailbox, Reached
from userstream.client.repairs import Repairs
from userstream.client.socket import Connect, Socket
from userstream.core.client import inputs
from userstream.core.client.actions import Fail, MeasureClock
from userstream.core.client.feed import Feed, FeedAction, FeedInput
from userstream.core.client.health import Health, health_of
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import CloseSocket, OpenSocket, SendPing, SendText
from userstream.core.client.mender import Deliver
from userstream.core.client.requests import NO_ANSWER
from userstream.core.client.told import State, StateChange
from userstream.errors import StreamRefused
from userstream.venue import Ask, Call, Venue

_DELETE_S = 3.0
_PROVE_MS = 5_000
_BATCH = 1024
"""Events that go to the program at once; a turn of the loop can read megabytes."""


class Ways(NamedTuple):
    """What a reader reaches the world by."""

    calls: Calls
    connect: Connect
    repairs: Repairs
    stream_url: str


class Reader:
    """One stream on one loop. ``proofs``: whether to say how far everything was told."""

    def __init__(
        self, venue: Venue, feed: Feed, ways: Ways, mailbox: Mailbox, *, proofs: bool
    ) -> None:
        self._venue = venue
        self._feed = feed
        self._ways = ways
        self._mailbox = mailbox
        self._proofs = proofs
        self._proved_ms = 0
        self._loop = asyncio.get_running_loop()
        self._sockets: dict[int, Listener] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._deleting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._arming = False
        self._stalled = False
        self._turning = False
        self._frames: list[bytes | str] = []
        self._source = 0
        """The socket that all of these frames came through."""
        self._told: list[Deliver] = []
        self._changes: list[StateChange] = []
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Until it is stopped, or refused for good. Cancellation closes everything at once."""
        try:
            self.give(inputs.Start(_wall_ms()))
            await self._over.wait()
            if self._deleting:
                await asyncio.wait(self._deleting, timeout=_DELETE_S)
        finally:
            self._read()
            self._post()
            if self._timer is not None:
                self._timer.cancel()
            for listener in self._sockets.values():
                listener.close()
            left = self._tasks | self._deleting
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def give(self, given: FeedInput) -> None:
        """Passes an input on, and does what follows."""
        self._read()
        now_ms = _now_ms()
        self._follow(self._feed.handle(given, now_ms), now_ms)
        if self._post():
            self._loop.call_soon(self._hold)

    def frame(self, socket: int, frame: bytes | str) -> None:
        """A whole message of a socket. A read has many: they are worked on together, soon."""
        if socket != self._source:
            self._read()
            self._source = socket
        self._frames.append(frame)
        if len(self._frames) >= _BATCH:
            self._turn()
        elif not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)

    def _follow(self, actions: Sequence[FeedAction], now_ms: int) -> None:
        """Does what the feed says, and notes when it wants to be asked again."""
        before = len(self._told)
        for action in actions:
            if isinstance(action, Deliver):
                self._told.append(action)
                if isinstance(action.what, StateChange):
                    self._changes.append(action.what)
            else:
                self._do(action)
        if self._proofs and before < len(self._told):
            self._told[-1] = Deliver(self._told[-1].what, self._feed.proof(now_ms))
        if self._feed.stream.state is State.STOPPED:
            self._over.set()
        elif not self._arming:
            self._arming = True
            self._loop.call_soon(self._arm)

    def stop(self, *, delete_key: bool | None) -> None:
        """Ends it; see ``inputs.Stop``."""
        self.give(inputs.Stop(delete_key))
        self._over.set()

    def health(self) -> Health:
        """The stream's health now, for any thread."""
        return health_of(self._feed.stream, _now_ms(), _wall_ms())

    def go_on(self) -> None:
        """There is room in the mailbox again."""
        if self._stalled:
            self._stalled = False
            self.give(inputs.Stalled(False))
            for listener in self._sockets.values():
                listener.hold(False)

    def opened(self, number: int, socket: Socket) -> None:
        """A socket is there, before its handshake is done."""
        listener = self._sockets.get(number)
        if listener is None:
            socket.close()
        else:
            listener.socket = socket

    def ready(self, number: int) -> None:
        """The handshake of a socket is done."""
        self.give(inputs.Opened(number))
        if self._stalled and number in self._sockets:
            self._sockets[number].hold(True)

    def ended(self, given: inputs.Closed | inputs.Refused) -> None:
        """A socket is over."""
        if self._sockets.pop(given.socket, None) is not None:
            self.give(given)

    def _do(self, action: FeedAction) -> None:
        match action:
            case AskKey():
                self._spawn(self._ask_key(action), deleting=action.call is Call.DELETE)
            case OpenSocket():
                listener = Listener(self, action.socket, self._venue)
                self._sockets[action.socket] = listener
                listener.opening = self._spawn(self._open(action, listener))
            case SendText(socket, payload):
                self._sockets[socket].send(payload)
            case SendPing(socket):
                self._sockets[socket].ping()
            case CloseSocket(socket):
                listener_or_none = self._sockets.pop(socket, None)
                if listener_or_none is not None:
                    listener_or_none.close()
            case MeasureClock():
                self._spawn(self._measure())
            case Ask():
                self._spawn(self._ask(action))
            case Fail(why):
                self._mailbox.end(StreamRefused(f"{self._venue.name}: {why}"))

    def _turn(self) -> None:
        """Posts what the frames of one turn of the loop tell."""
        self._turning = False
        self._read()
        if self._post():
            self._hold()

    def _read(self) -> None:
        """Gives the feed the frames that came; one by one where each has to show how far it is."""
        frames, self._frames = self._frames, []
        step = 1 if self._proofs else _BATCH
        for at in range(0, len(frames), step):
            now_ms = _now_ms()
            self._follow(self._feed.frames(self._source, frames[at : at + step], now_ms), now_ms)

    def _post(self) -> bool:
        """Puts what is told into the mailbox; whether the reader has to stop, from now on."""
        items, self._told = self._told, []
        changes, self._changes = self._changes, []
        stalled = bool(items) and self._mailbox.put(items) and not self._stalled
        for change in changes:
            self._mailbox.change(change.after, change.why)
        self._stalled |= stalled
        return stalled

    def _hold(self) -> None:
        """The program takes nothing: what comes is left to the kernel, and then to the venue."""
        if self._stalled:
            for listener in self._sockets.values():
                listener.hold(True)
            self.give(inputs.Stalled(True))

    def _arm(self) -> None:
        """Sets the alarm anew, once for all inputs of a turn of the loop."""
        self._arming = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_ms = self._feed.deadline()
        if due_ms is not None and not self._over.is_set():
            # A millisecond more: an alarm that rings early would find nothing due.
            self._timer = self._loop.call_later(max(0, due_ms - _now_ms() + 1) / 1000, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.give(inputs.Tick(_wall_ms()))
        now_ms = _now_ms()
        if self._proofs and not len(self._mailbox) and now_ms >= self._proved_ms:
            self._proved_ms = now_ms + _PROVE_MS
            proof = self._feed.proof(now_ms)
            if proof is not None:
                self._mailbox.put([Reached(proof)])

    def _spawn(
        self, work: Coroutine[Any, Any, None], *, deleting: bool = False
    ) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        tasks = self._deleting if deleting else self._tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    def _venue_ms(self) -> int:
        return self._feed.stream.clock.at(_now_ms())

    async def _ask_key(self, asked: AskKey) -> None:
        answer = await self._ways.calls.key(asked, self._venue_ms())
        self.give(inputs.KeyAnswered(asked.number, answer))

    async def _measure(self) -> None:
        """Twice where there is an answer: the first one may have waited for a connection."""
        for _ in range(2):
            sent_ms = _now_ms()
            venue_ms = await self._ways.calls.time()
            self.give(inputs.ClockAnswered(sent_ms, venue_ms))
            if venue_ms is None:
                return

    async def _ask(self, ask: Ask) -> None:
        self.give(await self._ways.repairs.ask(ask, self._venue_ms()))

    async def _open(self, asked: OpenSocket, listener: Listener) -> None:
        url = stream_address(self._venue, self._ways.stream_url, asked)
        try:
            self.opened(asked.socket, await self._ways.connect(url, listener))
        except (OSError, TimeoutError):
            self.ended(inputs.Refused(asked.socket, NO_ANSWER))


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
