"""``userstream sandbox fault``, ``clock``, ``truth`` and ``userstream verify``."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from tests.cli.test_inside import command
from tests.sandbox.playing import sandbox
from tests.server.running import take
from userstream import cli
from userstream.errors import UserStreamError


@pytest.fixture(autouse=True)
def _log_elsewhere() -> Iterator[None]:
    """The server shares this process, and its log is not what a command prints."""
    with capture_logs():
        yield


SCOPE = ("--account", "alice", "--venue", "binance")
OFTEN = ("--probability", "0.5", "--after", "1", "--for-ms", "60000", "--seed", "3")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("drop", *SCOPE, "--count", "3"), {"kind": "drop", "count": 3}),
        (("duplicate", *SCOPE, *OFTEN, "--event", "order_update"),
         {"kind": "duplicate", "probability": 0.5, "after": 1, "for_ms": 60000, "seed": 3,
          "event": "order_update"}),
        (("delay", *SCOPE, "--ms", "50"), {"kind": "delay", "delay_ms": 50}),
        (("reorder", *SCOPE), {"kind": "reorder"}),
        (("half-open", *SCOPE), {"kind": "half-open"}),
        (("reset", *SCOPE, "--on", "open", *OFTEN),
         {"kind": "reset", "on": "open", "probability": 0.5, "after": 1, "for_ms": 60000,
          "seed": 3}),
        (("close", "4001", "go away", *SCOPE), {"kind": "close", "code": 4001,
                                                "reason": "go away"}),
        (("delete-key", *SCOPE), {"kind": "delete-key"}),
        (("expire-key", *SCOPE, "--count", "1"), {"kind": "expire-key", "count": 1}),
        (("silent-key", *SCOPE), {"kind": "silent-key"}),
        (("rest", "-1021", *SCOPE, "--method", "PUT", "--path", "/api", "--carried-out"),
         {"kind": "rest", "answer": "-1021", "method": "PUT", "path": "/api",
          "carried_out": True}),
        (("rest", "429", *SCOPE, "--retry-after", "3"),
         {"kind": "rest", "answer": "429", "retry_after_s": 3}),
    ],
)  # fmt: skip
async def test_every_kind_of_fault_can_be_set(
    arguments: tuple[str, ...], fault: dict[str, Any]
) -> None:
    async with sandbox() as server:
        at = ("--admin", server.service.urls["admin"])
        done = await command("sandbox", "fault", *arguments, *at, "--json")
        assert done.exit_code == 0, done.output
        set_ = json.loads(done.stdout)
        assert set_["fault"] == {"account": "alice", "venue": "binance"} | fault
        listed = await command("sandbox", "fault", "list", *at)
        assert listed.stdout.startswith(f"f1: {set_['reads']} (0 struck")


async def test_faults_are_listed_and_cleared() -> None:
    async with sandbox() as server:
        at = ("--admin", server.service.urls["admin"])
        assert (await command("sandbox", "fault", "list", *at)).stdout == "no faults\n"
        for kind in ("drop", "delay", "reset"):
            done = await command("sandbox", "fault", kind, *at)
            assert done.exit_code == 0
        assert "(0 struck, spent)" in done.stdout
        one = await command("sandbox", "fault", "clear", "f2", *at)
        assert one.stdout.startswith("f2: delay by 200 ms the next frame")
        rest = await command("sandbox", "fault", "clear", *at, "--json")
        assert [f["id"] for f in json.loads(rest.stdout)] == ["f1", "f3"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("fault", "drop", "--account", "carol"), "there is no account carol"),
        (("fault", "close", "99"), "allowed are 1000 to 4999"),
        (("fault", "rest", "404"), "Invalid enum value '404'"),
        (("fault", "clear", "f9"), "there is no fault 'f9'"),
        (("clock", "0"), "speed is 0.0; allowed are"),
        (("truth", "carol"), "there is no account 'carol'"),
        (("truth", "../faults"), "the server said no"),
        (("truth", "alice", "--venue", "nyse"), "allowed are bhex"),
    ],
)
async def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], why: str) -> None:
    async with sandbox() as server:
        ended = await command("sandbox", *arguments, "--admin", server.service.urls["admin"])
        assert isinstance(ended.exception, UserStreamError)
        assert why in str(ended.exception)
    ended = await command("sandbox", *arguments, "--admin", "http://127.0.0.1:1")
    assert "is it running?" in str(ended.exception)


async def test_the_clock_is_shown_and_changed() -> None:
    async with sandbox() as server:
        at = ("--admin", server.service.urls["admin"])
        assert (await command("sandbox", "clock", *at)).stdout.endswith("speed 1\n")
        before = server.service.clock.ms()
        fast = await command("sandbox", "clock", "3600", "--advance", "60", *at, "--json")
        now = json.loads(fast.stdout)
        assert now["speed"] == 3600
        assert now["time_ms"] >= before + 60_000


async def test_a_bot_that_lost_a_frame_is_found_out(tmp_path: Path) -> None:
    async with sandbox() as server, server.stream("binance") as socket:
        at = ("--admin", server.service.urls["admin"])
        await command("sandbox", "fault", "drop", "--after", "1", *at)
        await command("sandbox", "fault", "duplicate", "--after", "3", *at)
        for _ in range(5):
            await server.publish()
        got = await take(socket, 5)
        truth = await command("sandbox", "truth", "alice", "--venue", "binance", *at)
    files = tmp_path / "truth", tmp_path / "log"
    files[0].write_text(truth.stdout)
    files[1].write_bytes(b"\n".join(got))
    ended = CliRunner().invoke(cli.app, ["verify", *map(str, files)])
    assert ended.exit_code == 1
    assert ended.stdout.splitlines()[0] == (
        "alice on binance: 5 frames in the truth, 5 in the log, 4 of them in order"
    )
    assert "missing    1\n           first: seq 2: " in ended.stdout
    assert "(fault: drop, f1)" in ended.stdout
    assert "duplicated 1\n           first: line 4: " in ended.stdout
    assert "reordered  0\ninvented   0\nfaults in that time: drop 1, duplicate 1\n" in ended.stdout
    shown = json.loads(CliRunner().invoke(cli.app, ["verify", *map(str, files), "--json"]).stdout)
    assert shown["missing"]["count"] == shown["duplicated"]["count"] == 1
    assert shown["missing"]["first"]["seq"] == 2
    assert (shown["invented"], shown["clean"]) == ({"count": 0, "first": None}, False)


async def test_a_log_that_is_the_truth_is_clean_and_one_that_began_late_gets_a_hint(
    tmp_path: Path,
) -> None:
    async with sandbox() as server, server.stream("mexc") as socket:
        at = ("--admin", server.service.urls["admin"])
        for _ in range(3):
            await server.publish()
        got = await take(socket, 3)
        truth = await command("sandbox", "truth", "alice", "--venue", "mexc", *at)
    log = tmp_path / "log"

    def verify(frames: list[bytes], *more: str) -> Any:
        lines = [json.dumps({"frame": base64.b64encode(f).decode()}) for f in frames]
        log.write_text("\n".join(['{"id":0,"code":0,"msg":"PONG"}', *lines]) + "\n")
        arguments = ["verify", "-", str(log), "--channel", "orders", *more]
        return CliRunner().invoke(cli.app, arguments, truth.stdout)

    clean = verify(got)
    assert clean.exit_code == 0, clean.output
    assert clean.stdout.endswith("invented   0\n1 lines of the log are no events of an account\n")
    late = verify(got[1:])
    assert late.exit_code == 1
    assert late.stdout.endswith("if the log began later than the truth: --from-seq 2\n")
    assert verify(got[1:2], "--from-seq", "2", "--to-seq", "2").exit_code == 0
    assert verify([]).exit_code == 1


def test_files_that_cannot_be_used_are_an_exit_code_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("nonsense")
    for truth in ("missing", "bad", ""):
        file = str(tmp_path / truth)
        ended = CliRunner().invoke(cli.app, ["verify", file, file])
        assert ended.exit_code == 2
        assert ended.stderr.startswith("userstream: ")


@pytest.mark.parametrize("kind", ["drop", "reset", "close", "expire-key", "silent-key", "rest"])
def test_help_says_what_it_is_for(kind: str) -> None:
    ended = CliRunner().invoke(cli.app, ["sandbox", "fault", kind, "--help"])
    assert ended.exit_code == 0
    assert "--account" in ended.stdout
