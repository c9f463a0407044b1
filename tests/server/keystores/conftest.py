"""The same tests on every kind of store; three nodes of NATS come with `make reliability`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.keystores.nodes import Backend, Embedded, OnNats


@pytest.fixture(params=["memory", "folder", "nats"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    if request.param == "nats":
        nodes = request.getfixturevalue("nats_node")
        return OnNats(nodes.url, nodes.replicas)
    return Embedded(None if request.param == "memory" else tmp_path / "data")
