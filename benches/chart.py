"""A bar chart as SVG."""

from __future__ import annotations

from html import escape

from benches.figures import Range

_LEFT, _BAR, _STEP, _WIDTH = 370, 20, 32, 420
_OURS, _OTHERS, _INK = "#1f6feb", "#9aa4b2", "#24292f"


def bars(title: str, labels: list[str], values: list[Range], marked: list[bool]) -> str:
    """Horizontal bars with a line from the least to the most."""
    scale = _WIDTH / max((v.most for v in values), default=1)
    height = 50 + _STEP * len(values)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 90} {height}" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="{_INK}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_LEFT + _WIDTH + 90}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="15" font-weight="600">{escape(title)}</text>',
    ]
    for i, (label, value, ours) in enumerate(zip(labels, values, marked, strict=True)):
        y = 42 + i * _STEP
        middle = y + _BAR / 2
        colour = _OURS if ours else _OTHERS
        weight = ' font-weight="600"' if ours else ""
        least, most = _LEFT + value.least * scale, _LEFT + value.most * scale
        parts += [
            f'<text x="{_LEFT - 10}" y="{middle + 4.5}" text-anchor="end"{weight}>'
            f"{escape(label)}</text>",
            f'<rect x="{_LEFT}" y="{y}" width="{value.median * scale:.1f}" height="{_BAR}" '
            f'fill="{colour}"/>',
            f'<path d="M{least:.1f} {middle}H{most:.1f}M{least:.1f} {middle - 4}v8'
            f'M{most:.1f} {middle - 4}v8" stroke="{_INK}" fill="none"/>',
            f'<text x="{most + 8:.1f}" y="{middle + 4.5}">{value.median:,.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
