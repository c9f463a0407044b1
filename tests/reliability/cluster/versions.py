"""The version before this one, as a process that runs it beside the new one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BEFORE = "32ab1bde626c"
"""The first commit with roles, until there is a release; what it stores must be understood, and it
must understand what is stored now. Cursors of what came before name another epoch."""


def old_environment(folder: Path) -> dict[str, str]:
    """What lets ``userstream`` run as it was; without the git history the test is skipped."""
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", BEFORE, "src"], capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip(f"commit {BEFORE} is not in this clone, so the version before is not tried")
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    assert (folder / "src" / "userstream").is_dir()
    return {"PYTHONPATH": str(folder / "src")}
