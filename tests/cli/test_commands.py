"""The other commands: help, arguments, accounts, publishing, what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import ENVIRONMENT, Process, events, run, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    with serving("--bus", "memory:") as process:
        yield process


@pytest.mark.parametrize(
    "command",
    ["", "serve", "publish", "accounts", "accounts add", "accounts list", "accounts revoke",
     "sandbox", "sandbox run", "move", "backup", "restore"],
)  # fmt: skip
def test_every_command_explains_itself(command: str) -> None:
    ended = run(*command.split(), "--help")
    assert ended.returncode == 0
    assert "Usage: userstream" in ended.stdout
    assert not ended.stderr


def test_the_version_is_shown() -> None:
    ended = run("--version")
    assert ended.returncode == 0
    assert ended.stdout.startswith("userstream ")
    again = subprocess.run(
        [sys.executable, "-m", "userstream", "--version"], capture_output=True, text=True,
        env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert again.stdout == ended.stdout


@pytest.mark.parametrize(
    "arguments",
    ["nonsense", "serve --nonsense", "publish", "accounts add x", "accounts nonsense",
     "sandbox nonsense", "sandbox run --clock-speed x", "sandbox run --clock-speed 0"],
)  # fmt: skip
def test_wrong_arguments_are_exit_code_2(arguments: str) -> None:
    ended = run(*arguments.split())
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_accounts_are_added_listed_and_revoked(server: Process) -> None:
    at = ("--admin", server.urls["admin"])
    assert "carol has API key" in run("accounts", "add", "carol", "hers", *at).stdout
    added = json.loads(run("accounts", "add", "carol", "k2", "--secret", "s", "--json", *at).stdout)
    assert "(no secret)" in run("accounts", "list", *at).stdout
    listed = json.loads(run("accounts", "list", "--json", *at).stdout)
    assert listed[0]["api_keys"][1] == {"api_key": added["api_key"], "secret": True}
    one = run("accounts", "revoke", "carol", "--key", added["api_key"], *at)
    assert one.stdout == f"revoked {added['api_key']}; 0 listen keys ended\n"
    rest = json.loads(run("accounts", "revoke", "carol", "--json", *at).stdout)
    assert len(rest["revoked"]) == 1
    assert "carol  revoked" in run("accounts", "list", *at).stdout
    assert run("accounts", "revoke", "nobody", *at).returncode == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--admin", "http://127.0.0.1:1"), "is it running?"),
        (("--admin", "nonsense"), "no server at nonsense"),
        (("--admin", "http://[x"), "no server at"),
    ],
)
def test_a_server_that_cannot_be_reached_is_said(options: tuple[str, str], why: str) -> None:
    ended = run("accounts", "list", *options)
    assert ended.returncode == 1
    assert why in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_token_and_a_wrong_server_are_said(server: Process) -> None:
    at = ("--admin", server.urls["admin"], "--token", "wrong")
    for command in (("accounts", "list"), ("publish", "-")):
        ended = run(*command, *at, text=events("x", 1, 1))
        assert ended.returncode == 1
        assert "401" in ended.stderr
    other = run("accounts", "list", "--admin", server.urls["rest"])
    assert "the server said no (HTTP 404)" in other.stderr
    assert run("publish", "-", "--admin", server.urls["rest"], text="{}").returncode == 1
    assert run("publish", "-", "--admin", "nonsense", text="{}").returncode == 1


def test_a_file_is_published_and_repeated_safely(server: Process, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(events("dave", 1, 1_200) + "\n\n")
    at = ("--admin", server.urls["admin"])
    ended = run("publish", str(file), *at)
    assert ended.returncode == 0, ended.stderr
    assert "1200 stored, 0 stored before, 0 refused" in ended.stderr
    assert ended.stdout == ""
    again = run("publish", str(file), *at)
    assert "0 stored, 1200 stored before, 0 refused" in again.stderr
    for _ in range(2):
        stamped = run("publish", str(file), "--restamp", "--json", *at)
        answers = [json.loads(text) for text in stamped.stdout.splitlines()]
        assert [a["line"] for a in answers] == list(range(1, 1_201))
        assert not any(a.get("duplicate") for a in answers)


def test_refused_lines_are_shown_and_are_exit_code_1(server: Process) -> None:
    at = ("--admin", server.urls["admin"])
    ended = run("publish", "-", *at, text=events("erin", 1, 3, bad=[2]))
    assert ended.returncode == 1
    assert "line 2: invalid_event" in ended.stderr
    assert "line 3: blocked_by" in ended.stderr
    assert "1 stored, 0 stored before, 2 refused" in ended.stderr


def test_files_that_cannot_be_published_are_said(tmp_path: Path) -> None:
    assert "cannot be read" in run("publish", str(tmp_path / "missing")).stderr
    for text in ("nonsense", "[]", '{"v":1}', '{"event":[]}'):
        ended = run("publish", "-", "--restamp", text=text)
        assert ended.returncode == 1
        assert "line 1 is not a publishing line" in ended.stderr


def test_the_client_pulls_in_nothing_of_the_server() -> None:
    code = (
        "import sys, userstream, userstream.client.publisher, userstream.cli\n"
        "print([m for m in ('uvicorn','starlette','structlog','rocksdict','prometheus_client',"
        "'cryptography','httptools','uvloop','userstream.server') if m in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert ended.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["serve", "sandbox run"])
@pytest.mark.parametrize("module", ["uvicorn", "starlette", "rocksdict", "structlog"])
def test_a_command_whose_extra_is_missing_says_which(command: str, module: str) -> None:
    code = (
        "import sys\n"
        f"class Missing:\n"
        f"    def find_spec(self, name, *_):\n"
        f"        if name.partition('.')[0] == {module!r}:\n"
        f"            raise ModuleNotFoundError('no', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        f"sys.argv = ['userstream', *{command.split()!r}]\n"
        "from userstream.cli import main\nmain()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert ended.returncode == 1
    assert "pip install 'userstream[server]'" in ended.stderr
    assert "Traceback" not in ended.stderr
