"""A chart of values over time as SVG, with marks where something happened."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 960, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 12, 40, 28
_NAMED = 40
"""Marks; more have their names only where the pointer is."""
_INK, _GRID, _MARK = "#24292f", "#d8dee4", "#cf222e"


class Series(NamedTuple):
    """One line; ``None`` is a hole in it."""

    label: str
    colour: str
    values: Sequence[float | None]


def lines(
    title: str,
    times_s: Sequence[float],
    series: Sequence[Series],
    marks: Sequence[tuple[float, str]] = (),
    *,
    logarithmic: bool = False,
) -> str:
    """The chart; ``logarithmic``: 0 lies where the least value above it has its power of ten."""
    axis = _Axis([v for s in series for v in s.values if v is not None], logarithmic=logarithmic)
    last_s = max(*times_s, *(at for at, _ in marks), 1.0)
    span = WIDTH - _LEFT - _RIGHT

    def x(at_s: float) -> float:
        return _LEFT + span * at_s / last_s

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="12" y="20" font-size="14" font-weight="600">{escape(title)}</text>',
        *_legend(series),
        *axis.grid(),
        *_seconds(x, last_s),
    ]
    for at_s, label in marks:
        parts.append(
            f'<path d="M{x(at_s):.1f} {_TOP}V{HEIGHT - _BOTTOM}" stroke="{_MARK}" '
            f'stroke-opacity="0.45"><title>{escape(label)}, at {at_s:.0f} s</title></path>'
        )
    for line in series:
        path = _path([(x(t), v) for t, v in zip(times_s, line.values, strict=True)], axis)
        parts.append(
            f'<path d="{path}" fill="none" stroke="{line.colour}" stroke-width="1.5" '
            'stroke-linecap="round"/>'
        )
    if len(marks) <= _NAMED:
        parts += [_name(x(at_s), label) for at_s, label in marks]
    return "\n".join([*parts, "</svg>"])


def _name(x: float, label: str) -> str:
    """Of a mark, beside it; lines behind it do not make it unreadable."""
    return (
        f'<text transform="translate({x + 3:.1f} {_TOP + 2}) rotate(90)" font-size="9" '
        f'fill="{_MARK}" stroke="#ffffff" stroke-width="2.5" paint-order="stroke">'
        f"{escape(label)}</text>"
    )


class _Axis:
    """Values upwards, from 0 or, where it is logarithmic, from a power of ten."""

    def __init__(self, values: Sequence[float], *, logarithmic: bool) -> None:
        self._logarithmic = logarithmic
        most = max(values, default=0.0) or 1.0
        if logarithmic:
            least = min((v for v in values if v > 0), default=1.0)
            self._low = math.floor(math.log10(least))
            self._high = max(math.ceil(math.log10(max(most, least))), self._low + 1)
            self._ticks = [10.0**n for n in range(self._low, self._high + 1)]
        else:
            step = _step(most)
            self._low, self._high = 0, max(math.ceil(most / step), 1)
            self._ticks = [n * step for n in range(self._high + 1)]
            self._high *= step  # type: ignore[assignment]

    def y(self, value: float) -> float:
        at = math.log10(max(value, 10.0**self._low)) if self._logarithmic else value
        part = (at - self._low) / (self._high - self._low)
        return HEIGHT - _BOTTOM - part * (HEIGHT - _TOP - _BOTTOM)

    def grid(self) -> list[str]:
        parts = []
        for tick in self._ticks:
            y = self.y(tick)
            parts.append(
                f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="{_GRID}"/>'
                f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,.10g}</text>'
            )
        return parts


def _step(most: float) -> float:
    """A round number that divides the axis into two to five parts."""
    rough = max(most, 1e-9) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= rough)


def _legend(series: Sequence[Series]) -> list[str]:
    parts, at = [], WIDTH - _RIGHT
    for line in reversed(series):
        parts.append(f'<text x="{at}" y="20" text-anchor="end">{escape(line.label)}</text>')
        at -= 7 * len(line.label) + 8
        parts.append(f'<path d="M{at - 18} 16h16" stroke="{line.colour}" stroke-width="3"/>')
        at -= 34
    return parts


def _seconds(x: Callable[[float], float], last_s: float) -> list[str]:
    step = _step(last_s)
    return [
        f'<text x="{x(n * step):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{n * step:,g} s</text>'
        for n in range(int(last_s / step) + 1)
    ]


def _path(points: Sequence[tuple[float, float | None]], axis: _Axis) -> str:
    parts, down = [], False
    for x, value in points:
        if value is None:
            down = False
            continue
        parts.append(f"{'L' if down else 'M'}{x:.1f} {axis.y(value):.1f}")
        if not down:
            parts.append("h0.1")  # a point alone is seen too
        down = True
    return "".join(parts)
