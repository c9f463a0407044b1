"""Plain orders without a general decoder: lines checked and shown as bytes, frames read at once.

A small compiled helper (``_compiled.c``) does all of it. It is optional: where it was not built, or
``USERSTREAM_PURE`` is set, every line and every frame goes the way in Python, to the same end.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from userstream.plain import _compiled

Order: TypeAlias = "_compiled.Order"
"""A plain order's line, with its ``account``, ``source`` and ``n``; and where its fields stand."""
Part: TypeAlias = "bytes | tuple[object, ...]"
"""Of a template, in the order of the frame.

Bytes stand for themselves, ``("published",)`` for the time of publication, ``(kind, field,
otherwise)`` for a field of the order, where the kind is ``text`` (in quotes), ``bare`` (as it is),
``number`` (an id, as ``number_id`` has it), ``number_or_text`` or ``eight`` (an amount with eight
places). ``("choice", field, {value: bytes}, otherwise)`` shows some values in another way, and
``("given", field, then, otherwise)`` asks whether a field is there. ``otherwise`` is a part too;
``None`` means that the frame has to be made in Python.
"""
Show: TypeAlias = "Callable[[Order, int], bytes | None]"
"""A plain order's only frame, published then, as a text message with the header that RFC 6455 §5.2
puts in front of it; ``None``: it has to be made in Python."""
Read: TypeAlias = "Callable[[bytes | str], tuple[int, Any] | None]"
"""A plain frame's time and event; ``None``: it has to be read in Python, or is none."""


def _read_none(line: bytes) -> Order | None:
    """What stands in for the helper: it knows no line."""
    return None


def _template_none(*parts: Part) -> Show | None:
    """What stands in for the helper: it can show nothing."""
    return None


def _reader_none(made: type[Any], *parts: Part) -> Read | None:
    """What stands in for the helper: it knows no frame."""
    return None


read: Callable[[bytes], Order | None] = _read_none
"""The order of a plain line, checked; ``None`` for every line that is not that."""
template: Callable[..., Show | None] = _template_none
"""A dialect's frame of a plain order, made of parts."""
reader: Callable[..., Read | None] = _reader_none
"""Reads frames that are exactly these parts, without a blank, an escape or anything but ASCII.

First the class that is made, then bytes that stand for themselves and ``(shape, field)``: ``word``
(text that is not empty), ``name`` (that, but not "null"), ``text`` (a word, or null), ``amount``
(digits as the schema has them), ``id`` (a number, as text), ``trade`` (that, or ``None`` for -1),
``id_or_word``, ``time`` (a number), ``flag``. The first time is the frame's own; where it is the
first of all it need not be a field of the event. Not kept are ``("any_flag",)`` and
``("nothing",)``: null, or a text that is empty or "null".
"""

EDITION: Final = 1
"""Of what is asked of the helper; it has the same number, or was built from other sources."""

try:
    if not os.environ.get("USERSTREAM_PURE"):
        from userstream.plain import _compiled

        if getattr(_compiled, "EDITION", None) == EDITION:
            read, template, reader = _compiled.read, _compiled.Template, _compiled.Reader
        else:
            warnings.warn(
                f"{_compiled.__file__} was built from other sources than these and is not used;"
                " all works, more slowly. Install userstream again",
                RuntimeWarning,
                stacklevel=2,
            )
except ImportError:
    pass

COMPILED: Final = read is not _read_none
