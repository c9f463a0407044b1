"""The states of a stream, and every step between them."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from userstream.core.client.told import State


class Step(Enum):
    """What a stream can vouch for after an input; it leads from every state to one."""

    LOSE = auto()
    """No socket brings events, or something is missing that nothing is fetching."""
    REPLAY = auto()
    """Events come, and what was missed is being fetched."""
    WEAKEN = auto()
    """All is there, and a safety margin is gone."""
    PROVE = auto()
    """All is there."""
    END = auto()


TRANSITIONS: Final = {
    (State.CONNECTING, Step.LOSE): State.CONNECTING,
    **{(s, Step.LOSE): State.BLIND for s in (State.REPLAYING, State.LIVE, State.DEGRADED)},
    (State.BLIND, Step.LOSE): State.BLIND,
    **{(s, Step.REPLAY): State.REPLAYING for s in State if s is not State.STOPPED},
    **{(s, Step.WEAKEN): State.DEGRADED for s in State if s is not State.STOPPED},
    **{(s, Step.PROVE): State.LIVE for s in State if s is not State.STOPPED},
    **{(s, Step.END): State.STOPPED for s in State if s is not State.STOPPED},
}
"""Every legal step; the docs' diagram and the exhaustive test are made from it."""
