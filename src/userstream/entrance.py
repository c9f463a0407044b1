"""The client as programs import it: venues go by their names here, above client and venues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userstream.client import userstream
from userstream.venues import load

if TYPE_CHECKING:
    from userstream.venue import Venue


class UserStream(userstream.UserStream):  # noqa: D101 - its own, below
    __doc__ = userstream.UserStream.__doc__

    @staticmethod
    def _named(name: str) -> Venue:
        return load(name)
