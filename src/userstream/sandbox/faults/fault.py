"""A fault: what goes wrong, for whom, how often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Literal, get_args

import msgspec

from userstream.errors import InvalidSettings
from userstream.events import ACCOUNT

MAX_DELAY_MS = 600_000
_REASON_BYTES = 123  # RFC 6455 §5.5: a control frame has 125, two of them for the code
_CODES = range(1000, 5000)
CODE_NONE = 1005
"""Sends a close frame without a code: what clients report as 1005."""
CODE_CUT = 1006
"""Closes without a close frame: what clients report as 1006."""
_PATH = re.compile(r"/[\x21-\x7e]{0,255}")


class Kind(StrEnum):
    """Kinds of faults."""

    DROP = "drop"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    REORDER = "reorder"
    HALF_OPEN = "half-open"
    RESET = "reset"
    CLOSE = "close"
    DELETE_KEY = "delete-key"
    EXPIRE_KEY = "expire-key"
    SILENT_KEY = "silent-key"
    REST = "rest"


class Point(StrEnum):
    """Moments at which a fault may strike."""

    NOW = "now"
    """Once, when it is set: whatever is open then."""
    OPEN = "open"
    """When a stream opens."""
    FRAME = "frame"
    """When a frame of an event is about to be sent."""
    KEY = "key"
    """When a listen key dies under a stream, or a stream opens on a dead one."""
    REQUEST = "request"
    """When a REST request comes."""


FRAMES: Final = frozenset({Kind.DROP, Kind.DUPLICATE, Kind.DELAY, Kind.REORDER})
CUTS: Final = frozenset({Kind.HALF_OPEN, Kind.RESET, Kind.CLOSE})
KEYS: Final = frozenset({Kind.DELETE_KEY, Kind.EXPIRE_KEY})
Answer = Literal["500", "timeout", "429", "418", "-1021", "-1125"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong. Times are real milliseconds, whatever the clock's speed."""

    kind: Kind
    account: str | None = None
    """``None``: any."""
    venue: str | None = None
    count: int | None = None
    """Strikes at most so often."""
    probability: float | None = None
    """Of a strike, each time that there is something to strike; ``None``: always."""
    after: int | None = None
    """Leaves so many alone first."""
    for_ms: int | None = None
    """Is over after that time."""
    seed: int | None = None
    """Of ``probability``; ``None``: the sandbox's."""
    event: Literal["order_update", "account_update", "account_snapshot"] | None = None
    """Frames of such events only."""
    on: Literal["now", "open", "frame"] | None = None
    """When a connection is hit: now, as it opens, or at a frame, which is lost with it."""
    delay_ms: int | None = None
    """Of a delayed frame; how long a reordered one waits for its successor."""
    code: int | None = None
    """Close code."""
    reason: str | None = None
    """Close text."""
    answer: Answer | None = None
    """What a REST request gets."""
    retry_after_s: int | None = None
    method: str | None = None
    path: str | None = None
    """Beginning of the request's path, as the venue's document has it."""
    carried_out: bool = False
    """Whether the request is acted upon before it gets that answer."""

    @property
    def point(self) -> Point:
        """When it may strike."""
        if self.kind in FRAMES:
            return Point.FRAME
        if self.kind in CUTS:
            return Point(self.on or "now")
        if self.kind in KEYS:
            return Point.NOW
        return Point.KEY if self.kind is Kind.SILENT_KEY else Point.REQUEST

    @property
    def most(self) -> int | None:
        """How often it strikes; ``None``: without end. Once, where nothing else bounds it."""
        unbounded = self.probability is not None or self.for_ms is not None
        if self.count is not None or unbounded:
            return self.count
        return None if self.point in {Point.NOW, Point.KEY} else 1


_SCOPE = {"account", "venue"}
_OFTEN = {"count", "probability", "after", "for_ms", "seed"}
_FIELDS: Final = {
    Kind.DROP: _SCOPE | _OFTEN | {"event"},
    Kind.DUPLICATE: _SCOPE | _OFTEN | {"event"},
    Kind.DELAY: _SCOPE | _OFTEN | {"event", "delay_ms"},
    Kind.REORDER: _SCOPE | _OFTEN | {"event", "delay_ms"},
    Kind.HALF_OPEN: _SCOPE | _OFTEN | {"event", "on"},
    Kind.RESET: _SCOPE | _OFTEN | {"event", "on"},
    Kind.CLOSE: _SCOPE | _OFTEN | {"event", "on", "code", "reason"},
    Kind.DELETE_KEY: _SCOPE | {"count"},
    Kind.EXPIRE_KEY: _SCOPE | {"count"},
    Kind.SILENT_KEY: _SCOPE | _OFTEN,
    Kind.REST: _SCOPE | _OFTEN | {"answer", "retry_after_s", "method", "path", "carried_out"},
}
_RANGES = {
    "count": (1, 10**9),
    "after": (0, 10**9),
    "for_ms": (1, 10**9),
    "delay_ms": (1, MAX_DELAY_MS),
    "retry_after_s": (0, 10**9),
}
_METHODS = ("DELETE", "GET", "POST", "PUT")


def read_fault(body: bytes, venues: Mapping[str, object]) -> Fault:
    """The fault of a JSON object.

    Raises:
        InvalidSettings: the message names the field and what is allowed.
    """
    try:
        given: Any = msgspec.json.decode(body)
        fault = msgspec.convert(given, Fault)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
        kinds = ", ".join(Kind)
        raise InvalidSettings(f'{e}; a fault is {{"kind":…}}, kinds are {kinds}') from None
    check(fault, venues, set(given))
    return fault


