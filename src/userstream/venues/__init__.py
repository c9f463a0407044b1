"""The venues that ship with userstream: discovery, nothing else.

A venue is a module here that exports ``Options`` (what an operator may set), ``build(options,
markets)`` and ``VENUE``, the value with the document's own behaviour.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

import msgspec

from userstream.errors import InvalidSettings
from userstream.markets import Markets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from userstream.venue import Venue

DEFAULT = "binance"
"""The venue that stands at the root where nothing else is set."""


def names() -> tuple[str, ...]:
    """The names of all venues, sorted."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name[0] != "_"))


def load(
    name: str, options: Mapping[str, Any] | None = None, markets: Markets | None = None
) -> Venue:
    """The venue of that name, as an operator set it up.

    Raises:
        InvalidSettings: no such venue, or an option it does not have or allow.
    """
    if name not in names():
        raise InvalidSettings(f"unknown venue {name!r}; allowed are {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    try:
        parsed = msgspec.convert(options or {}, module.Options)
    except msgspec.ValidationError as e:
        allowed = ", ".join(module.Options.__struct_fields__)
        raise InvalidSettings(f"venues.{name}: {e}; its options are {allowed}") from None
    venue: Venue = module.build(parsed, markets or Markets())
    return venue
