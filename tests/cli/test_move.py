"""``userstream move`` as people run it, and as a crash leaves it."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
from pathlib import Path
from typing import IO

import pytest

from tests.cli.command import BIN, ENVIRONMENT, TOKEN, events, run, serving
from tests.server.nats.servers import Nodes

COUNT = 2_500


def config(folder: Path, nodes: Nodes) -> Path:
    """Settings of the nodes to come."""
    file = folder / "cluster.toml"
    prefix = f"c{secrets.token_hex(4)}"
    file.write_text(
        f'bus = "{nodes.url}"\nkeys = "nats:{folder / "keys"}"\nadmin_token = "{TOKEN}"\n'
        f'[nats]\nprefix = "{prefix}"\nshards = 2\nreplicas = 1\nmax_bytes = 100000000\n'
    )
    return file


def wait_for(line: str, pipe: IO[str] | None) -> None:
    """Reads until that is said; a slow NATS is warned of before."""
    assert pipe is not None
    for said in pipe:
        if said.rstrip("\n") == line:
            return
    raise AssertionError(f"it never said {line!r}")


@pytest.mark.timeout(150)
def test_a_move_that_was_killed_is_run_again_and_serves(nats_node: Nodes, tmp_path: Path) -> None:
    with serving("--bus", f"file:{tmp_path / 'data'}", "--durability", "process-kill") as server:
        admin = ("--admin", server.urls["admin"])
        run("accounts", "add", "alice", "key-of-alice", *admin)
        told = run("publish", "-", *admin, text=events("alice", 1, COUNT))
        assert told.returncode == 0, told.stderr
        epoch = server.epoch
        in_use = run("move", "data", "--config", str(config(tmp_path, nats_node)), cwd=tmp_path)
        assert (in_use.returncode, in_use.stderr.count("\n")) == (1, 1)
        assert "is in use by another process" in in_use.stderr
        assert server.stop() == 0
    command = ("move", "data", "--config", str(config(tmp_path, nats_node)), "--json")
    with subprocess.Popen(
        [BIN / "userstream", *command],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT, cwd=tmp_path, text=True,
    ) as killed:  # fmt: skip
        wait_for(f"events: 2,000 of {COUNT:,}", killed.stderr)
        killed.send_signal(signal.SIGKILL)
    served = run("serve", "--config", command[3], cwd=tmp_path)
    assert (served.returncode, served.stderr.count("\n")) == (1, 1)
    assert "is not finished: run `userstream move` again" in served.stderr
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    moved = json.loads(done.stdout)
    assert (moved["events"], moved["accounts"], moved["epoch"]) == (COUNT, 1, epoch)
    assert f"events: {COUNT:,} of {COUNT:,}\n" in done.stderr
    assert "{" not in done.stderr  # progress, and no log
    back = run("serve", "--bus", "file:data", cwd=tmp_path)
    assert "data was moved to NATS" in back.stderr
    with serving("--config", command[3]) as server:
        assert server.epoch == epoch
        told = run(
            "publish", "-", "--admin", server.urls["admin"],
            text=events("alice", COUNT - 9, COUNT + 1),
        )  # fmt: skip
        assert "1 stored, 10 stored before, 0 refused" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "needed is a NATS, such as nats://HOST"),
        (("--to", "http://n1"), "allowed are file:DIR, memory:, nats://HOST and tls://"),
        (("--to", "ntas://us:pw@n1"), "bus is 'ntas://n1'"),
        (("--to", "nats://n1"), "needed is nats:FILE, the file"),
        (("--to", "nats://n1", "--keys", "nats:k", "--config", "none.toml"), "does not exist"),
        (("--to", "nats://n1", "--keys", "nats:k"), "nowhere is no data folder"),
    ],
)
def test_what_cannot_be_moved_is_said_in_one_line(
    arguments: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    ended = run("move", "nowhere", *arguments, cwd=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert why in ended.stderr