def check(fault: Fault, venues: Mapping[str, object], given: set[str]) -> None:
    """Checks what the types of the fields do not.

    Raises:
        InvalidSettings: as ``read_fault``.
    """
    for name in sorted(given - {"kind"} - _FIELDS[fault.kind]):
        allowed = ", ".join(sorted(_FIELDS[fault.kind]))
        raise InvalidSettings(f"{name} is no field of {fault.kind}; allowed are {allowed}")
    for name, (least, most) in _RANGES.items():
        value = getattr(fault, name)
        if value is not None and not least <= value <= most:
            raise InvalidSettings(f"{name} is {value}; allowed are {least} to {most}")
    if fault.probability is not None and not 0 < fault.probability <= 1:
        raise InvalidSettings(f"probability is {fault.probability}; allowed is above 0, up to 1")
    if fault.account is not None and ACCOUNT.fullmatch(fault.account) is None:
        raise InvalidSettings(f"account is {fault.account[:70]!r}; allowed is {ACCOUNT.pattern}")
    if fault.venue is not None and fault.venue not in venues:
        allowed = ", ".join(sorted(venues))
        raise InvalidSettings(f"venue is {fault.venue[:70]!r}; allowed are {allowed}")
    _check_cut(fault)
    _check_rest(fault)


def _check_cut(fault: Fault) -> None:
    code, reason = fault.code, fault.reason or ""
    if fault.kind in CUTS and fault.point is not Point.FRAME and fault.event is not None:
        raise InvalidSettings("event needs on: frame")
    if fault.point is Point.NOW and fault.kind in CUTS:
        for name in ("probability", "after", "for_ms", "seed"):
            if getattr(fault, name) is not None:
                raise InvalidSettings(f"{name} needs on: open or frame")
    if fault.kind is Kind.CLOSE and code is None:
        raise InvalidSettings("code is mandatory; allowed are 1000 to 4999")
    if code is not None and code not in _CODES:
        raise InvalidSettings(f"code is {code}; allowed are 1000 to 4999")
    if reason and code in {CODE_NONE, CODE_CUT}:
        raise InvalidSettings(f"reason cannot be sent with {code}: nothing carries it")
    if len(reason.encode("utf-8", "surrogatepass")) > _REASON_BYTES:
        raise InvalidSettings(f"reason is longer than {_REASON_BYTES} bytes")


def _check_rest(fault: Fault) -> None:
    if fault.kind is Kind.REST and fault.answer is None:
        raise InvalidSettings(f"answer is mandatory; allowed are {', '.join(get_args(Answer))}")
    if fault.retry_after_s is not None and fault.answer not in {"429", "418"}:
        raise InvalidSettings("retry_after_s needs the answer 429 or 418")
    if fault.method is not None and fault.method not in _METHODS:
        raise InvalidSettings(f"method is {fault.method[:20]!r}; allowed are {', '.join(_METHODS)}")
    if fault.path is not None and _PATH.fullmatch(fault.path) is None:
        raise InvalidSettings("path begins with a slash and is printable ASCII")


_WHAT = {
    Kind.DROP: "drop",
    Kind.DUPLICATE: "send twice",
    Kind.DELAY: "delay by {delay_ms} ms",
    Kind.REORDER: "swap with its successor",
    Kind.HALF_OPEN: "go silent without closing",
    Kind.RESET: "reset",
    Kind.CLOSE: "close with {code} {reason}",
    Kind.DELETE_KEY: "delete",
    Kind.EXPIRE_KEY: "expire",
    Kind.SILENT_KEY: "accept, and stay silent on,",
    Kind.REST: "answer {answer} to",
}
_THING = {
    Point.NOW: "open stream{s}",
    Point.OPEN: "opening stream{s}",
    Point.FRAME: "frame{s}",
    Point.KEY: "stream{s} on a dead listen key",
    Point.REQUEST: "request{s}",
}


def reads(fault: Fault) -> str:
    """The fault as a sentence."""
    what = _WHAT[fault.kind].format(
        delay_ms=delay_ms(fault), code=fault.code, reason=fault.reason or "", answer=fault.answer
    )
    thing = "listen key{s}" if fault.kind in KEYS else _THING[fault.point]
    if fault.kind in CUTS and fault.point is Point.FRAME:
        thing = "stream{s} at a frame"
    most = fault.most
    thing = thing.format(s="s" if most is not None and most > 1 else "")
    often = "every" if most is None else "the next" if most == 1 else f"the next {most}"
    parts = [what.strip(), often, f"{fault.event} {thing}" if fault.event else thing]
    if fault.method or fault.path:
        parts.append(" ".join(filter(None, (fault.method, fault.path))))
    parts.append(f"of {fault.account or 'any account'} on {fault.venue or 'any venue'}")
    for value, text in (
        (fault.probability, "with probability {}"),
        (fault.after, "after the first {}"),
        (fault.for_ms, "for {} ms"),
        (fault.retry_after_s, "with Retry-After {}"),
        (fault.carried_out or None, "once it is carried out"),
    ):
        if value is not None:
            parts.append(text.format(value))
    return " ".join(parts)


def delay_ms(fault: Fault) -> int:
    """How long frames are held back; 200 ms where nothing else is said."""
    return fault.delay_ms if fault.delay_ms is not None else 200
