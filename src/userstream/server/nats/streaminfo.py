"""What JetStream tells of a stream."""

from __future__ import annotations

import msgspec


class State(msgspec.Struct, frozen=True):
    """What lies in it."""

    first_seq: int = 0
    last_seq: int = 0
    messages: int = 0
    bytes: int = 0


class Config(msgspec.Struct, frozen=True):
    """What it was told to be, as far as that is looked at."""

    metadata: dict[str, str] = {}
    num_replicas: int = 1
    max_bytes: int = -1
    allow_atomic: bool = False
    discard: str = "new"
    max_age: int = 0
    """In nanoseconds; 0: no message is too old."""
    max_msgs_per_subject: int = -1


class _Cluster(msgspec.Struct, frozen=True):
    leader: str = ""


class StreamInfo(msgspec.Struct, frozen=True):
    """A stream as its leader knows it."""

    config: Config = Config()
    state: State = State()
    cluster: _Cluster = _Cluster()
