"""Options: what a program says of its stream, checked."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from userstream.client.socket import check_url
from userstream.core.client.bounds import Bounds
from userstream.core.client.requests import Access
from userstream.errors import InvalidSettings

if TYPE_CHECKING:
    from userstream.client.http import Http
    from userstream.client.socket import Connect
    from userstream.core.client.told import Told
    from userstream.venue import Venue

Kinds: TypeAlias = "type[Told] | tuple[type[Told], ...] | None"
"""Which events a program wants; ``None``: all."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """See ``UserStream``. Shows no secret."""

    key: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    rest_url: str
    stream_url: str
    symbols: tuple[str, ...] = ()
    extension: bool = False
    heartbeat_s: int = 10
    redundancy: Literal[1, 2] = 1
    cursor: str | Path | None = None
    acknowledge: Literal["auto", "manual"] = "auto"
    queue: int = 10_000
    on_full: Literal["block", "spill"] = "block"
    spill_bytes: int = 1 << 30
    hold_ms: int = 0
    reconcile_s: int | None = 600
    states: bool = False
    events: Kinds = None
    delete_key: bool | None = None
    verify: ssl.SSLContext | str | bool = True
    bounds: Bounds | None = None
    http: Http | None = field(default=None, repr=False)
    connect: Connect | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.key or not self.key.isascii() or not self.key.isprintable():
            raise InvalidSettings("key must be an API key")
        for name, allowed in (
            ("redundancy", (1, 2)),
            ("acknowledge", ("auto", "manual")),
            ("on_full", ("block", "spill")),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise InvalidSettings(f"{name} is {value!r}; allowed are {allowed}")
        for name, least, most in (
            ("heartbeat_s", 1, 60),
            ("queue", 1, 10_000_000),
            ("hold_ms", 0, 60_000),
        ):
            if not least <= getattr(self, name) <= most:
                raise InvalidSettings(f"{name} is {getattr(self, name)}; from {least} to {most}")
        every_s = self.reconcile_s
        if every_s is not None and not 10 <= every_s <= 86_400:
            raise InvalidSettings(f"reconcile_s is {every_s}; from 10 to 86400, or None: never")

    @property
    def access(self) -> Access:
        """Key and secret for the core."""
        return Access(self.key, self.secret)

    @property
    def tls(self) -> ssl.SSLContext:
        """Whom to trust. Takes some 20 ms to make.

        Raises:
            InvalidSettings: the file of authorities is none.
        """
        if isinstance(self.verify, ssl.SSLContext):
            return self.verify
        file = self.verify if isinstance(self.verify, str) else None
        try:
            context = ssl.create_default_context(cafile=file)
        except OSError as e:
            raise InvalidSettings(f"verify: {file!r} is no file of authorities: {e}") from None
        if self.verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def base_urls(venue: Venue, rest_url: str | None, stream_url: str | None) -> tuple[str, str]:
    """The URLs of a venue, as given or else as its document has them.

    Raises:
        InvalidSettings: one is wrong, or there is none.
    """
    rest, stream = rest_url or venue.rest_url, stream_url or venue.stream_url
    if rest is None or stream is None:
        raise InvalidSettings(f"{venue.name} is run by many: give rest_url and stream_url")
    return check_url(rest, ("http", "https")), check_url(stream, ("ws", "wss"))
