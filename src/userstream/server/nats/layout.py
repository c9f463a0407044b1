"""Which streams there are, what lies in them under which subject, and in which form."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from userstream.core.publishing import Appended, Head
from userstream.errors import InvalidSettings, StoreDamaged, StoreError, StoreTooNew
from userstream.events import AccountSnapshot
from userstream.plain import read
from userstream.server.logs import logger
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.drift import check, check_shards
from userstream.server.nats.jetstream import JetStream, JetStreamRefused
from userstream.server.nats.streaminfo import StreamInfo
from userstream.server.records import EventRecord, LineRecord, decode, encode
from userstream.server.tasks import all_of

_log = logger("layout")
VERSION = 1
_EPOCH, _SHARDS, _VERSION = "userstream-epoch", "userstream-shards", "userstream-version"
_MOVING = "userstream-moving"


class Layout(NamedTuple):
    """Names of streams and subjects. Accounts lie in shards by a hash that never changes."""

    prefix: str
    shards: int
    epoch: str
    copies: int = 1
    """Of each stream, on as many nodes."""
    batches: bool = False
    """Whether all of them take atomic batches."""

    def shard_of(self, account: str) -> int:
        """Where an account's events lie."""
        return zlib.crc32(account.encode()) % self.shards

    def events(self, shard: int) -> str:
        """The stream of a shard's events."""
        return f"{self.prefix}-events-{shard}"

    def heads(self, shard: int) -> str:
        """The stream of a shard's heads."""
        return f"{self.prefix}-heads-{shard}"

    @property
    def bucket(self) -> str:
        """The stream of listen keys and accounts, where they are shared."""
        return f"KV_{self.prefix}-keys"

    def event_subject(self, account: str) -> str:
        """Where an account's events are published."""
        return f"{self.prefix}.in.{self.shard_of(account)}.{account}"

    def live_subject(self, account: str) -> str:
        """Where an account's events come from once they are committed."""
        return f"{self.prefix}.live.{self.shard_of(account)}.{account}"

    def head_subject(self, account: str) -> str:
        """Where an account's head lies."""
        return f"{self.prefix}.head.{self.shard_of(account)}.{account}"

    def put_subject(self, shard: int) -> str:
        """Where other processes hand lines to a shard's writer."""
        return f"{self.prefix}.put.{shard}"

    def ask_subject(self, shard: int) -> str:
        """Where a shard's writer is asked for it; one word, as where lines are handed to it."""
        return f"{self.prefix}.put.{shard}-ask"

    def tick_subject(self, shard: int, at: str = "in") -> str:
        """Where a shard's writer says that it writes; no account's, which are one word."""
        return f"{self.prefix}.{at}.{shard}._.tick"


class Tick(msgspec.Struct, frozen=True):
    """What a shard's writer appends every second: a term is one writer's, without a break."""

    term: int
    owner: str
    """Empty: it gives the shard up."""
    floor: int
    """Heads hold all that is in the stream up to here."""
    heir: str = ""
    """To whom it is given up; empty: to anybody."""
    v: int = VERSION


class HeadRecord(msgspec.Struct, frozen=True):
    """How far an account has come, whatever retention leaves of its events."""

    head: Head
    picture: AccountSnapshot
    place: int
    """Events that are not in it lie behind this place of the shard's stream."""
    v: int = VERSION


class _Event(msgspec.Struct, gc=False):
    epoch: str
    seq: int
    time_ms: int
    line: msgspec.Raw
    picture: AccountSnapshot | None = None
    v: int = VERSION


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_line = msgspec.json.Decoder(LineRecord).decode


def write_event(appended: Appended) -> bytes:
    """An event as it lies in its stream; an account event with the picture after it."""
    picture = b""
    if appended.picture is not None:
        picture = b',"picture":' + encode(appended.picture)
    return b'{"v":%d,"epoch":"%b","seq":%d,"time_ms":%d,"line":%b%b}' % (
        VERSION, appended.epoch.encode(), appended.seq, appended.time_ms, appended.line, picture,
    )  # fmt: skip


def read_event(account: str, data: bytes) -> Appended:
    """An event from its stream.

    Raises:
        StoreDamaged: the bytes are not an event.
        StoreTooNew: written by a later version.
    """
    try:
        e = _decode_event(data)
        if e.v > VERSION:
            raise StoreTooNew(f"an event has version {e.v}; this userstream knows {VERSION}")
        line = bytes(e.line)
        plain = read(line)
        event = None if plain is not None else _decode_line(line).event
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreDamaged(f"an event of a stream cannot be read: {error}") from None
    return Appended(account, e.epoch, e.seq, e.time_ms, line, event, plain, e.picture)


def record_of(appended: Appended) -> EventRecord:
    """An event for people, with its source."""
    return EventRecord(appended.epoch, appended.time_ms, line_of(appended))


def line_of(appended: Appended) -> LineRecord:
    """Who published an event, as which of its own."""
    return _decode_line(appended.line)


def read_tick(data: bytes) -> Tick:
    """A tick from its stream.

    Raises:
        StoreError: it is none, or of a later version.
    """
    return decode(data, Tick)


