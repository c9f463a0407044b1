"""JSON frames both ways: what the three venues with JSON pushes share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from userstream.errors import InvalidEvent, MalformedFrame
from userstream.events import (
    AccountSnapshot,
    AccountUpdate,
    Balance,
    Event,
    ListenKeyExpired,
    UnknownEvent,
)
from userstream.plain import Part, Read
from userstream.schema import check_amounts
from userstream.venue import Frame, Received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Form: TypeAlias = "Callable[[str | None], str]"
"""How a venue writes an amount."""

encode_json = msgspec.json.Encoder().encode

SHOWN_STATUS = {"PARTIALLY_CANCELED": "CANCELED"}
"""Statuses that these venues do not have, and what they show instead."""

# Parts of templates that these venues have in common.
ZERO = b'"0.00000000"'
STATUS: Part = (
    "choice",
    "status",
    {b"PARTIALLY_CANCELED": b'"CANCELED"'},
    ("text", "status", None),
)
COMMISSION: Part = ("choice", "commission", {b"0": b'"0"'}, ("eight", "commission", b'"0"'))
_ON_BOOK = {b"NEW": b"true", b"PARTIALLY_FILLED": b"true"}
WORKING: Part = ("bare", "working", ("choice", "status", _ON_BOOK, b"false"))
CREATED: Part = ("bare", "created_ms", ("bare", "time_ms", None))
SPENT: Part = ("eight", "cumulative_quote", ZERO)


class Asset(msgspec.Struct, gc=False):
    """One entry of ``B``."""

    a: str
    f: str
    l: str  # noqa: E741


class Position(msgspec.Struct, gc=False):
    """``outboundAccountPosition`` (Binance since August 2019; SpaceDEX)."""

    e: str
    E: int
    u: int
    B: list[Asset]


class Expired(msgspec.Struct, gc=False):
    """``listenKeyExpired``; ``E`` is text on some venues."""

    E: int | str | None = None


def assets(balances: Iterable[Balance], form: Form) -> list[Asset]:
    """``B`` of these balances, each amount in the venue's form."""
    return [Asset(b.asset, form(b.free), form(b.locked)) for b in balances]


def balances(entries: Iterable[Asset]) -> tuple[Balance, ...]:
    """The balances of a ``B``."""
    return tuple(Balance(asset=x.a, free=x.f, locked=x.l) for x in entries)


def position(event: AccountUpdate | AccountSnapshot, time_ms: int, form: Form) -> Frame:
    """The ``outboundAccountPosition`` frame of the assets that an event lists."""
    return Frame(
        encode_json(
            Position(
                "outboundAccountPosition", time_ms, event.time_ms, assets(event.balances, form)
            )
        )
    )


def read_position(frame: Position) -> Received:
    """The changed assets of an ``outboundAccountPosition``."""
    return Received(AccountUpdate(time_ms=frame.u, balances=balances(frame.B)), frame.E)


def read_expired(frame: Expired) -> Received:
    """The end of a listen key, with its time where the venue gives one."""
    text = str(frame.E)
    time_ms = int(text) if text.isascii() and text.isdigit() and len(text) < 17 else None
    return Received(ListenKeyExpired(time_ms=time_ms), time_ms)


class _Kind(msgspec.Struct, gc=False):
    e: str


_kind = msgspec.json.Decoder(_Kind).decode
_raw = msgspec.json.Decoder(msgspec.Raw).decode
_FIRST = b'{"e":"'


def _kind_of(data: bytes) -> str:
    """The ``e`` of a frame: venues have it first; else it is looked for."""
    if data.startswith(_FIRST):
        kind = data[len(_FIRST) : data.find(b'"', len(_FIRST))]
        if b"\\" not in kind:
            return kind.decode()
    return _kind(data).e


class Reader:
    """Decodes one JSON object by its ``e``; an ``e`` that is not in the table is kept raw.

    ``plain``: readers of the compiled helper for the frames that come most, tried first, and of
    these first the one that knew the last frame.
    """

    def __init__(self, table: Mapping[str, tuple[type[Any], Any]], *plain: Read | None) -> None:
        self._plain = tuple(read for read in plain if read is not None)
        self._table = {
            kind: (msgspec.json.Decoder(frame, strict=False).decode, read)
            for kind, (frame, read) in table.items()
        }

    def plain(self, frame: bytes | str) -> tuple[Received] | None:
        """The event of a frame that is plain to the compiled helper; ``None`` for any other."""
        for read in self._plain:
            found = read(frame)
            if found is not None:
                if read is not self._plain[0]:
                    self._plain = (read, *(other for other in self._plain if other is not read))
                return (Received(found[1], found[0]),)
        return None

    def __call__(self, frame: bytes | str) -> tuple[Received, ...]:
        """The event of a frame.

        Raises:
            MalformedFrame: not JSON, no ``e``, a field missing or of the wrong type.
        """
        found = self.plain(frame)
        if found is not None:
            return found
        data = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
        try:
            kind = _kind_of(data)
            known = self._table.get(kind)
            if known is None:
                _raw(data)
                return (Received(UnknownEvent(kind=kind, frame=bytes(data))),)
            decode, read = known
            received: Received = read(decode(data))
            if isinstance(received.event, Event):
                check_amounts(received.event)
        except (msgspec.MsgspecError, InvalidEvent, UnicodeDecodeError, RecursionError) as e:
            raise MalformedFrame(f"not a frame of this venue: {e}") from None
        return (received,)
