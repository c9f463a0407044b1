"""Settings of a server: a TOML file, the environment, arguments; the later wins."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from userstream.core.limits import Limits
from userstream.errors import InvalidSettings
from userstream.markets import Markets, Symbol
from userstream.server.nats.address import NatsSettings, read_address, shown

MAX_CLOCK_SPEED = 100_000
_PREFIX = "USERSTREAM_"
ROLES = ("rest", "stream", "writer")
_KEYS = "file:DIR, memory: and nats:FILE"


class SymbolSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One trading pair."""

    base: str
    quote: str
    tick: str = "0.00000001"
    lot: str = "0.00000001"
    min_quantity: str = ""
    """Least quantity of an order, as the venues describe themselves; empty: the lot."""
    max_quantity: str = "10000000"
    """Largest quantity of an order."""
    min_price: str = ""
    """Least price of an order; empty: the tick."""
    max_price: str = "10000000"
    """Largest price of an order."""
    min_notional: str = "0"
    """Least price times quantity of an order."""
    max_notional: str = "100000000000000"
    """Largest price times quantity of an order; only MEXC shows one."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an operator may say. Addresses are ``HOST:PORT``; port 0 takes a free one."""

    rest: str = "127.0.0.1:8080"
    """Where listen keys are made."""
    stream: str = "127.0.0.1:9443"
    """Where bots open their streams."""
    admin: str = "127.0.0.1:8081"
    """Where events are published; never public."""
    admin_token: str = ""
    admin_token_file: str = ""
    """A file with the admin token on its first line, instead of ``admin_token``."""
    bus: str = "file:userstream-data"
    """``file:DIR``, ``memory:``, or ``nats://[USER:PASSWORD@]HOST[:PORT][,HOST…]`` (``tls://…``)."""
    roles: tuple[str, ...] = ("rest", "stream", "writer")
    """What this process does, on a NATS: ``rest`` opens the REST port, ``stream`` the stream port,
    ``writer`` takes its part of the shards. Every process has the admin port."""
    keys: str = "file:userstream-data"
    """Where listen keys and accounts lie when the bus is a NATS: ``file:DIR``, ``memory:``, or,
    shared by all processes on that NATS, ``nats:FILE``: a key secret that all of them have."""
    nats: NatsSettings = NatsSettings()
    """More of the NATS: a table below."""
    durability: Literal["process-kill", "power-cut"] = "power-cut"
    """What an acknowledged event survives in a folder."""
    venue: str = ""
    """The venue that is also at the root of both public ports; empty: none is."""
    hosts: dict[str, str] = {}
    """Host names and the venues that answer to them."""
    venues: dict[str, dict[str, Any]] = {}
    """Options of single venues."""
    symbols: dict[str, SymbolSettings] = {}
    coin_ids: dict[str, str] = {}
    tls_cert: str = ""
    tls_key: str = ""
    replay_on_reconnect: bool = False
    """Whether a stock bot that reconnects on its listen key gets again what its pongs did not
    prove that it read. It may get events twice, which no venue's protocol does."""
    lenient_ws: bool = False
    """Whether a stream on an unknown listen key is accepted and stays silent."""
    drain_wait_s: float = 0.0
    """Between "not ready" and the first stream that a graceful stop ends: balancers notice."""
    log: Literal["json", "text"] = "json"
    clock_speed: float = 1.0
    """Sandbox only: how many seconds pass in one."""
    limits: Limits = Limits()


class Address(NamedTuple):
    """Where a listener listens."""

    host: str
    port: int


