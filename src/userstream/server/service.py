"""The whole server: what is wired to what, in which order it starts, and how it stops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from starlette.types import ASGIApp

from userstream.core.mount import Mounts
from userstream.core.rest import RestGate
from userstream.core.tokens import ENTROPY_BYTES
from userstream.errors import InvalidSettings
from userstream.plain import COMPILED
from userstream.server.admin import AdminApp, too_long
from userstream.server.admission import Admission, everybody
from userstream.server.backup import Backups
from userstream.server.bus import Bus
from userstream.server.clock import Clock
from userstream.server.committer import Committer
from userstream.server.edge import Edge
from userstream.server.folder import Folder, key_secret, open_folder
from userstream.server.http import HttpListener, Refuse
from userstream.server.kept import Kept, kept_in
from userstream.server.localbus import LocalBus
from userstream.server.logs import logger
from userstream.server.metrics import Metrics
from userstream.server.nats.address import read_address, shown
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.link import Link
from userstream.server.nats.shared import Shared
from userstream.server.parts import Parts
from userstream.server.ports import bound, tls_of, url_of
from userstream.server.probe import Probe, probe_account
from userstream.server.readiness import Readiness
from userstream.server.rest import RestApp
from userstream.server.settings import (
    Settings,
    admin_token_of,
    folder_of,
    key_secret_file,
    on_nats,
)
from userstream.signals import Stopped
from userstream.venue import Venue

_log = logger("service")
_OPEN_S = 10.0


class Service:
    """One server process. ``async with`` starts it and stops it gracefully.

    Raises:
        InvalidSettings: on entry, where a port is taken or a file cannot be used.
        StoreError: on entry, where the data folder cannot be used.
    """

    def __init__(
        self, settings: Settings, venues: Mapping[str, Venue], parts: Parts | None = None
    ) -> None:
        self.settings = settings
        self.venues = venues
        self.mounts = _mounts(settings, venues)
        self._parts = parts or Parts()
        self._token = admin_token_of(settings)
        self.clock = self._parts.clock or Clock(settings.clock_speed)
        self.metrics = Metrics()
        self.urls: dict[str, str] = {}
        """Of the listeners that this process's roles have, with the ports that they got."""
        self._listeners: list[HttpListener] = []
        self._shared: Shared | None = None
        self._exits = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as exits:
            await self._start(exits)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.readiness.drain()
        await asyncio.gather(self.bus.retire(), asyncio.sleep(self.settings.drain_wait_s))
        await self._exits.aclose()
        _log.info("stopped")

    async def run(self, stopped: Stopped) -> None:
        """Serves until ``stopped`` returns; the process is this server's from here on."""
        # What is here now stays: collections need not look at it, and need not come so often.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 50)
        # A thread that writes groups or reads pages waits that long for the interpreter, and anew
        # each time that the loop lets go of it for a system call and takes it back: an interval
        # that is longer than the loop's turns can starve the store for a second.
        sys.setswitchinterval(0.0001)
        await stopped()

    async def _start(self, exits: contextlib.AsyncExitStack) -> None:
        settings, limits, clock = self.settings, self.settings.limits, self.clock
        parts = self._parts
        tls = tls_of(settings)
        sockets = bound(exits, settings)
        folder = open_folder(folder_of(settings), synced=settings.durability == "power-cut")
        exits.callback(folder.close)
        committer = Committer(folder.store)
        exits.push_async_callback(committer.close)
        self.keys, self.accounts = await self._keep(exits, folder, committer)
        self.bus = await self._open_bus(folder, committer, sockets["admin"])
        exits.push_async_callback(self.bus.close)
        lets_in = everybody if settings.lenient_ws else parts.lets_in
        admission = Admission(self.mounts, self.keys, clock, limits, lets_in, self.metrics)
        self.edge = self._edge_of(admission)
        for deliver in (*parts.subscribers, self.edge.deliver):
            self.bus.subscribe(deliver)
        self.bus.on_gap(self.edge.lost)
        gates = {v.name: RestGate(v, limits) for v in self.venues.values()}
        if self._shared is not None:
            limiters = {name: gate.limiter for name, gate in gates.items()} | admission.limiters()
            await exits.enter_async_context(self._shared.rates(limiters))
        rest = self._rest_app(gates)
        self.readiness = self._readiness_of(sockets["admin"])
        exits.push_async_callback(self.readiness.close)
        self._admin = self._admin_app(
            Backups(folder_of(settings), folder.store, committer, on_nats=on_nats(settings))
        )
        exits.push_async_callback(self._stop_listeners)
        if "rest" in sockets:
            front = parts.rest_front(rest)
            await self._listen(front, sockets["rest"], rest.too_long, whole_request=True)
        await self._listen(self._admin.app, sockets["admin"], too_long, whole_request=False)
        if "stream" in sockets:
            await self.edge.start(sockets["stream"], tls)
            exits.push_async_callback(self.edge.stop)
        self._ready(sockets, secure=tls is not None)

    async def _keep(
        self, exits: contextlib.AsyncExitStack, folder: Folder, committer: Committer
    ) -> Kept:
        settings, parts, clock = self.settings, self._parts, self.clock
        policies = {v.name: v.keys for v in self.venues.values()}
        file = key_secret_file(settings)
        if file is None:
            return exits.enter_context(kept_in(folder, committer, policies, clock, parts.reserved))
        secret = _shared_secret(file)
        link = Link(read_address(settings.bus, settings.nats))
        await link.open(_OPEN_S)
        exits.push_async_callback(link.close)
        self._shared = Shared(link, settings.nats, secret, policies, clock, reserved=parts.reserved)
        return await exits.enter_async_context(self._shared)

    async def _open_bus(self, folder: Folder, committer: Committer, admin: socket.socket) -> Bus:
        settings, limits = self.settings, self.settings.limits
        if not on_nats(settings):
            bus = LocalBus(folder.store, committer, folder.run.epoch, self.clock, limits)
            bus.start()
            return bus
        # Whoever comes after this process at its place need not wait until its lease is over.
        owner = _place(admin)
        address = read_address(settings.bus, settings.nats)
        entropy = secrets.token_bytes(ENTROPY_BYTES)
        return await NatsBus.open(
            address, settings.nats, owner, self.clock, limits, entropy,
            writes="writer" in settings.roles,
        )  # fmt: skip

    def _readiness_of(self, admin: socket.socket) -> Readiness:
        probe = None
        if on_nats(self.settings):
            probe = Probe(self.bus, probe_account(_place(admin)), self.clock, self.metrics)
        shared = self._shared
        down = (lambda: False) if shared is None else (lambda: shared.register.down)
        return Readiness(self.bus, probe, down, self.settings.roles)

    async def _listen(
        self, app: ASGIApp, sock: socket.socket, refuse: Refuse, *, whole_request: bool
    ) -> None:
        settings = self.settings
        tls = (settings.tls_cert, settings.tls_key) if settings.tls_cert else None
        listener = HttpListener(app, settings.limits, refuse, tls=tls, whole_request=whole_request)
        await listener.start(sock)
        self._listeners.append(listener)

    async def _stop_listeners(self) -> None:
        await asyncio.gather(*(listener.stop() for listener in self._listeners))

    def _ready(self, sockets: Mapping[str, socket.socket], *, secure: bool) -> None:
        for name, sock in sockets.items():
            self.urls[name] = url_of(name, sock, secure=secure)
        self.readiness.begin()
        _log.info(
            "serving",
            roles=",".join(self.settings.roles),
            epoch=self.bus.epoch,
            bus=shown(self.settings.bus),
            ack_survives=self.bus.survives.value,
            compiled=COMPILED,
            **self.urls,
        )

    def _edge_of(self, admission: Admission) -> Edge:
        return Edge(
            admission,
            self.keys,
            self.clock,
            self.settings.limits,
            self.metrics,
            self.bus,
            self._parts.connection,
            repeats=self.settings.replay_on_reconnect,
        )

    def _rest_app(self, gates: Mapping[str, RestGate]) -> RestApp:
        return RestApp(
            self.mounts,
            gates,
            self.keys,
            self._parts.verifier or self.accounts,
            self.clock,
            self.settings.limits,
            self.metrics,
            self._parts.desk,
        )

    def _admin_app(self, backups: Backups) -> AdminApp:
        return AdminApp(
            self.bus,
            self.accounts,
            self.keys,
            self.metrics,
            self.settings.limits,
            self._token,
            backups,
            self._parts.admin_routes,
            readiness=self.readiness,
        )


def _place(admin: socket.socket) -> str:
    """What names this process among others, also after a restart. Hosts may share a name."""
    return "{}:{}:{}".format(socket.gethostname(), *admin.getsockname()[:2])


def _shared_secret(file: Path) -> bytes:
    if not file.exists():
        raise InvalidSettings(
            f"keys names {file}, which does not exist; make it once, with openssl rand -hex 32 "
            "and mode 0600, and copy it to every node"
        )
    return key_secret(file, fresh=False)


def _mounts(settings: Settings, venues: Mapping[str, Venue]) -> Mounts:
    allowed = ", ".join(sorted(venues))
    for what, name in (("venue", settings.venue), *settings.hosts.items()):
        if name and name not in venues:
            raise InvalidSettings(f"{what} is {name!r}; allowed are {allowed}")
    hosts = {host.lower(): venues[name] for host, name in settings.hosts.items()}
    return Mounts(venues, venues.get(settings.venue), hosts)
