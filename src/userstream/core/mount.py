"""Where venues are found on a port: by path prefix, by host name, and one at the root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from userstream.venue import Venue


@dataclass(frozen=True, slots=True)
class Mounts:
    """The venues of one listener. ``hosts`` maps host names without port to venues."""

    venues: Mapping[str, Venue]
    root: Venue | None = None
    hosts: Mapping[str, Venue] | None = None

    def find(self, host: str, path: str) -> tuple[Venue, str] | None:
        """The venue of a request and its path as that venue's document has it.

        A host name that is mounted wins, then a path prefix, then the root.
        """
        before, colon, port = host.rpartition(":")
        name = before if colon and (not port or port.isdigit()) else host
        name = name.lower().rstrip(".")
        by_host = (self.hosts or {}).get(name)
        if by_host is None and name.endswith(".localhost"):
            by_host = self.venues.get(name.removesuffix(".localhost"))
        if by_host is not None:
            return by_host, path
        first, slash, rest = path[1:].partition("/")
        by_prefix = self.venues.get(first) if path.startswith("/") else None
        if by_prefix is not None:
            return by_prefix, slash + rest if slash else "/"
        return (self.root, path) if self.root else None
