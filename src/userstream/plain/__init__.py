"""Plain order lines that are never decoded: read and checked as bytes, shown by templates.

Both is done by a small compiled helper (``_compiled.c``). It is optional: where it was not built,
or ``USERSTREAM_PURE`` is set, every line and every frame goes the way in Python, to the same end.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

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


def _read_none(line: bytes) -> Order | None:
    """What stands in for the helper: it knows no line."""
    return None


def _template_none(*parts: Part) -> Show | None:
    """What stands in for the helper: it can show nothing."""
    return None


read: Callable[[bytes], Order | None] = _read_none
"""The order of a plain line, checked; ``None`` for every line that is not that."""
template: Callable[..., Show | None] = _template_none
"""A dialect's frame of a plain order, made of parts."""

try:
    if not os.environ.get("USERSTREAM_PURE"):
        from userstream.plain import _compiled

        read, template = _compiled.read, _compiled.Template
except ImportError:
    pass

COMPILED: Final = read is not _read_none
