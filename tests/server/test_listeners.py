"""HTTP listeners go on until they are stopped, whatever uvicorn thinks."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from structlog.testing import capture_logs

from tests.server.running import metric, running, until
from userstream.server.http import _Server


@pytest.mark.parametrize(
    ("tick", "failures"),
    [({"side_effect": RuntimeError("nobody expected that")}, 1), ({"return_value": True}, 0)],
    ids=["fails", "wants to end"],
)
async def test_a_listener_serves_on_though_uvicorn_would_end(
    tick: dict[str, Any], failures: int
) -> None:
    before = 0.0
    with capture_logs(), mock.patch.object(_Server, "on_tick", **tick) as ticked:
        async with running(accounts=()) as server:
            before = metric(server.service, "userstream_task_failures_total", task="http")
            count = ticked.call_count
            await until(lambda: ticked.call_count >= count + 2)
            after = metric(server.service, "userstream_task_failures_total", task="http")
            assert (after - before > 0) == bool(failures)
            assert (await server.rest.get("/")).status_code < 500
            assert (await server.admin.get("/healthz")).status_code < 500
