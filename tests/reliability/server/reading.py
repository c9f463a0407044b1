"""Followers in a process of their own, so that it can be stopped, and takes no time from a test's.

``python -m tests.reliability.server.reading VENUE EPOCH COUNT URL FILE``: each follows that stream
and writes the order ids that it gets into FILE.0, FILE.1 …; a line of output for each that is live.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.reliability.server.follower import Follower
from tests.server.running import until
from userstream.venues import load


class Reading:
    """Such a process, as an argument of the command ``inside``; ``with`` starts and ends it."""

    def __init__(
        self, venue: str, epoch: str, url: str, file: Path, count: int = 1,
        inside: Sequence[str] = (),
    ) -> None:  # fmt: skip
        module = (sys.executable, "-m", "tests.reliability.server.reading")
        self._command = (*inside, *module, venue, epoch, str(count), url, str(file))
        self._files = [Path(f"{file}.{n}") for n in range(count)]

    def __enter__(self) -> Self:
        for file in self._files:
            file.unlink(missing_ok=True)
        self._popen = subprocess.Popen(self._command, stdout=subprocess.PIPE, cwd=_ROOT)
        return self

    def __exit__(self, *_: object) -> None:
        self._popen.kill()
        self._popen.wait()
        assert self._popen.stdout is not None
        self._popen.stdout.close()

    async def live(self, times: int = 1, within_s: float = 50) -> None:
        """Waits until followers were live so many times more."""
        assert self._popen.stdout is not None
        async with asyncio.timeout(within_s):
            for _ in range(times):
                assert await asyncio.to_thread(self._popen.stdout.readline) == b"live\n"

    def stop(self) -> None:
        """SIGSTOP."""
        self._popen.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._popen.send_signal(signal.SIGCONT)

    def logs(self) -> list[list[int]]:
        """What each follower got so far."""
        return [
            [int(line) for line in file.read_text().split()] if file.exists() else []
            for file in self._files
        ]

    async def complete(self, count: int) -> None:
        """Waits until each follower got so many events."""
        await until(lambda: all(_lines(file) >= count for file in self._files), 50)


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _append(file: Path, numbers: Sequence[int]) -> None:
    with file.open("a") as opened:
        opened.writelines(f"{number}\n" for number in numbers)


_ROOT = Path(__file__).parents[3]


async def follow(venue: str, epoch: str, count: int, url: str, file: str) -> None:
    """Follows, and writes, until the process is killed."""

    async def dial() -> str:
        return url

    followers = [Follower("", load(venue), epoch, dial).start() for _ in range(count)]
    written = [0] * count
    told = 0
    while True:
        for n, follower in enumerate(followers):
            new = follower.log[written[n] :]
            _append(Path(f"{file}.{n}"), new)
            written[n] += len(new)
        assert not any(f.refusals for f in followers)
        lives = sum(len(f.live_s) for f in followers)
        for _ in range(lives - told):
            print("live", flush=True)
        told = lives
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    import uvloop

    os.nice(3)  # what it reads with must not slow down who is measured beside it
    venue, epoch, count, url, file = sys.argv[1:]
    uvloop.run(follow(venue, epoch, int(count), url, file))
