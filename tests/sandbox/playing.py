"""A sandbox in this process, and what a test does to it beyond a server's."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from tests.server.running import Running, running
from userstream.sandbox.service import SandboxService


@contextlib.asynccontextmanager
async def sandbox(**options: Any) -> AsyncIterator[Running]:
    """A sandbox on free ports, with alice and bob."""
    async with running(make=SandboxService, **options) as server:
        yield server


async def fault(server: Running, kind: str, **fields: Any) -> Any:
    """Sets a fault and gives the answer."""
    response = await server.admin.post("/_sandbox/faults", json={"kind": kind, **fields})
    assert response.status_code == 201, response.text
    return response.json()


async def hits(server: Running) -> list[int]:
    """How often each fault has struck."""
    return [f["hits"] for f in (await server.admin.get("/_sandbox/faults")).json()]


async def truth(server: Running, account: str = "alice", **params: str) -> list[Any]:
    """The lines of an account's truth, without its head."""
    response = await server.admin.get(f"/_sandbox/truth/{account}", params=params)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()][1:]


async def struck(server: Running, account: str = "alice") -> list[tuple[str, int | None]]:
    """Kind and seq of every strike in an account's truth."""
    lines = await truth(server, account)
    return [(x["fault"]["kind"], x["fault"].get("seq")) for x in lines if "fault" in x]
