"""What a stream asks its shell to do. The shell decides nothing."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from userstream.core.client.keylife import AskKey
from userstream.core.client.link import LinkAction, OpenSocket
from userstream.core.client.told import Gap, StateChange


class MeasureClock(NamedTuple):
    """Ask the venue for its time, and tell by ``ClockAnswered``."""


class StartRepair(NamedTuple):
    """Fetch over REST what may have been missed since then, in the venue's time."""

    since_ms: int | None


class AbandonRepair(NamedTuple):
    """Events are missed again: what was asked for cannot prove anything any more."""


class Tell(NamedTuple):
    """Tell the program."""

    what: Gap | StateChange


class Fail(NamedTuple):
    """The stream is over, since the venue will never let it in."""

    why: str


Action: TypeAlias = (
    AskKey | OpenSocket | LinkAction | MeasureClock | StartRepair | AbandonRepair | Tell | Fail
)
