"""The venues that ship with userstream: discovery, nothing else.

A venue is a module here that exports ``Options`` (what an operator may set), ``build(options,
markets)`` and ``VENUE``, the value with the document's own behaviour. Its submodule ``orders``
exports ``OrderOptions`` and ``build_orders(options, markets)``: the order endpoints.
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
    from types import ModuleType

    from userstream.trading import TradingDialect
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

    What stands under ``orders`` is for ``load_orders``.

    Raises:
        InvalidSettings: no such venue, or an option it does not have or allow.
    """
    module = _module(name)
    own = {k: v for k, v in (options or {}).items() if k != "orders"}
    venue: Venue = module.build(_parsed(name, own, module.Options), markets or Markets())
    return venue


def load_all(options: Mapping[str, Mapping[str, Any]], markets: Markets) -> dict[str, Venue]:
    """Every venue, by name, as an operator set them up.

    Raises:
        InvalidSettings: options of a venue that there is not, or as ``load``.
    """
    for name in options:
        _module(name)  # a misspelt venue is an error, not nothing
    return {name: load(name, options.get(name), markets) for name in names()}


def load_orders(
    name: str, options: Mapping[str, Any] | None = None, markets: Markets | None = None
) -> TradingDialect:
    """The order endpoints of that venue, as an operator set them up.

    Raises:
        InvalidSettings: no such venue, or an option they do not have or allow.
    """
    _module(name)
    module = importlib.import_module(f"{__name__}.{name}.orders")
    parsed = _parsed(f"{name}.orders", options, module.OrderOptions)
    dialect: TradingDialect = module.build_orders(parsed, markets or Markets())
    return dialect


def _module(name: str) -> ModuleType:
    if name not in names():
        raise InvalidSettings(f"unknown venue {name!r}; allowed are {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")


def _parsed(name: str, given: Mapping[str, Any] | None, kind: Any) -> Any:  # noqa: ANN401
    try:
        return msgspec.convert(given or {}, kind)
    except msgspec.ValidationError as e:
        allowed = ", ".join(kind.__struct_fields__)
        raise InvalidSettings(f"venues.{name}: {e}; its options are {allowed}") from None
