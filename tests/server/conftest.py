"""NATS for the tests of the server: each process of the tests starts its own, at first use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.nats.servers import Nodes, cluster, one_node, running


@pytest.fixture(scope="session")
def nats_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A NATS of one node, shared: a test takes names of its own, and kills nothing."""
    with running(one_node(tmp_path_factory.mktemp("nats"))) as nodes:
        yield nodes


@pytest.fixture(scope="session")
def nats_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A NATS of three nodes, shared: a test starts again whatever it killed."""
    with running(cluster(tmp_path_factory.mktemp("cluster"))) as nodes:
        yield nodes
