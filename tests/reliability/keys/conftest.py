"""Listen keys on three nodes of NATS."""

from __future__ import annotations

import pytest

from tests.server.conftest import nats_cluster
from tests.server.keystores.nodes import Backend, OnNats
from tests.server.nats.servers import Nodes

__all__ = ["nats_cluster"]


@pytest.fixture
def backend(nats_cluster: Nodes) -> Backend:
    return OnNats(nats_cluster.url, nats_cluster.replicas)
