"""A venue's REST side as a bot's author would call it."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from userstream.core.signing import sign

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


async def call(site: Site, method: str, path: str, *, signed: bool = False, **given: Any) -> Any:
    """The answer as JSON; any refusal raises ``OSError``."""
    if signed:
        given.setdefault("timestamp", int(time.time() * 1000))
    query = urllib.parse.urlencode(given)
    if signed:
        query += "&signature=" + sign(site.secret, query.encode())
    url = f"{site.rest}{path}" + (f"?{query}" if query else "")
    request = urllib.request.Request(url, method=method, headers={site.header: site.key})

    def send() -> Any:
        with _direct.open(request, timeout=10) as answer:
            return json.load(answer)

    return await asyncio.to_thread(send)


async def new_key(site: Site) -> str:
    """A listen key."""
    return str((await call(site, "POST", "/api/v1/userDataStream"))["listenKey"])
