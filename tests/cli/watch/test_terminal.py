"""The screen on a terminal: a real one, as the kernel has it, with a real sandbox behind."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable

import pytest

from tests.cli.command import BIN, ENVIRONMENT
from tests.sandbox.bots import bots, market_sell
from tests.server.running import until

_OWN = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_HOME = "\x1b[H"
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_COLOURS = re.compile(r"\x1b\[(?:[0-9]+;)*(?:[34][0-7]|[34]8;|9[0-7]|10[0-7])")


class Terminal:
    """What a program wrote to a terminal of that size so far."""

    def __init__(self, width: int, height: int) -> None:
        self._master, self.slave = pty.openpty()
        self.resize(width, height)
        self.written = ""

    def resize(self, width: int, height: int) -> None:
        size = struct.pack("HHHH", height, width, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def screen(self) -> list[str]:
        """The lines of the last screen that was drawn to its end."""
        drawn = self.written.split(_HOME)
        return [] if len(drawn) < 3 else _CODES.sub("", drawn[-2]).replace("\r", "").split("\n")

    async def until(self, condition: Callable[[list[str]], object]) -> None:
        try:
            await until(lambda: condition(self.screen()), 20)
        except AssertionError:
            raise AssertionError("\n".join(self.screen()) or self.written) from None

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        """Reads all the while."""
        loop = asyncio.get_running_loop()

        def take() -> None:
            with contextlib.suppress(OSError):  # the other side is closed
                self.written += os.read(self._master, 1 << 16).decode(errors="replace")

        loop.add_reader(self._master, take)
        try:
            yield
        finally:
            loop.remove_reader(self._master)
            os.close(self._master)
            os.close(self.slave)

    def run(self, *arguments: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
        """Runs a command that hangs on this terminal: Ctrl-C there is a signal to it."""
        return subprocess.Popen(
            [sys.executable, "-c", _OWN, str(BIN / "userstream"), *arguments], env=env,
            stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
        )  # fmt: skip


@pytest.mark.parametrize("plain", [False, True])
async def test_it_is_drawn_live_fits_resizes_and_gives_the_terminal_back(plain: bool) -> None:
    terminal = Terminal(80, 24)
    env = {k: v for k, v in ENVIRONMENT.items() if k not in {"COLUMNS", "NO_COLOR"}}
    env |= {"TERM": "xterm-256color"} | ({"NO_COLOR": "1"} if plain else {})
    async with bots() as market, terminal.read():
        urls = market.sandbox.service.urls
        env |= {"USERSTREAM_REST_URL": urls["rest"], "USERSTREAM_STREAM_URL": urls["stream"]}
        process = terminal.run("watch", "binance", "--sandbox", env=env)
        try:
            await terminal.until(lambda lines: any(" LIVE " in line for line in lines))
            await market.place("binance", **market_sell())
            await terminal.until(lambda lines: any(" filled " in line for line in lines))
            assert {(len(line), len(terminal.screen())) for line in terminal.screen()} == {(80, 24)}
            terminal.resize(100, 30)
            await terminal.until(lambda lines: {len(line) for line in lines} == {100})
            assert len(terminal.screen()) == 30
            terminal.type("\x03")
            assert await asyncio.to_thread(process.wait, 20) == 0
            await until(lambda: "gaps" in terminal.written.rpartition("\x1b[?1049l")[2], 20)
        finally:
            process.kill()
            process.wait()
    assert terminal.written.endswith("0 gaps\r\n")
    assert terminal.written.rindex("\x1b[?25h") > terminal.written.rindex("\x1b[?25l")
    assert bool(_COLOURS.search(terminal.written)) is not plain
    assert "alicesecret" not in terminal.written
    assert "alicekey" not in terminal.written


async def test_a_terminal_that_cannot_draw_gets_lines() -> None:
    terminal = Terminal(80, 24)
    env = ENVIRONMENT | {"TERM": "dumb"}
    async with terminal.read():
        nowhere = ("--rest-url", "http://127.0.0.1:1", "--wait", "0.5")
        process = terminal.run("watch", "binance", "--sandbox", *nowhere, env=env)
        assert await asyncio.to_thread(process.wait, 20) == 1
        await until(lambda: "is the server running?" in terminal.written, 20)
    assert " status      connecting for 0s (start)" in terminal.written
    assert "\x1b" not in terminal.written
