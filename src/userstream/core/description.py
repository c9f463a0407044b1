"""The exchange's description of itself, which clients read before anything else."""

from __future__ import annotations

from userstream.core.limits import Limits
from userstream.core.parameters import Refusing, read_parameters
from userstream.venue import Denied, RestDialect


def describe(rest: RestDialect, query: bytes, limits: Limits, now_ms: int) -> object:
    """The body for a query; one that names no symbol is not read, since clients send anything.

    Raises:
        Refusing: it names what is not traded, or nothing that can be a symbol.
    """
    given = {}
    if b"symbol" in query:
        given = read_parameters(query, b"", json_body=False, limits=limits)
    body = rest.info(now_ms, given)
    if isinstance(body, Denied):
        raise Refusing(body.refusal, *body.details)
    return body
