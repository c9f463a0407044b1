"""A service with everything that makes it a sandbox: faults, a clock to turn, the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from starlette.routing import BaseRoute

from userstream.sandbox.admin import SandboxAdmin
from userstream.sandbox.faults.connection import FaultyConnection
from userstream.sandbox.faults.control import FaultControl
from userstream.sandbox.faults.front import FaultyFront
from userstream.sandbox.market import HOUSE
from userstream.sandbox.truth import Truth
from userstream.server.clock import Clock
from userstream.server.desk import Desk
from userstream.server.parts import Parts
from userstream.server.service import Service
from userstream.server.settings import Settings
from userstream.venue import Venue


class SandboxService(Service):
    """One sandbox. ``seed`` decides what faults with a probability strike.

    ``desk`` answers order calls, and ``routes`` are its own part of the admin port.
    """

    def __init__(
        self,
        settings: Settings,
        venues: Mapping[str, Venue],
        seed: int = 0,
        *,
        desk: Desk | None = None,
        clock: Clock | None = None,
        routes: Sequence[BaseRoute] = (),
    ) -> None:
        self.truth = Truth()
        self.faults = FaultControl(self.truth, seed)
        admin = SandboxAdmin(self.faults, self.truth)
        parts = Parts(
            desk=desk,
            clock=clock,
            admin_routes=[*admin.routes, *routes],
            rest_front=lambda app: FaultyFront(app, self.faults, self),
            connection=lambda edge: FaultyConnection(edge, self.faults),
            lets_in=self.faults.lets_in,
            subscribers=(self.truth.remember,),
            reserved=HOUSE,
        )
        super().__init__(settings, venues, parts)
        self.faults.attach(self)
        admin.attach(self)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.faults.begin()
        return self
