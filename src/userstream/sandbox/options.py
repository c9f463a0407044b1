"""What a sandbox is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from userstream.errors import InvalidSettings
from userstream.server.settings import Settings, load_settings
from userstream.venues import DEFAULT


class SandboxOptions(NamedTuple):
    """The arguments of ``userstream sandbox run``."""

    rest: str = "127.0.0.1:8080"
    stream: str = "127.0.0.1:9443"
    admin: str = "127.0.0.1:8081"
    admin_token: str = "sandbox"  # noqa: S105 - a sandbox has no secrets
    venue: str = DEFAULT
    data: str = ""
    config: Path | None = None
    accounts: tuple[str, ...] = ()
    seed: int = 1
    maker: bool = True
    """Whether a market maker trades against everybody."""
    clock_speed: float = 1.0
    as_json: bool = False

    def settings(self) -> Settings:
        """The settings of its server.

        Raises:
            InvalidSettings: one is not allowed; the message names it.
        """
        arguments = {
            "rest": self.rest,
            "stream": self.stream,
            "admin": self.admin,
            "admin_token": self.admin_token,
            "venue": self.venue,
            "bus": f"file:{self.data}" if self.data else "memory:",
            "clock_speed": self.clock_speed,
        }
        return load_settings(self.config, {}, arguments)


class Trader(NamedTuple):
    """One account of the sandbox, with the API key that works in every venue."""

    name: str
    api_key: str
    api_secret: str


_DEFAULT = (
    Trader("alice", "alicekey", "alicesecret"),
    Trader("bob", "bobkey", "bobsecret"),
)


def traders_of(accounts: tuple[str, ...]) -> tuple[Trader, ...]:
    """The accounts of ``--account`` arguments, or the default two.

    Raises:
        InvalidSettings: one is not NAME:API_KEY:API_SECRET.
    """
    traders = []
    for text in accounts:
        parts = text.split(":")
        if len(parts) != 3 or not all(parts):
            raise InvalidSettings(f"--account is {text!r}; allowed is NAME:API_KEY:API_SECRET")
        traders.append(Trader(*parts))
    return tuple(traders) or _DEFAULT
