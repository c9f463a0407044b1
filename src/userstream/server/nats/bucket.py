"""A KV bucket on JetStream: guarded writes, and every record as it is stored, in order."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import secrets
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from userstream.errors import StoreUnavailable
from userstream.server.logs import logger
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.drift import check
from userstream.server.nats.jetstream import JetStream, read_ack
from userstream.server.nats.link import Link
from userstream.server.nats.wire import Message, recorded

_log = logger("register")
_WRONG_SEQUENCE = 10071
MARKER_S = 60
"""How long a record that is gone leaves a marker."""


class Change(NamedTuple):
    """A record as it was stored; an empty value: it is gone."""

    key: str
    value: bytes
    seq: int


class Conflict(Exception):
    """Another node stored that record first; ``last`` is the sequence of what it stored."""

    def __init__(self, last: int) -> None:
        super().__init__(f"the last sequence is {last}")
        self.last = last


class Bucket:
    """The bucket of one system: ``<prefix>-keys``. It keeps the last record of each key."""

    def __init__(self, link: Link, settings: NatsSettings, answer_s: float) -> None:
        name = f"{settings.prefix}-keys"
        self._link = link
        self._js = JetStream(link)
        self._settings = settings
        self._answer_s = answer_s
        self._stream = f"KV_{name}"
        self._prefix = f"$KV.{name}."
        self._sid: int | None = None
        self._consumed = 0
        self._sights: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self.last = 0
        """The sequence of the last record that was taken."""

    async def make(self) -> None:
        """Makes the bucket where there is none.

        Raises:
            InvalidSettings: JetStream does not allow it, or it drops records by itself.
            StoreUnavailable: it does not answer.
        """
        config = {
            "name": self._stream,
            "subjects": [f"{self._prefix}>"],
            "retention": "limits",
            "storage": "file",
            "num_replicas": self._settings.replicas,
            "max_msgs_per_subject": 1,
            "max_bytes": self._settings.max_bytes,
            "discard": "new",
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "allow_direct": True,
            "allow_msg_ttl": True,
            "subject_delete_marker_ttl": MARKER_S * 1_000_000_000,
            "duplicate_window": 100_000_000,
        }
        check([(config, await self._js.provide(config))])

    async def put(self, key: str, value: bytes, after: int | None, life_s: int | None) -> int:
        """Stores a record behind the one with that sequence (0: there is none); gives its own.

        Raises:
            Conflict: the record has another sequence.
            StoreUnavailable: nobody knows whether it is stored, or it cannot be.
        """
        line = partial(_line, self._prefix + key, value, after, life_s)
        answer = await self._link.answer(line, self._answer_s)
        ack = read_ack(answer.payload)
        if ack.error is None:
            return ack.seq
        if ack.error.err_code == _WRONG_SEQUENCE:
            raise Conflict(int(ack.error.description.rpartition(" ")[2]))
        raise StoreUnavailable(f"JetStream: {ack.error.description}")

    async def watch(self, taken: Callable[[Change], None]) -> None:
        """Hands over records from behind the last one on, until the next call of this.

        Some may get lost on the way; then nothing more comes, and ``seen`` waits.

        Raises:
            StoreError: JetStream does not answer, or says no.
        """
        self.unwatch()
        self._consumed = 0
        inbox = f"_INBOX.{secrets.token_hex(8)}"
        self._sid = self._link.subscribe(inbox, partial(self._take, taken))
        config = {
            "deliver_subject": inbox,
            "ack_policy": "none",
            "replay_policy": "instant",
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self.last + 1,
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": 30_000_000_000,
        }
        body = {"stream_name": self._stream, "config": config}
        await self._js.ask(f"CONSUMER.CREATE.{self._stream}", body)

    def unwatch(self) -> None:
        """Hands over nothing more."""
        if self._sid is not None:
            self._link.unsubscribe(self._sid)
            self._sid = None

    async def seen(self, seq: int) -> None:
        """Returns when the record of that sequence, and all before it, were taken."""
        if self.last < seq:
            future = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sights, (seq, next(self._count), future))
            await future

    def _take(self, taken: Callable[[Change], None], message: Message) -> None:
        parts = message.reply.split(b".")
        if message.status or len(parts) < 9:
            return
        # $JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.DELIVERED.SEQ.CONSUMED.TIME.PENDING[.TOKEN]
        at = 5 if len(parts) == 9 else 7
        self._consumed += 1
        if int(parts[at + 1]) != self._consumed:
            self._consumed = -1  # something was lost: what follows must not be taken for all
            return
        change = Change(
            message.subject.decode().removeprefix(self._prefix), message.payload, int(parts[at])
        )
        try:
            taken(change)
        except Exception as e:  # noqa: BLE001 - one bad record must not hold up all others
            _log.error("a shared record cannot be used", kind=change.key[:1], exc_info=e)
        self.last = change.seq
        while self._sights and self._sights[0][0] <= self.last:
            future = heapq.heappop(self._sights)[2]
            if not future.done():
                future.set_result(None)


def _line(subject: str, value: bytes, after: int | None, life_s: int | None, reply: str) -> bytes:
    return recorded(subject, value, reply, after, life_s)
