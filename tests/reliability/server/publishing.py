"""An exchange's publisher in a process of its own, which goes on where its place file says.

``python -m tests.reliability.server.publishing URL JOURNAL PLACE``: publishes the lines of a
journal behind those that the place file counts as acknowledged, a request after the other, and
counts them there. It ends with 3 where another publisher took over.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.cli.command import TOKEN
from tests.venues.orders import order
from userstream.client.publisher import Publisher, line

LINES = 300
"""Of a request."""
FENCED = 3


def journal(accounts: Sequence[str], first: int, last: int, source: str = "me") -> list[bytes]:
    """Lines of accounts in turn, whose ``n`` and order ids are ``first`` to ``last`` in each.

    The first of a journal stands behind nothing: it has no ``prev_n``.
    """
    return [
        line(name, order(order_id=str(n)), source=source, n=n, prev_n=n - 1 if n > first else None)
        for n in range(first, last + 1)
        for name in accounts
    ]


class Publishing:
    """Such a process, started."""

    def __init__(self, url: str, folder: Path) -> None:
        self._place = folder / "place"
        module = (sys.executable, "-m", "tests.reliability.server.publishing")
        files = (str(folder / "journal"), str(self._place))
        self._popen = subprocess.Popen([*module, url, *files], cwd=_ROOT)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def acknowledged(self) -> int:
        """Lines that it counts as acknowledged."""
        return _placed(self._place)

    def kill(self) -> None:
        """``kill -9``."""
        self._popen.kill()
        self._popen.wait()

    def stop(self) -> None:
        """SIGSTOP."""
        self._popen.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._popen.send_signal(signal.SIGCONT)

    async def ended(self) -> int:
        """Waits for its end; the exit status."""
        return await asyncio.to_thread(self._popen.wait, 50)


def _placed(place: Path) -> int:
    return int(place.read_text()) if place.exists() else 0


async def publish(url: str, lines: Sequence[bytes], place: Path) -> int:
    """Publishes what is left of a journal; the exit status."""
    done = _placed(place)
    async with Publisher(url, token=TOKEN, trust_env=False) as publisher:
        while done < len(lines):
            for answer in await publisher.send(lines[done : done + LINES]):
                if answer.error is not None:
                    print(answer.error, file=sys.stderr)
                    return FENCED if answer.error.code == "fenced" else 1
            done = min(done + LINES, len(lines))
            new = place.with_suffix(".new")
            new.write_text(str(done))
            new.replace(place)
    return 0


_ROOT = Path(__file__).parents[3]

if __name__ == "__main__":
    url, book, place = sys.argv[1:]
    sys.exit(asyncio.run(publish(url, Path(book).read_bytes().splitlines(), Path(place))))