def load_settings(
    file: Path | None, environment: Mapping[str, str], arguments: Mapping[str, Any]
) -> Settings:
    """The settings of a process; an argument that is ``None`` was not given.

    Raises:
        InvalidSettings: the file cannot be read, or a value is not allowed; the message names it.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values |= _from_file(file)
    values |= _from_environment(environment)
    values |= {k: v for k, v in arguments.items() if v is not None}
    if isinstance(values.get("roles"), str):
        values["roles"] = [role.strip() for role in values["roles"].split(",")]
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as e:
        allowed = ", ".join(Settings.__struct_fields__)
        raise InvalidSettings(f"settings: {e}; allowed are {allowed}") from None
    for name in ("rest", "stream", "admin"):
        address_of(name, getattr(settings, name))
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise InvalidSettings("tls_cert and tls_key go together")
    folder_of(settings)
    if on_nats(settings):
        read_address(settings.bus, settings.nats)
    if not 0 < settings.clock_speed <= MAX_CLOCK_SPEED:
        raise InvalidSettings(
            f"clock_speed is {settings.clock_speed}; allowed is above 0, up to {MAX_CLOCK_SPEED}"
        )
    if not 0 <= settings.drain_wait_s < math.inf:
        raise InvalidSettings(f"drain_wait_s is {settings.drain_wait_s}; allowed is 0 or more")
    _check_roles(settings)
    _check_limits(settings.limits)
    return settings


def _check_roles(settings: Settings) -> None:
    given, allowed = settings.roles, ", ".join(ROLES)
    for role in given or ("",):
        if role not in ROLES:
            raise InvalidSettings(f"roles has {role!r}; allowed are one or more of {allowed}")
    if len(set(given)) != len(given):
        raise InvalidSettings("roles names one of them twice")
    if len(given) == len(ROLES):
        return
    if not on_nats(settings):
        raise InvalidSettings(
            f"roles is {', '.join(given)}; without a NATS one process does everything: {allowed}"
        )
    if not {"rest", "stream"} <= set(given) and key_secret_file(settings) is None:
        raise InvalidSettings(
            "roles leaves rest or stream to other processes, so keys must be shared with them: "
            f"keys is {settings.keys!r}; allowed is nats:FILE"
        )


def _check_limits(limits: Limits) -> None:
    for name in Limits.__struct_fields__:
        value = getattr(limits, name)
        if not 0 < value < math.inf:
            raise InvalidSettings(f"limits.{name} is {value}; a limit is above zero")


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise InvalidSettings(f"settings file {file} does not exist") from None
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidSettings(f"settings file {file} cannot be read: {e}") from None
    except tomllib.TOMLDecodeError as e:
        raise InvalidSettings(f"settings file {file} is not TOML: {e}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """``USERSTREAM_REST`` and so on, for every setting that is not a table."""
    tables = {"hosts", "venues", "symbols", "coin_ids", "limits", "nats"}
    return {
        name: environment[_PREFIX + name.upper()]
        for name in Settings.__struct_fields__
        if name not in tables and _PREFIX + name.upper() in environment
    }


def address_of(name: str, text: str) -> Address:
    """``HOST:PORT`` in parts; IPv6 hosts stand in brackets.

    Raises:
        InvalidSettings: it is not that.
    """
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65_536):
        raise InvalidSettings(f"{name} is {text!r}; allowed is HOST:PORT, such as 127.0.0.1:8080")
    return Address(host.strip("[]"), int(port))


def on_nats(settings: Settings) -> bool:
    """Whether events lie on a NATS."""
    return settings.bus.startswith(("nats://", "tls://"))


def key_secret_file(settings: Settings) -> Path | None:
    """The file with the key secret of keys that lie on a NATS; ``None`` where they do not."""
    kind, _, path = settings.keys.partition(":")
    return Path(path) if on_nats(settings) and kind == "nats" and path else None


def folder_of(settings: Settings) -> Path | None:
    """The data folder, ``None`` for memory.

    Raises:
        InvalidSettings: the settings name neither.
    """
    if on_nats(settings):
        shared = key_secret_file(settings) is not None
        return None if shared else _folder("keys", settings.keys, _KEYS)
    return _folder("bus", settings.bus, "file:DIR, memory:, nats://HOST and tls://HOST")


def _folder(name: str, text: str, allowed: str) -> Path | None:
    if text == "memory:":
        return None
    kind, _, path = text.partition(":")
    if kind == "file" and path:
        return Path(path)
    raise InvalidSettings(f"{name} is {shown(text)!r}; allowed are {allowed}")


def markets_of(settings: Settings) -> Markets:
    """The symbols and coin ids of the settings."""
    symbols = {
        name: Symbol(name=name, **msgspec.structs.asdict(s)) for name, s in settings.symbols.items()
    }
    return Markets(symbols=symbols, coin_ids=dict(settings.coin_ids))


def admin_token_of(settings: Settings) -> str:
    """The admin token, from the settings or its file.

    Raises:
        InvalidSettings: there is none, or the file cannot be read.
    """
    token = settings.admin_token
    if settings.admin_token_file:
        try:
            token = Path(settings.admin_token_file).read_text("utf-8").partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as e:
            raise InvalidSettings(f"admin_token_file cannot be read: {e}") from None
    if not (token.isascii() and token.isprintable()):
        raise InvalidSettings("the admin token has characters other than printable ASCII")
    if not token:
        raise InvalidSettings(
            "an admin token is needed: set USERSTREAM_ADMIN_TOKEN, or admin_token_file"
        )
    return token
