"""JSON bodies of the sandbox's own admin calls."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from userstream.errors import InvalidSettings

T = TypeVar("T", bound=msgspec.Struct)
_MOST_BYTES = 65_536


async def read_body(request: Request, kind: type[T]) -> T:
    """The body of a request as a value.

    Raises:
        InvalidSettings: it is too long, or not what it must be; the message names the fields.
    """
    try:
        return msgspec.json.decode(await _text(request), type=kind)
    except msgspec.MsgspecError as e:
        allowed = ", ".join(f.name for f in msgspec.structs.fields(kind))
        raise InvalidSettings(f"the body: {e}; its fields are {allowed}") from None


async def read_json(request: Request) -> object:
    """The body of a request, whatever it holds.

    Raises:
        InvalidSettings: it is too long, or no JSON.
    """
    try:
        return msgspec.json.decode(await _text(request))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
        raise InvalidSettings(f"the body is not JSON: {e}") from None


async def _text(request: Request) -> bytes:
    body = await request.body()
    if len(body) > _MOST_BYTES:
        raise InvalidSettings(f"the body is {len(body)} bytes; allowed are {_MOST_BYTES}")
    return body


def json_response(body: object) -> Response:
    """A good answer."""
    return Response(msgspec.json.encode(body), media_type="application/json")
