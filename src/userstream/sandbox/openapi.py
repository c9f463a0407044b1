"""The order endpoints of a venue as an OpenAPI document, made from the dialect itself."""

from __future__ import annotations

from typing import Any

from userstream.trading import Endpoint, Kind, Param, TradingDialect
from userstream.trading.arguments import SIGNING
from userstream.venue import Venue
from userstream.version import VERSION

_REFUSED = {
    "description": "Refused, in the venue's own words.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
}
_DONE = {"description": "Done.", "content": {"application/json": {"schema": {}}}}
_STATUSES = ("400", "401", "403", "404", "405", "413", "418", "429")


def openapi(venue: Venue, dialect: TradingDialect, url: str) -> dict[str, Any]:
    """An OpenAPI 3.1 document of every call that the dialect has. ``url`` is the venue's root."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in dialect.endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{venue.name}: order endpoints of the userstream sandbox",
            "description": f"After: {dialect.document}.",
            "version": VERSION,
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": {
                "Refusal": {
                    "type": "object",
                    "required": ["code", "msg"],
                    "properties": {"code": {"type": "integer"}, "msg": {"type": "string"}},
                }
            },
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": dialect.auth.header}
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    signed = endpoint.serve is not None
    names = sorted(SIGNING) if signed else []
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method} {endpoint.path}",
        "parameters": [
            *(_parameter(param) for param in endpoint.params),
            *(_signing(name) for name in names),
        ],
        "responses": {"200": _DONE} | dict.fromkeys(_STATUSES, _REFUSED),
    }
    return operation | {"security": [{"apiKey": []}]} if signed else operation


def _parameter(param: Param) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if param.words:
        schema["enum"] = list(param.words)
    elif param.kind is not Kind.TEXT:
        schema["pattern"] = param.kind.value
    return {"name": param.name, "in": "query", "required": param.required, "schema": schema}


def _signing(name: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}
    if name != "signature":
        schema = {"type": "string", "pattern": "^[0-9]{1,20}$"}
    return {"name": name, "in": "query", "required": name != "recvWindow", "schema": schema}
