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
        return msgspec.json.decode(await read_text(request), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
        allowed = ", ".join(f.name for f in msgspec.structs.fields(kind))
        raise InvalidSettings(f"the body: {e}; its fields are {allowed}") from None


async def read_json(request: Request) -> object:
    """The body of a request, whatever it holds.

    Raises:
        InvalidSettings: it is too long, or no JSON.
    """
    try:
        return msgspec.json.decode(await read_text(request))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
        raise InvalidSettings(f"the body is not JSON: {e}") from None


async def read_text(request: Request) -> bytes:
    """The body of a request, as it came.

    Raises:
        InvalidSettings: it is too long; no more of it is read.
    """
    parts = bytearray()
    async for chunk in request.stream():
        parts += chunk
        if len(parts) > _MOST_BYTES:
            raise InvalidSettings(f"the body is too long; allowed are {_MOST_BYTES} bytes")
    return bytes(parts)


def json_response(body: object, status: int = 200) -> Response:
    """A good answer."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")
