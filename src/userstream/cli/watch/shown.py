"""Where a watch is shown: on a screen, as lines, or as JSON."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Self

from rich.console import Console, Group
from rich.live import Live

from userstream.cli.watch.board import Seen, View
from userstream.cli.watch.lines import event_line, status_line
from userstream.cli.watch.records import encode, record_of, status_of
from userstream.cli.watch.screen import screen
from userstream.core.client.health import Health
from userstream.core.client.told import Told


class AsLines(AbstractContextManager["AsLines"]):
    """Plain text, a line an event. ``status`` is due every ``every_s`` seconds."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s

    def event(self, event: Told, seen: Seen, health: Health) -> None:
        """An event came."""
        _print(event_line(seen).encode())

    def status(self, view: View) -> None:
        """How the stream is now."""
        _print(status_line(view).encode())

    def __exit__(self, *_: object) -> None:
        """Nothing is to be undone."""


class AsJson(AsLines):
    """Records, one a line."""

    def event(self, event: Told, seen: Seen, health: Health) -> None:
        """An event came."""
        _print(encode(record_of(event, seen, health.clock_margin_ms)))

    def status(self, view: View) -> None:
        """How the stream is now."""
        _print(encode(status_of(view)))


class OnScreen(AsLines):
    """Drawn anew four times a second on a screen of its own, in whatever size that has then."""

    def __init__(self, console: Console) -> None:
        super().__init__(every_s=0.25)
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._last: View | None = None

    def event(self, event: Told, seen: Seen, health: Health) -> None:
        """An event came: it is in the next view."""

    def status(self, view: View) -> None:
        """How the stream is now."""
        self._last = view
        width, height = self._console.size
        self._live.update(Group(*screen(view, width, height)), refresh=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Gives the terminal back, with one line that says how it was."""
        self._live.__exit__(None, None, None)
        if self._last is not None:
            _print(status_line(self._last).encode())


def shown_on(console: Console, *, as_json: bool, every_s: float) -> AsLines:
    """What is asked for; a screen only where there is a terminal that can draw one."""
    if as_json:
        return AsJson(every_s)
    draws = sys.stdout.isatty() and console.is_interactive and not console.is_dumb_terminal
    if draws and console.encoding.startswith("utf"):
        return OnScreen(console)
    return AsLines(every_s)


def _print(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
