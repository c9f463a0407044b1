"""What the admin port does with desk and market: manners, commands, OpenAPI documents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from userstream.errors import BadCommand, InvalidSettings
from userstream.sandbox.bodies import json_response, read_body, read_json
from userstream.sandbox.desk import Desk, Manners
from userstream.sandbox.floor import Floor
from userstream.sandbox.market import command_of
from userstream.sandbox.openapi import openapi
from userstream.trading import TradingDialect
from userstream.venue import Venue


class DeskRoutes:
    """``/_sandbox/desk``, ``/_sandbox/market`` and ``/_sandbox/openapi/<venue>``."""

    def __init__(
        self,
        floor: Floor,
        desk: Desk,
        venues: Mapping[str, Venue],
        dialects: Mapping[str, TradingDialect],
        rest_url: Callable[[], str],
    ) -> None:
        self._floor = floor
        self._desk = desk
        self._venues = venues
        self._dialects = dialects
        self._rest_url = rest_url
        self.routes = [
            Route("/_sandbox/desk", self._show),
            Route("/_sandbox/desk", self._set, methods=["POST"]),
            Route("/_sandbox/openapi/{venue}", self._openapi),
            Route("/_sandbox/market", self._prices),
            Route("/_sandbox/market", self._command, methods=["POST"]),
        ]

    async def _prices(self, _: Request) -> Response:
        return json_response(self._floor.prices())

    async def _command(self, request: Request) -> Response:
        try:
            done, published = self._floor.run(command_of(await read_json(request)))
        except BadCommand as e:
            raise InvalidSettings(str(e)) from None
        await asyncio.shield(published)
        return json_response({"filled": [one._asdict() for one in done.filled]})

    async def _show(self, _: Request) -> Response:
        return json_response(self._desk.manners)

    async def _set(self, request: Request) -> Response:
        self._desk.manners = await read_body(request, Manners)
        return json_response(self._desk.manners)

    async def _openapi(self, request: Request) -> Response:
        name = request.path_params["venue"]
        if name not in self._venues:
            raise InvalidSettings(
                f"unknown venue {name[:40]!r}; allowed are {', '.join(self._venues)}"
            )
        url = f"{self._rest_url()}/{name}"
        return json_response(openapi(self._venues[name], self._dialects[name], url))
