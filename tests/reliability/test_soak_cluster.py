"""The soak of a cluster, small: all its troubles once; and it sees what a process does wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.reliability.cluster.changed import program
from tests.reliability.cluster.home import EDGES, RESTS, Cluster
from tests.reliability.soak import nodes, troubles
from tests.reliability.soak.__main__ import app
from tests.reliability.soak.places import CLUSTER, Place, members
from tests.reliability.soak.report import figures, page
from tests.reliability.soak.run import Plan, Soak
from tests.server.conftest import nats_cluster
from tests.server.nats.servers import Nodes

__all__ = ["nats_cluster"]
pytestmark = pytest.mark.timeout(600)
OWN = [name for name in nodes.MENU if name not in troubles.OF_BOTS]


def on(nats: Nodes, **changes: str) -> Place[Cluster]:
    """The place, on nodes that run; with processes that are changed, by their names."""

    @asynccontextmanager
    async def started(path: Path) -> AsyncIterator[Cluster]:
        home = members(path, nats)
        for name, change in changes.items():
            home.members[name].program = program(change)
        async with home:
            yield home

    def start(path: Path) -> AbstractAsyncContextManager[Cluster]:
        return started(path)

    return Place(CLUSTER.words, start, CLUSTER.menu, CLUSTER.cut_off)


async def test_every_trouble_of_a_cluster_costs_no_event_and_no_key(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    plan = Plan(None, clients=12, per_s=100, calm_s=0.3, troubles=OWN)
    soak = Soak(plan, tmp_path, on(nats_cluster))
    await soak.run()
    assert [(r.trouble, r.error, r.counts) for r in soak.rounds if not r.passed] == []
    assert sorted(r.trouble for r in soak.rounds) == sorted(OWN)
    events = sum(r.events for r in soak.rounds)
    assert sum(s.delivered for s in soak.samples) == events
    assert sum(s.acknowledged for s in soak.samples) == events
    assert sum(s.gaps for s in soak.samples) == 0
    assert min(soak.calls[what] for what in ("made", "renewed", "opened", "deleted")) > 0
    seen = {name for s in soak.samples for name in s.resident_mib}
    assert seen == {*EDGES, *RESTS, "nats-n1", "nats-n2", "nats-n3"}
    stood_s = {r.trouble: r.stood_s for r in soak.rounds}
    assert stood_s["no-nats"] > nodes.AWAY_S / 2
    assert page(soak).count("<svg") == 7


async def test_what_a_process_loses_repeats_and_swaps_fails_the_soak(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    plan = Plan(60, clients=6, per_s=200, calm_s=1.5, troubles=["herd"], within_s=10)
    soak = Soak(plan, tmp_path, on(nats_cluster, edge0="faulty", edge1="faulty"))
    await soak.run()
    [found] = soak.rounds
    assert not soak.passed
    assert found.counts.missing > 0
    assert found.counts.duplicated > 0
    assert found.counts.reordered > 0
    assert '<p class="failed">herd at' in page(soak)
    assert figures(soak)["passed"] is False


async def test_a_listen_key_that_outlives_its_end_fails_the_soak(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    plan = Plan(60, clients=4, per_s=50, calm_s=3, troubles=["cut-nats"])
    soak = Soak(plan, tmp_path, on(nats_cluster, rest0="lenient", rest1="lenient"))
    await soak.run()
    found = soak.rounds[-1]
    assert not soak.passed
    assert "a key that was ended is renewed" in found.error


def test_help_teaches_each_trouble_of_either_place() -> None:
    done = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"})
    said = " ".join(done.stdout.replace("\u2502", " ").split())
    for name, trouble in nodes.MENU.items():
        assert f"{name}: {' '.join((trouble.__doc__ or '').split())}" in said


def test_a_trouble_of_the_other_place_is_said() -> None:
    arguments = ["--cluster", "--trouble", "stop"]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})
    assert done.exit_code == 2
    assert "allowed are kill-edge, kill-rest" in " ".join(done.stderr.split())
