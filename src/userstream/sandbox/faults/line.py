"""The frames of one connection that are held back, so that they come late or out of order.

Frames are whole: what leaves the line is what went in. Order changes only where a frame is to be
swapped, and then with its successor only. Times are real milliseconds.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from userstream.sandbox.faults.fault import Kind, delay_ms
from userstream.sandbox.faults.plan import Hit


class Pass(NamedTuple):
    """What leaves the line, and what became of swaps."""

    frames: list[bytes]
    swapped: Hit | None = None
    """A swap that has happened."""
    void: Hit | None = None
    """A swap that had nothing to swap with."""


class _Held(NamedTuple):
    due_ms: int
    frame: bytes
    swap: Hit | None = None


class Line:
    """Takes each event frame with what is to happen to it, and gives back what is due."""

    __slots__ = ("_held", "size")

    def __init__(self) -> None:
        self._held: deque[_Held] = deque()
        self.size = 0
        """Bytes that are held."""

    def __len__(self) -> int:
        return len(self._held)

    def push(self, frame: bytes, hit: Hit | None, now_ms: int) -> Pass:
        """The next frame. A swap within a swap is none."""
        kind = None if hit is None else hit.fault.kind
        if kind is Kind.DROP:
            return Pass(self._due(now_ms))
        last = self._held[-1] if self._held else None
        waiting = last.swap if last is not None else None
        if last is not None and waiting is not None:
            self._held.pop()
            self.size -= len(last.frame)
        wait_ms = delay_ms(hit.fault) if hit is not None and kind is Kind.DELAY else 0
        self._add(frame, now_ms + wait_ms)
        if kind is Kind.DUPLICATE:
            self._add(frame, now_ms)
        void = None
        if last is not None and waiting is not None:
            self._add(last.frame, now_ms)
            void = hit if kind is Kind.REORDER else None
        elif hit is not None and kind is Kind.REORDER:
            due = self._held.pop().due_ms
            self._held.append(_Held(due + delay_ms(hit.fault), frame, hit))
        return Pass(self._due(now_ms), waiting, void)

    def due(self, now_ms: int) -> Pass:
        """What has waited long enough."""
        void = self._held[-1].swap if self._held else None
        frames = self._due(now_ms)
        return Pass(frames, void=None if self._held else void)

    def drain(self) -> Pass:
        """Everything, at once and in order."""
        void = self._held[-1].swap if self._held else None
        frames = [held.frame for held in self._held]
        self._held.clear()
        self.size = 0
        return Pass(frames, void=void)

    def deadline(self) -> int | None:
        """When ``due`` has something."""
        return self._held[0].due_ms if self._held else None

    def _add(self, frame: bytes, due_ms: int) -> None:
        """Behind all others, and so never before them."""
        if self._held:
            due_ms = max(due_ms, self._held[-1].due_ms)
        self._held.append(_Held(due_ms, frame))
        self.size += len(frame)

    def _due(self, now_ms: int) -> list[bytes]:
        frames = []
        while self._held and self._held[0].due_ms <= now_ms:
            frame = self._held.popleft().frame
            self.size -= len(frame)
            frames.append(frame)
        return frames
