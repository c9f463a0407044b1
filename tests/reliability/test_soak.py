"""The soak itself, small: it goes through every trouble, and sees when something is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.reliability.server.follower import Follower
from tests.reliability.server.home import Home
from tests.reliability.soak.__main__ import app
from tests.reliability.soak.places import SERVER, Place
from tests.reliability.soak.report import figures, page
from tests.reliability.soak.run import Plan, Soak
from tests.reliability.soak.troubles import MENU
from tests.server.running import until


@pytest.mark.parametrize("trouble", MENU)
async def test_a_trouble_costs_no_event(trouble: str, tmp_path: Path) -> None:
    soak = Soak(Plan(0, clients=12, per_s=200, calm_s=0.5, troubles=[trouble]), tmp_path)
    await soak.run()
    [found] = soak.rounds
    assert found.error == ""
    assert soak.passed
    assert found.events > 0
    assert found.returns_s or trouble == "burst"  # it need not cut anybody
    assert sum(s.delivered for s in soak.samples) == found.events
    assert sum(s.acknowledged for s in soak.samples) == found.events
    assert sum(s.gaps for s in soak.samples) == 0
    assert min(soak.calls[what] for what in ("made", "renewed")) > 0


async def test_a_lost_event_fails_the_soak_and_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Follower._take

    def forgetful(self: Follower, opcode: int, frame: bytes) -> None:
        take(self, opcode, frame)
        if self.account == "a3" and len(self.log) == 5:
            self.log[4] = self.log[3]

    monkeypatch.setattr(Follower, "_take", forgetful)
    soak = Soak(Plan(60, clients=4, per_s=200, calm_s=0.5, troubles=["herd"]), tmp_path)
    await soak.run()
    [found] = soak.rounds
    assert not soak.passed
    assert (found.counts.missing, found.counts.duplicated) == (1, 1)
    assert '<p class="failed">herd at' in page(soak)
    assert figures(soak)["troubles"][0]["missing"] == 1


async def test_a_gap_that_a_bot_is_told_is_counted(tmp_path: Path) -> None:
    async def strange(home: Home) -> None:
        follower = home.followers[0]
        follower.cursor = follower.cursor._replace(epoch="0" * len(follower.cursor.epoch))
        follower.drop()
        await until(lambda: follower.refusals, 20)

    place = Place("A server", SERVER.started, {"strange": strange})
    soak = Soak(Plan(0, clients=4, per_s=100, calm_s=0.5, within_s=5), tmp_path, place)
    await soak.run()
    assert sum(s.gaps for s in soak.samples) == 1
    assert "1 gaps told" in page(soak)


def test_the_command_writes_a_page_and_says_how_it_went(tmp_path: Path) -> None:
    report = tmp_path / "soak.html"
    done = CliRunner().invoke(
        app,
        ["--for", "3s", "--clients", "6", "--rate", "100", "--calm-s", "1.5", "--trouble", "herd",
         "--report", str(report), "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "nothing lost" in done.stderr
    found = json.loads(done.stdout)
    assert found["passed"]
    assert found["samples"]
    assert max(s["delivered"] for s in found["samples"]) > 0
    assert {*found["samples"][0]["resident_mib"]} == {"server"}
    text = report.read_text()
    assert text.count("<svg") == 6
    assert f"<td>{len(found['rounds'])}</td>" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--for", "soon"], "allowed are 90s, 10m, 1h, 2d"),
        (["--trouble", "rain"], "allowed are kill, stop"),
        (["--clients", "0"], "greater than or equal to 1"),
    ],
)
def test_wrong_arguments_are_said(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())
