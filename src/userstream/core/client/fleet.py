"""Fleet: the sockets of a stream: which are wanted, which overlap, which vouch for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from userstream.core.client.bounds import Bounds, back_off
from userstream.core.client.continuity import Continuity
from userstream.core.client.keylife import KeyLife
from userstream.core.client.link import CloseSocket, Link, LinkAction, OpenSocket
from userstream.core.client.plan import Plan
from userstream.venue import Notice, Venue


class Fleet:
    """Opens the next socket before the old one is closed, and never two at a time."""

    def __init__(
        self,
        venue: Venue,
        plan: Plan,
        bounds: Bounds,
        unit: Callable[[], float],
        continuity: Continuity,
    ) -> None:
        cap = venue.keys.max_sockets
        self._wanted = 2 if plan.redundant and (cap is None or cap > 2) else 1
        self._stream = venue.stream
        self._heartbeat_s = plan.heartbeat_s
        self._bounds = bounds
        self._unit = unit
        self._continuity = continuity
        self._links: dict[int, Link] = {}
        self._number = 0
        self._failures = 0
        self._dial_ms = 0
        self.told_ms: int | None = None
        """When a socket last told anything but pongs."""

    def find(self, socket: int) -> Link | None:
        """A socket that was asked for and is not over."""
        return self._links.get(socket)

    @property
    def sockets(self) -> Iterable[Link]:
        """All sockets that are not over."""
        return self._links.values()

    @property
    def short(self) -> bool:
        """Whether fewer sockets bring events than are wanted, or the next one is overdue."""
        ready = [link for link in self._links.values() if link.ready]
        return len(ready) < self._wanted or (self._failures > 1 and all(x.retiring for x in ready))

    def vouches(self, keys: KeyLife, now_ms: int) -> bool:
        """Whether a socket brings events: it is ready, and its key lives."""
        return any(self._vouching(keys, now_ms))

    def proved_ms(self, keys: KeyLife, now_ms: int) -> int | None:
        """Up to when everything that a vouching socket had to bring was read."""
        return max((x.proved_ms for x in self._vouching(keys, now_ms)), default=None)

    def _vouching(self, keys: KeyLife, now_ms: int) -> list[Link]:
        if not keys.lives(now_ms):
            return []
        return [x for x in self._links.values() if x.ready and x.key == keys.key]

    def dial(self, key: str | None, now_ms: int) -> list[OpenSocket]:
        """The next socket, where one is wanted, due, and none is under way."""
        for link in self._links.values():
            link.retiring |= key is not None and link.key != key
        if key is None or now_ms < self._dial_ms or not self._wants_another():
            return []
        self._number += 1
        resume = self._continuity.cursor if self._heartbeat_s is not None else None
        asked = OpenSocket(self._number, key, self._heartbeat_s, resume)
        self._links[self._number] = Link(asked, self._stream, self._bounds, self._unit(), now_ms)
        return [asked]

    def noticed(self, link: Link, notice: Notice, now_ms: int) -> list[LinkAction]:
        """What the server said to the client itself."""
        return self._done(link.noticed(notice, now_ms), now_ms)

    def holed(self, link: Link, now_ms: int) -> list[LinkAction]:
        """A socket missed something: another one resumes from the cursor, at once."""
        self._dial_ms = now_ms
        return self._done([link.end("a frame is missing")], now_ms, failed=False)

    def lost(self, link: Link, now_ms: int, retry_after_ms: int | None) -> None:
        """A socket is over, by the server or the network."""
        del self._links[link.number]
        self._settle(link, now_ms, retry_after_ms)

    def suspect(self, now_ms: int) -> None:
        """The machine slept."""
        for link in self._links.values():
            link.suspect(now_ms)

    def doubt(self, now_ms: int) -> None:
        """Sockets are left unread: their silence says nothing."""
        for link in self._links.values():
            link.doubt(now_ms)

    def tick(self, now_ms: int) -> list[LinkAction]:
        """Pings, dead sockets, and old ones whose successor has stood long enough."""
        actions: list[LinkAction] = []
        for link in list(self._links.values()):
            actions += self._done(link.tick(now_ms), now_ms)
        succeeded = self._succeeded_ms()
        if succeeded is not None and now_ms >= succeeded:
            old = [x for x in self._links.values() if x.retiring]
            actions += self._done([x.end("replaced") for x in old], now_ms, failed=False)
        return actions

    def deadline(self, key: str | None) -> int | None:
        """When ``tick`` or ``dial`` is due, or ``None``."""
        times = [link.deadline() for link in self._links.values()]
        succeeded = self._succeeded_ms()
        if succeeded is not None:
            times.append(succeeded)
        if key is not None and self._wants_another():
            times.append(self._dial_ms)
        return min(times, default=None)

    def close(self) -> list[LinkAction]:
        """Closes every socket."""
        actions: list[LinkAction] = [x.end("stopped") for x in self._links.values()]
        self._links.clear()
        return actions

    def _succeeded_ms(self) -> int | None:
        """When the old sockets may go: their successor is ready, and the overlap is over."""
        if not any(x.retiring for x in self._links.values()):
            return None
        ready = [x.ready_ms for x in self._links.values() if not x.retiring]
        since = min((r for r in ready if r is not None), default=None)
        return None if since is None else since + self._bounds.overlap_ms

    def _wants_another(self) -> bool:
        fresh = [x for x in self._links.values() if not x.retiring]
        return len(fresh) < self._wanted and all(x.ready for x in fresh)

    def _done(
        self, actions: list[LinkAction], now_ms: int, *, failed: bool = True
    ) -> list[LinkAction]:
        for action in actions:
            if isinstance(action, CloseSocket):
                link = self._links.pop(action.socket)
                if failed:
                    self._settle(link, now_ms, None)
        return actions

    def _settle(self, link: Link, now_ms: int, retry_after_ms: int | None) -> None:
        steady = link.ready_ms is not None and now_ms - link.ready_ms >= self._bounds.steady_ms
        self._failures = 0 if steady else self._failures + 1
        wait_ms = 0 if steady else back_off(self._bounds, self._failures, self._unit())
        self._dial_ms = max(self._dial_ms, now_ms + max(wait_ms, retry_after_ms or 0))
