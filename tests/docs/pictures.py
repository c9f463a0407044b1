"""Pictures of the terminal, drawn from made-up events, so that they are always the same."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console, Group

from tests.cli.watch.views import Story, blinded, lively
from userstream.cli.watch.screen import screen

FOLDER = Path(__file__).parents[2] / "docs" / "img"
_WIDTH, _HEIGHT = 80, 24
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, \
"DejaVu Sans Mono", monospace; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def picture(story: Story, name: str) -> str:
    """A story's screen as SVG; it names no other place to load from."""
    console = Console(
        record=True, width=_WIDTH, height=_HEIGHT, file=io.StringIO(), force_terminal=True,
        color_system="truecolor", legacy_windows=False, _environ={},
    )  # fmt: skip
    console.print(Group(*screen(story.view(), _WIDTH, _HEIGHT)), end="")
    title = f"userstream watch {story.venue}"
    drawn = console.export_svg(title=title, code_format=_SVG, unique_id=name)
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


PICTURES: dict[str, Callable[[], str]] = {
    "watch": lambda: picture(lively(), "watch"),
    "watch-blind": lambda: picture(blinded(), "watch-blind"),
}


def main() -> None:
    """Draws all of them."""
    for name, drawn in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(drawn(), "utf-8")
