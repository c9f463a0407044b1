"""Giving: shards go to processes that write fewer, one at a time, and nothing is lost on the way.

Whoever has fewer asks. What was put until then is stored and answered; local lines that come
meanwhile wait, and go to the next writer once the farewell, which names it, is stored. A process
that stops leaves all of its shards so, to nobody by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import msgspec

from userstream.errors import StoreError, StoreUnavailable
from userstream.server.logs import logger
from userstream.server.nats.intake import Intake
from userstream.server.nats.job import Job
from userstream.server.nats.layout import VERSION, Layout
from userstream.server.nats.link import Link
from userstream.server.nats.shard import Shard, written
from userstream.server.nats.waiting import Waiting
from userstream.server.nats.wire import Message, pub
from userstream.server.nats.writers import Writers
from userstream.server.records import decode, encode
from userstream.server.tasks import failed, within

_log = logger("giving")
LEAST = 2
"""Of whoever has so many more, one is asked for."""
_CLEAR_S = 1.0


class Ask(msgspec.Struct, frozen=True):
    """One process asks another for a shard of its own."""

    owner: str
    """Who asks."""
    count: int
    """How many shards it writes."""
    v: int = VERSION


class AskAnswer(msgspec.Struct, frozen=True):
    """What the writer says to it."""

    declined: str = ""
    """Why it keeps the shard; empty: it gave it, and said so in the stream."""
    v: int = VERSION


class Giving:
    """The shards that this process gives to those that ask."""

    def __init__(
        self,
        link: Link,
        layout: Layout,
        shards: Sequence[Shard],
        writers: Writers,
        intake: Intake,
        waiting: Waiting,
    ) -> None:
        self._link = link
        self._layout = layout
        self._shards = shards
        self._writers = writers
        self._intake = intake
        self._waiting = waiting
        self._sids: dict[Shard, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._held: frozenset[int] = frozenset()
        self._before: set[Job] = set()
        self._clear = asyncio.Event()
        self._over = asyncio.Event()
        self._stops = False

    def opened(self, shard: Shard) -> None:
        """A term begins."""
        subject = self._layout.ask_subject(shard.number)
        self._sids[shard] = self._link.subscribe(subject, partial(self._asked, shard))

    def lost(self, shard: Shard) -> None:
        """Another process's affair now."""
        sid = self._sids.pop(shard, None)
        if sid is not None:
            self._link.unsubscribe(sid)

    async def close(self) -> None:
        """Leaves all shards to whoever takes them, and gives nothing more to who asks."""
        self._stops = True
        if self._task is not None:
            await self._task
        await asyncio.gather(*(shard.settle() for shard in self._shards))
        self._hold(*(shard for shard in self._shards if shard.mine))
        await within(_CLEAR_S, self._clear)
        await asyncio.gather(*(shard.close() for shard in self._shards))
        self._release()

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────

    def held(self, job: Job) -> list[str]:
        """Accounts of a job that wait until a shard is given."""
        if not self._held or job in self._before:
            return []
        return self._touched(job)

    def _touched(self, job: Job) -> list[str]:
        return [account for account in set(job.accounts) if account and self.holds(account)]

    def holds(self, account: str) -> bool:
        """Whether the account's shard is being given."""
        return bool(self._held) and self._layout.shard_of(account) in self._held

    async def over(self) -> None:
        """Returns when nothing is being given any more."""
        await self._over.wait()

    def accepted(self, job: Job) -> None:
        """A job was accepted: its lines were put, or handed over."""
        if job in self._before:
            self._before.discard(job)
            if not self._before:
                self._clear.set()

    # ── giving ──────────────────────────────────────────────────────────────────────────────────

    def _asked(self, shard: Shard, message: Message) -> None:
        reply = message.reply.decode()
        if not reply:
            return
        try:
            ask = decode(message.payload, Ask)
        except StoreError as e:
            self._answer(reply, str(e))
            return
        declined = self._declined(shard, ask)
        if declined:
            self._answer(reply, declined)
            return
        self._hold(shard)
        self._task = asyncio.get_running_loop().create_task(self._give(shard, ask.owner, reply))

    def _declined(self, shard: Shard, ask: Ask) -> str:
        if self._stops:
            return "the server stops"
        if self._held:
            return "another shard is being given"
        if not shard.calm or not self._link.connected:
            return "the shard has trouble of its own"
        theirs = max(ask.count, self._writers.counts()[ask.owner])
        if written(self._shards) - theirs < LEAST:
            return "it writes no more shards than whoever asks"
        return ""

    def _hold(self, *shards: Shard) -> None:
        self._over.clear()
        self._clear.clear()
        self._intake.hold(shards)
        self._held = frozenset(shard.number for shard in shards)
        # Those of other processes among them were taken, and have to be stored here.
        self._before = {job for job in self._waiting if self._touched(job)}
        if not self._before:
            self._clear.set()

    async def _give(self, shard: Shard, heir: str, reply: str) -> None:
        declined = ""
        try:
            async with asyncio.timeout(_CLEAR_S):
                await self._clear.wait()
            if not shard.mine:
                raise StoreUnavailable("another process writes it now")
            await shard.give(heir)
        except TimeoutError:
            declined = "heads of its accounts are being read"
        except StoreError as e:
            declined = str(e)
            for job in self._waiting:
                if self.held(job):
                    job.error = e
        except Exception as e:  # noqa: BLE001 - who waits for it must go on
            failed("giving", e)
            declined = repr(e)
        finally:
            self._release()
        self._answer(reply, declined)

    def _release(self) -> None:
        self._intake.release()
        self._held = frozenset()
        self._before = set()
        self._over.set()

    def _answer(self, reply: str, declined: str) -> None:
        self._link.send(pub(reply, encode(AskAnswer(declined))))
