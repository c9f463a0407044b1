"""Every place where a bus can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.bus.places import Beside, InFolder, Memory, OnNats, Place

THREE = pytest.param("cluster", marks=pytest.mark.reliability)
"""Three nodes take as long as all other places together: `make reliability` has them."""


@pytest.fixture(params=["memory", "folder", "nats", "beside", THREE])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a bus can be opened."""
    return _place(request, tmp_path)


@pytest.fixture(params=["folder", "nats", "beside", THREE])
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a bus can be opened again, and can fail."""
    return _place(request, tmp_path)


def _place(request: pytest.FixtureRequest, path: Path) -> Place:
    if request.param == "memory":
        return Memory()
    if request.param == "folder":
        return InFolder(path / "data")
    if request.param == "beside":
        return Beside(request.getfixturevalue("nats_node"))
    nodes = "nats_node" if request.param == "nats" else "nats_cluster"
    return OnNats(request.getfixturevalue(nodes))
