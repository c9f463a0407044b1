"""The sandbox's part of the admin port: faults, the clock, the truth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from userstream.errors import InvalidSettings
from userstream.sandbox.bodies import json_response, read_body, read_text
from userstream.sandbox.faults.control import real_ms
from userstream.sandbox.faults.fault import reads
from userstream.server.settings import MAX_CLOCK_SPEED

if TYPE_CHECKING:
    from userstream.sandbox.faults.control import FaultControl
    from userstream.sandbox.faults.plan import Active
    from userstream.sandbox.truth import Truth
    from userstream.server.service import Service

_PAGE = 500
_MAX_ADVANCE_MS = 31_622_400_000  # a leap year


class ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /_sandbox/clock``."""

    speed: float | None = None
    """Seconds that pass in one."""
    advance_ms: int = 0
    """By how much the time jumps forward."""


class SandboxAdmin:
    """Routes below ``/_sandbox``. ``attach`` it to its service before that starts."""

    def __init__(self, faults: FaultControl, truth: Truth) -> None:
        self._faults = faults
        self._truth = truth
        self._service: Service
        self.routes = [
            Route("/_sandbox/faults", self._list),
            Route("/_sandbox/faults", self._set, methods=["POST"]),
            Route("/_sandbox/faults", self._clear, methods=["DELETE"]),
            Route("/_sandbox/faults/{id}", self._clear, methods=["DELETE"]),
            Route("/_sandbox/clock", self._clock),
            Route("/_sandbox/clock", self._change, methods=["POST"]),
            Route("/_sandbox/truth/{account}", self._read),
        ]

    def attach(self, service: Service) -> None:
        """Names the service whose sandbox this is."""
        self._service = service

    async def _list(self, _: Request) -> Response:
        return json_response([_shown(active) for active in self._faults.plan.listed()])

    async def _set(self, request: Request) -> Response:
        return json_response(_shown(await self._faults.set(await read_text(request))), 201)

    async def _clear(self, request: Request) -> Response:
        gone = self._faults.clear(request.path_params.get("id"))
        return json_response([_shown(active) for active in gone])

    async def _clock(self, _: Request) -> Response:
        clock = self._service.clock
        return json_response({"time_ms": clock.ms(), "speed": clock.speed})

    async def _change(self, request: Request) -> Response:
        change = await read_body(request, ClockChange)
        if change.speed is not None and not 0.001 <= change.speed <= MAX_CLOCK_SPEED:
            raise InvalidSettings(
                f"speed is {change.speed}; allowed are 0.001 to {MAX_CLOCK_SPEED}"
            )
        if not 0 <= change.advance_ms <= _MAX_ADVANCE_MS:
            raise InvalidSettings(
                f"advance_ms is {change.advance_ms}; allowed are 0 to {_MAX_ADVANCE_MS}: "
                "time does not go back"
            )
        self._service.clock.change(speed=change.speed, advance_ms=change.advance_ms)
        return await self._clock(request)

    async def _read(self, request: Request) -> Response:
        account = request.path_params["account"]
        known = sorted(record.name for record in self._service.accounts.listed())
        if account not in known:
            raise InvalidSettings(f"there is no account {account[:70]!r}; there are {known}")
        name, venues = request.query_params.get("venue"), self._service.venues
        if name is not None and name not in venues:
            allowed = ", ".join(sorted(venues))
            raise InvalidSettings(f"venue is {name[:70]!r}; allowed are {allowed}")
        venue = None if name is None else venues[name]
        lines = self._truth.lines(account, self._service.bus.epoch, venue)
        return StreamingResponse(_paged(lines), media_type="application/x-ndjson")


async def _paged(lines: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Lines in pieces; between two of them others have their turn."""
    page: list[bytes] = []
    for line in lines:
        page += (line, b"\n")
        if len(page) >= 2 * _PAGE:
            yield b"".join(page)
            page = []
            await asyncio.sleep(0)
    yield b"".join(page)


def _shown(active: Active) -> dict[str, Any]:
    given = msgspec.to_builtins(active.fault)
    said = {name: value for name, value in given.items() if value not in {None, False}}
    return {
        "id": active.id,
        "reads": reads(active.fault),
        "hits": active.hits,
        "spent": active.spent(real_ms()),
        "fault": said,
    }
