"""Wishes: what a stream's URL asks of the extension, or why that cannot be."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote_plus

from userstream.venue import Cursor

HEARTBEAT_S = 10
"""Between heartbeats, where the URL does not say."""
MAX_HEARTBEAT_S = 60
PARAMETERS = {
    "us": "1",
    "us_heartbeat": f"a whole number of seconds, 1 to {MAX_HEARTBEAT_S}",
    "us_resume": "EPOCH:SEQ:PART, as the last frame had them",
}
"""The parameters of the extension, and what each allows."""
_MAX_SHOWN = 40


class Wishes(NamedTuple):
    """The extension is wanted: with a heartbeat so often, and from a cursor if there is one."""

    heartbeat_s: int = HEARTBEAT_S
    resume: Cursor | None = None


class Unclear(NamedTuple):
    """A wish that cannot be granted, in words that say what is allowed."""

    problem: str


def read_wishes(query: str) -> Wishes | Unclear | None:
    """The extension's part of a query; ``None``: it is not asked for."""
    given: dict[str, str] = {}
    for field in query.split("&"):
        raw, _, value = field.partition("=")
        name = unquote_plus(raw)
        if name != "us" and not name.startswith("us_"):
            continue
        if name not in PARAMETERS:
            allowed = ", ".join(PARAMETERS)
            return Unclear(f"{_shown(name)} is not a parameter; allowed are {allowed}")
        if name in given:
            return Unclear(f"{name} was sent twice")
        given[name] = unquote_plus(value)
    if not given:
        return None
    if given.get("us") != "1":
        why = "is needed beside us_*" if "us" not in given else f"is {_shown(given['us'])}"
        return Unclear(f"us {why}; allowed is us=1")
    return _wishes(given)


def _wishes(given: dict[str, str]) -> Wishes | Unclear:
    seconds = given.get("us_heartbeat", str(HEARTBEAT_S))
    known = seconds.isascii() and seconds.isdigit() and len(seconds) < 4
    if not known or not 1 <= int(seconds) <= MAX_HEARTBEAT_S:
        return _refused("us_heartbeat", seconds)
    text = given.get("us_resume")
    cursor = None if text is None else Cursor.parse(text)
    if text is not None and cursor is None:
        return _refused("us_resume", text)
    return Wishes(int(seconds), cursor)


def _refused(name: str, value: str) -> Unclear:
    return Unclear(f"{name} is {_shown(value)}; allowed is {PARAMETERS[name]}")


def _shown(text: str) -> str:
    """What a stranger sent: shortened, and without what a log or a terminal would act on."""
    return ascii(text[:_MAX_SHOWN])
