"""What the admin port says of the desk: its manners, and its calls as OpenAPI documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from userstream.errors import InvalidSettings
from userstream.sandbox.bodies import json_response, read_body
from userstream.sandbox.desk import Desk, Manners
from userstream.sandbox.openapi import openapi
from userstream.trading import TradingDialect
from userstream.venue import Venue


class DeskRoutes:
    """``/_sandbox/desk`` and ``/_sandbox/openapi/<venue>``."""

    def __init__(
        self,
        desk: Desk,
        venues: Mapping[str, Venue],
        dialects: Mapping[str, TradingDialect],
        rest_url: Callable[[], str],
    ) -> None:
        self._desk = desk
        self._venues = venues
        self._dialects = dialects
        self._rest_url = rest_url
        self.routes = [
            Route("/_sandbox/desk", self._show),
            Route("/_sandbox/desk", self._set, methods=["POST"]),
            Route("/_sandbox/openapi/{venue}", self._openapi),
        ]

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
