"""Why a stream ends: one table of close codes, used by both ends and by the docs."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Then(Enum):
    """What a client should do after an end."""

    RECONNECT = "reconnect with the same listen key"
    NEW_KEY = "create a new listen key, then reconnect"
    STOP = "stop: the same request would end the same way"


class Ending(NamedTuple):
    """Close code, close text and what the client should do. Code ``None``: no close frame."""

    code: int | None
    text: str
    then: Then


class End(Enum):
    """Every reason for which the server ends a stream."""

    EXPIRED = Ending(1008, "listen key expired", Then.NEW_KEY)
    DELETED = Ending(1000, "listen key deleted", Then.NEW_KEY)
    REVOKED = Ending(1008, "api key revoked", Then.STOP)
    MAX_AGE = Ending(1001, "maximum connection age reached", Then.RECONNECT)
    SHUTDOWN = Ending(1001, "server shutdown", Then.RECONNECT)
    SLOW = Ending(1013, "slow reader", Then.RECONNECT)
    NO_PONG = Ending(None, "no pong", Then.RECONNECT)
    NO_SUBSCRIPTION = Ending(1000, "no valid subscription in time", Then.RECONNECT)
    IDLE = Ending(1000, "no data and no ping in time", Then.RECONNECT)
    TOO_MANY_MESSAGES = Ending(1008, "too many messages", Then.RECONNECT)
    BINARY = Ending(1003, "binary message where text is due", Then.STOP)
    PROTOCOL = Ending(1002, "protocol error", Then.STOP)
    NOT_UTF8 = Ending(1007, "text that is not UTF-8", Then.STOP)
    TOO_LARGE = Ending(1009, "message too large", Then.STOP)
    INTERNAL = Ending(1011, "internal error", Then.RECONNECT)
    UNAVAILABLE = Ending(1013, "temporarily unavailable", Then.RECONNECT)
    CLIENT = Ending(None, "closed by the client", Then.RECONNECT)
    LOST = Ending(None, "connection lost", Then.RECONNECT)

    @property
    def label(self) -> str:
        """The name in logs and metrics."""
        return self.name.lower()


_BY_FRAME: dict[tuple[int | None, str], End] = {
    (end.value.code, end.value.text): end for end in End if end.value.code is not None
}
_BY_LABEL = {end.label: end for end in End}


def end_of(code: int | None, text: str) -> End:
    """The end that a close frame names; ``LOST`` for any other frame, and for none."""
    return _BY_FRAME.get((code, text), End.LOST)


def end_named(label: str | None) -> End:
    """The end with that label; ``LOST`` for one that this version does not know."""
    return _BY_LABEL.get(label or "", End.LOST)
