"""Conversations with whatever answers: a table of bodies, or a venue's own order endpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.venues.trading.counter import Counter, Refusal
from userstream.venue import Ask, Fetch, RepairInput
from userstream.venues import load

NOW = 1_700_000_000_000
Answer = tuple[int, bytes] | tuple[int, bytes, str | None]
Plain = Callable[[Fetch], tuple[int, bytes]]
Serve = Callable[[Fetch], Answer]


def talk(venue: str, ask: Ask, serve: Serve, now_ms: int = NOW) -> tuple[RepairInput, list[Fetch]]:
    """The answer to a question, and the requests that it took."""
    dialect = load(venue).repair
    assert dialect is not None
    it = dialect.converse(ask, now_ms)
    step = it.begin()
    fetches: list[Fetch] = []
    while isinstance(step, Fetch):
        fetches.append(step)
        step = it.read(*serve(step))
    assert it.begin() == step
    assert it.read(200, b"[]") == step
    return step, fetches


def told(body: Any, status: int = 200) -> Plain:
    """Answers everything with that body."""
    return lambda _: (status, body if isinstance(body, bytes) else json.dumps(body).encode())


def counter(at: Counter, account: str = "alice") -> Plain:
    """Answers as the venue's own endpoints do."""

    def serve(fetch: Fetch) -> tuple[int, bytes]:
        body = at.call(fetch.method, fetch.path, account, **fetch.fields)
        if isinstance(body, Refusal):
            return body.status, json.dumps({"code": body.code, "msg": body.text}).encode()
        return 200, json.dumps(body).encode()

    return serve
