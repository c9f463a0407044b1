"""Parameters of a request: query and body, read strictly and merged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sized
from urllib.parse import unquote_plus

from userstream.core.limits import Limits
from userstream.core.signing import Refused
from userstream.venue import Refusal

LEGAL = "^[\\x20-\\x7E]{0,256}$"


class Refusing(Exception):
    """A request that is refused, with the details that the refusal's text takes."""

    def __init__(self, refusal: Refusal, *details: object) -> None:
        super().__init__(refusal)
        self.refused: Refused = (refusal, details)


def read_parameters(
    query: bytes, body: bytes, *, json_body: bool, limits: Limits
) -> dict[str, str]:
    """The parameters of query and body together; where both have one, the query's value wins.

    The body is a form whatever its content type says (clients send any), or a JSON object where
    the venue takes one. An empty body is no parameters.

    Raises:
        Refusing: a name twice in one place, too many, or bytes that are not text.
    """
    from_query = _merge(_pairs(query, limits))
    if json_body and body.lstrip()[:1] == b"{":
        from_body = _merge(_members(body, limits))
    else:
        from_body = _merge(_pairs(body, limits))
    return from_body | from_query


def _pairs(text: bytes, limits: Limits) -> list[tuple[str, str]]:
    if not text.strip():
        return []
    fields = text.split(b"&")
    _count(fields, limits)
    pairs = []
    for field in fields:
        if field:
            name, _, value = field.partition(b"=")
            pairs.append((_text(name), _text(value)))
    return pairs


def _text(raw: bytes) -> str:
    try:
        text = unquote_plus(raw.decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        text = "\0"
    return _legal(text)


def _legal(text: str) -> str:
    if not (text.isascii() and text.isprintable()) or len(text) > 256:
        raise Refusing(Refusal.MALFORMED, "query or body", LEGAL)
    return text


def _count(parameters: Sized, limits: Limits) -> None:
    if len(parameters) > limits.max_parameters:
        raise Refusing(Refusal.PARAMETER_SURPLUS, limits.max_parameters, len(parameters))


def _members(body: bytes, limits: Limits) -> list[tuple[str, str]]:
    try:
        # Pairs, not a dictionary: of a name that comes twice a dictionary shows one value only.
        members: list[tuple[str, object]] = json.loads(body.decode(), object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise Refusing(Refusal.MALFORMED, "body", "a JSON object") from None
    _count(members, limits)
    pairs = []
    for name, member in members:
        _legal(name)
        if isinstance(member, bool) or not isinstance(member, str | int):
            raise Refusing(Refusal.PARAMETER_ILLEGAL, name, "text or a whole number")
        pairs.append((name, _legal(str(member))))
    return pairs


def _merge(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for name, value in pairs:
        if name in merged:
            raise Refusing(Refusal.PARAMETER_DUPLICATE)
        merged[name] = value
    return merged
