"""``userstream backup`` and ``userstream restore`` as commands."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import run, serving


def test_a_running_server_is_backed_up_and_restored(tmp_path: Path) -> None:
    with serving("--bus", f"file:{tmp_path / 'data'}") as server:
        admin = ("--admin", server.urls["admin"])
        made = json.loads(run("backup", "monday", "--json", *admin, cwd=tmp_path).stdout)
        assert made["folder"] == str(tmp_path / "monday")
        assert made["epoch"] == server.epoch
        again = run("backup", "monday", *admin, cwd=tmp_path)
        assert (again.returncode, again.stderr.count("\n")) == (1, 1)
        assert "is there already" in again.stderr
        used = run("backup", "tuesday", "--data", "data", cwd=tmp_path)
        assert used.returncode == 1
        assert "is in use by another process" in used.stderr
    restored = run("restore", "monday", "data2", "--json", cwd=tmp_path)
    assert json.loads(restored.stdout)["time_ms"] > 1_700_000_000_000
    with serving("--bus", f"file:{tmp_path / 'data2'}") as server:
        assert server.epoch != made["epoch"]


def test_a_folder_of_a_stopped_server_is_backed_up_and_what_is_no_backup_is_said(
    tmp_path: Path,
) -> None:
    with serving("--bus", f"file:{tmp_path / 'data'}") as server:
        assert server.stop() == 0
    done = run("backup", "monday", "--data", "data", cwd=tmp_path)
    assert "bytes backed up to" in done.stdout, done.stderr
    said = run("restore", "monday", "data2", cwd=tmp_path)
    assert "restored as of" in said.stdout, said.stderr
    for folder in ("data", "nowhere"):
        refused = run("restore", folder, "data3", cwd=tmp_path)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert "is no finished backup" in refused.stderr
    served = run("serve", "--bus", "file:monday", cwd=tmp_path)
    assert (served.returncode, served.stderr.count("\n")) == (1, 1)
    assert "is a backup" in served.stderr
