"""The commands run inside this process, against a server beside them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.cli.command import FREE, events
from tests.server.running import TOKEN, running
from userstream import cli
from userstream.cli.serve import run_loop
from userstream.errors import UserStreamError
from userstream.sandbox import page
from userstream.sandbox import run as sandbox
from userstream.signals import until_signalled

JSON_OR_NOT: list[tuple[str, ...]] = [(), ("--json",)]


async def command(*arguments: str, text: str = "", token: str = TOKEN) -> Result:
    """Runs a command on a thread."""
    runner = CliRunner(env={"USERSTREAM_ADMIN_TOKEN": token})
    return await asyncio.to_thread(lambda: runner.invoke(cli.app, arguments, text))


async def test_accounts_and_publishing() -> None:
    async with running(accounts=()) as server:
        at = ("--admin", server.service.urls["admin"])
        for more in JSON_OR_NOT:
            added = await command("accounts", "add", "carol", f"key{len(more)}", *at, *more)
            assert added.exit_code == 0
            listed = await command("accounts", "list", *at, *more)
            assert "carol" in listed.stdout
        one = json.loads(added.stdout)["api_key"]
        for which in (("--key", one), ("--json",)):
            gone = await command("accounts", "revoke", "carol", *at, *which)
            assert gone.exit_code == 0, gone
        for more in [*JSON_OR_NOT, ("--restamp",)]:
            sent = await command("publish", "-", *at, *more, text=events("carol", 1, 20))
            assert sent.exit_code == 0
        bad = await command("publish", "-", *at, text=events("dave", 1, 2, bad=[1]))
        assert bad.exit_code == 1


async def test_what_cannot_be_done_is_an_error_of_ours(tmp_path: Path) -> None:
    async with running(accounts=()) as server:
        for arguments, text in (
            (("accounts", "list", "--admin", "http://127.0.0.1:1"), ""),
            (("accounts", "list", "--admin", server.service.urls["rest"]), ""),
            (("accounts", "revoke", "nobody", "--admin", server.service.urls["admin"]), ""),
            (("publish", str(tmp_path / "missing")), ""),
            (("publish", str(tmp_path)), ""),
            (("publish", "-", "--restamp"), "[]"),
            (("serve", "--config", str(tmp_path / "missing")), ""),
        ):
            ended = await command(*arguments, text=text)
            assert isinstance(ended.exception, UserStreamError), arguments


@pytest.mark.parametrize("more", [("--venue", "nyse"), ("--account", "x")])
def test_what_a_sandbox_cannot_do_is_an_error_of_ours(more: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(cli.app, ["sandbox", *FREE, *more])
    assert isinstance(ended.exception, UserStreamError)


def stopped_soon(monkeypatch: pytest.MonkeyPatch, target: Any) -> list[Any]:
    """Makes a server stop as soon as it runs, as if by a signal."""
    runs: list[Any] = []

    def until() -> Callable[[], Any]:
        async def stopped() -> None:
            runs.append(True)

        return stopped

    monkeypatch.setattr(target, "until_signalled", until)
    return runs


def test_without_uvloop_the_plain_loop_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    seen: list[str] = []

    async def main() -> None:
        seen.append(type(asyncio.get_running_loop()).__module__)

    run_loop(main())
    assert seen[0].startswith("asyncio.")


def test_serve_runs_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    runs = stopped_soon(monkeypatch, sys.modules["userstream.cli.serve"])
    config = tmp_path / "settings.toml"
    config.write_text('log = "text"\n[hosts]\n"a.example" = "bhex"\n')
    environment = {"USERSTREAM_ADMIN_TOKEN": TOKEN, "USERSTREAM_CLOCK_SPEED": "2"}
    for bus in ("memory:", f"file:{tmp_path / 'data'}"):
        arguments = ["serve", "--config", str(config), "--bus", bus, *FREE]
        ended = CliRunner(env=environment).invoke(cli.app, arguments)
        assert ended.exit_code == 0, ended.output
    assert len(runs) == 2


@pytest.mark.parametrize("more", [(), ("--json",), ("--venue", "bhex"), ("--venue", "mexc")])
def test_the_sandbox_prints_its_page(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    runs = stopped_soon(monkeypatch, sandbox)
    monkeypatch.setattr("sys.argv", ["userstream", "sandbox", *FREE, *more])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "alicekey" in capfd.readouterr().out
    assert runs


def test_programs_are_shown_as_they_can_be_pasted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "python"
    monkeypatch.setattr("sys.executable", str(program))
    assert page.program("python") == str(program)
    program.parent.mkdir()
    monkeypatch.chdir(tmp_path)
    assert page.program("python") == "bin/python"
    monkeypatch.chdir(program.parent)
    assert page.program("python") == "./python"


@pytest.mark.parametrize("name", ["uvicorn", "json"])
def test_a_missing_module_is_an_extra_or_a_bug(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def missing() -> None:
        raise ModuleNotFoundError("no", name=name)

    monkeypatch.setattr(cli, "app", missing)
    with pytest.raises(SystemExit if name == "uvicorn" else ModuleNotFoundError, match=r"."):
        cli.main()


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["sandbox", "--help"]])
def test_help_and_version(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0


def test_an_error_of_ours_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["userstream", "publish", "/no/such/file"])
    with pytest.raises(SystemExit, match="userstream: /no/such/file cannot be read"):
        cli.main()


async def test_a_signal_before_the_wait_is_not_forgotten() -> None:
    stopped = until_signalled()
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        assert await stopped()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


def test_off_the_main_thread_nothing_ends_it_but_its_caller() -> None:
    async def waits() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(until_signalled()(), 0.05)

    thread = threading.Thread(target=lambda: ended.append(asyncio.run(waits())))
    ended: list[None] = []
    thread.start()
    thread.join(20)
    assert ended == [None]