async def provide(
    js: JetStream, settings: NatsSettings, epoch: str, *, moving: bool = False
) -> Layout:
    """Makes the streams that are not there yet. Whoever came first decided epoch and shards.

    Those that a move is about to fill are marked, and are of no use to anybody else until the
    mark is gone.

    Raises:
        InvalidSettings: not allowed, a move into them is not finished, or one drops messages.
        StoreTooNew: a later version made them.
        StoreUnavailable: NATS does not answer.
    """
    wanted = Layout(settings.prefix, settings.shards, epoch)
    config = _events(wanted, settings, 0)
    first = await js.provide(_marked(config) if moving else config)
    layout = _known(settings, first, moving=moving)
    configs = [_events(layout, settings, n) for n in range(1, layout.shards)]
    configs += [_heads(layout, settings, n) for n in range(layout.shards)]
    made = [first, *await all_of(js.provide(config) for config in configs)]
    check_shards([layout.events(n) for n in range(layout.shards)], settings.shards)
    check(zip([config, *configs], made, strict=True))
    return layout._replace(batches=await _let_batches(js, layout, made[: layout.shards]))


async def _let_batches(js: JetStream, layout: Layout, made: Sequence[StreamInfo]) -> bool:
    """Whether all streams of events take batches, also those that an earlier version made."""
    for number, stream in enumerate(made):
        if not stream.config.allow_atomic:
            try:
                await js.change(layout.events(number), _with_batches)
            except StoreError as e:
                words = "a stream of an earlier version takes single appends: allow its update"
                _log.warning(words, stream=layout.events(number), error=str(e))
                return False
    return True


async def find(js: JetStream, settings: NatsSettings) -> Layout:
    """The streams that are there; none is made.

    Raises:
        InvalidSettings: there are none, or a move into them is not finished.
        StoreTooNew: a later version made them.
        StoreUnavailable: NATS does not answer.
    """
    try:
        first = await js.info(first_of(settings.prefix))
    except JetStreamRefused:
        raise InvalidSettings(f"NATS has no streams of nats.prefix {settings.prefix!r}") from None
    return _known(settings, first)


def _known(settings: NatsSettings, first: StreamInfo, *, moving: bool = False) -> Layout:
    known = first.config.metadata
    version = known.get(_VERSION, "")
    if not version.isdigit():
        name = first_of(settings.prefix)
        raise InvalidSettings(f"the stream {name} is not ours; choose another nats.prefix")
    if int(version) > VERSION:
        raise StoreTooNew(f"the streams have version {version}; this userstream knows {VERSION}")
    if is_moving(known) and not moving:
        raise InvalidSettings(
            f"a move into the streams of nats.prefix {settings.prefix!r} is not finished: "
            "run `userstream move` again"
        )
    copies = first.config.num_replicas
    return Layout(settings.prefix, int(known[_SHARDS]), known[_EPOCH], copies)


def first_of(prefix: str) -> str:
    """The stream whose metadata speak for all of a prefix."""
    return f"{prefix}-events-0"


def is_moving(metadata: Mapping[str, str]) -> bool:
    """Whether a move is about to fill the streams, by the metadata of the first."""
    return _MOVING in metadata


def epoch_of(metadata: Mapping[str, str]) -> str:
    """The epoch of streams, by the metadata of the first; empty where they are not ours."""
    return metadata.get(_EPOCH, "")


def unmarked(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration of the first stream once a move is finished."""
    return {**config, "metadata": {k: v for k, v in config["metadata"].items() if k != _MOVING}}


def _marked(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**config, "metadata": {**config["metadata"], _MOVING: "yes"}}


def _with_batches(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**config, "allow_atomic": True}


def _events(layout: Layout, settings: NatsSettings, shard: int) -> Mapping[str, Any]:
    place = f"{layout.prefix}.%s.{shard}.>"
    return _kept(settings) | {
        "name": layout.events(shard),
        "subjects": [place % "in"],
        # Only what is committed comes from here; whoever subscribes to "in" hears all else, too.
        "republish": {"src": place % "in", "dest": place % "live"},
        "allow_atomic": True,
        "metadata": {
            _EPOCH: layout.epoch,
            _SHARDS: str(layout.shards),
            _VERSION: str(VERSION),
        },
    }


def _heads(layout: Layout, settings: NatsSettings, shard: int) -> Mapping[str, Any]:
    return _kept(settings) | {
        "name": layout.heads(shard),
        "subjects": [f"{layout.prefix}.head.{shard}.>"],
        "max_msgs_per_subject": 1,
        "max_bytes": settings.max_bytes // 4,
    }


def _kept(settings: NatsSettings) -> dict[str, Any]:
    """A full stream refuses; it drops nothing by itself."""
    return {
        "retention": "limits",
        "storage": "file",
        "num_replicas": settings.replicas,
        "max_bytes": settings.max_bytes,
        "discard": "new",
        "allow_direct": True,
        "duplicate_window": 100_000_000,  # 0.1 s, the least: fences refuse what comes twice
    }
