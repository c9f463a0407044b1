"""The blocks of a page that are tried out, and the one shell script that tries them.

A comment above a fenced block says what happens to it; a page's blocks run in their order:

``<!-- test: run -->``
    The block is run to its end and must succeed. ``bash`` and ``console`` blocks share one shell
    per page, so variables stay; in ``console`` only lines that begin with ``$`` are run.
``<!-- test: start -->``
    The block is a terminal of its own that stays open until the page is through: a server, or a
    program that listens. The page goes on once it has written something. A block in which
    ``-m websockets`` stands is always one of these.
``<!-- test: file NAME -->``
    The block is a file of that name in the working directory.
``<!-- test: shows TEXT -->``
    All that has been written so far contains that text, at the latest thirty seconds from now.

Only addresses and paths are replaced: see ``Site``. Where there is no node, JavaScript is passed
over, together with what it is to show; CI installs it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_COMMENT = re.compile(r"<!-- test: (run|start|file|shows)\b ?(.*?) -->")
_FENCE = re.compile(r"(`{3,})(\w*)")
_SHELLS = {"bash", "console", "sh"}


class Block(NamedTuple):
    """One instruction of a page: a word, what stands behind it, and the code it is about."""

    word: str
    detail: str
    language: str = ""
    code: str = ""
    line: int = 0


class Fence(NamedTuple):
    """One fenced block, whether it is tried or not."""

    language: str
    code: str
    line: int


def fences(page: str) -> list[Fence]:
    """Every fenced block of a page."""
    found = []
    lines = iter(enumerate(page.splitlines(), 1))
    for number, line in lines:
        opened = _FENCE.match(line)
        if opened is None:
            continue
        code = []
        for _, inside in lines:
            if inside.startswith(opened[1]):
                break
            code.append(inside)
        found.append(Fence(opened[2], "\n".join(code) + "\n", number))
    return found


def blocks(page: str) -> list[Block]:
    """What a page asks to be tried, in its order."""
    lines = page.splitlines()
    by_line = {fence.line: fence for fence in fences(page)}
    inside = {n for f in by_line.values() for n in range(f.line, f.line + f.code.count("\n") + 1)}
    found = []
    for number, line in enumerate(lines, 1):
        asked = _COMMENT.fullmatch(line.strip())
        if asked is None or number in inside:
            continue
        word, detail = asked.groups()
        if word == "shows":
            found.append(Block(word, detail, line=number))
            continue
        fence = by_line.get(number + 1)
        assert fence is not None, f"line {number}: no block stands below this comment"
        if word == "run" and "-m websockets" in fence.code:
            word = "start"
        found.append(Block(word, detail, fence.language, fence.code, number))
    return found


class Site(NamedTuple):
    """What a page's addresses and paths are here."""

    rest: str
    stream: str
    admin: str
    folder: Path
    """The working directory."""

    def placed(self, code: str) -> str:
        """Code of a page with its addresses and paths replaced."""
        for printed, here in (
            ("http://127.0.0.1:8080", self.rest),
            ("ws://127.0.0.1:9443", self.stream),
            ("http://127.0.0.1:8081", self.admin),
            ("127.0.0.1:8080", self.rest.partition("//")[2]),
            ("127.0.0.1:9443", self.stream.partition("//")[2]),
            ("127.0.0.1:8081", self.admin.partition("//")[2]),
            (".venv/bin/", f"{Path(sys.executable).parent}/"),
            ("src/userstream/", f"{ROOT}/src/userstream/"),
        ):
            code = code.replace(printed, here)
        return code


_PRELUDE = """\
set -eum -o pipefail
mkfifo never && exec 9<>never  # an input that never ends
stop() { for job in $(jobs -p); do kill -- "-$job" || true; done; wait; }
trap stop EXIT
exec >out.shell 2>&1
started() {
  for _ in $(seq 600); do if [ -s "$1" ]; then return; fi; sleep 0.05; done
  echo "line $2: it says nothing"; exit 1
}
shows() {
  for _ in $(seq 600); do if grep -qF -- "$1" out.*; then return; fi; sleep 0.05; done
  echo "line $2: nothing shows what it should"; exit 1
}
"""


def script(page: str, site: Site) -> str:
    """A bash script that tries a page's blocks."""
    parts = [_PRELUDE]
    node = shutil.which("node")
    passed_over = False
    for block in blocks(page):
        if block.word != "shows":
            passed_over = block.language == "js" and node is None
        if passed_over:
            continue
        code = site.placed(block.code)
        if block.language in _SHELLS:
            code = commands(code) if block.language == "console" else code
        elif block.language == "python":
            (site.folder / f"block{block.line}.py").write_text(code, "utf-8")
            code = f"{shlex.quote(sys.executable)} -u block{block.line}.py\n"
        elif block.language == "js":
            (site.folder / f"block{block.line}.mjs").write_text(code, "utf-8")
            code = f"node --no-warnings --experimental-websocket block{block.line}.mjs\n"
        if block.word == "shows":
            parts.append(f"shows {shlex.quote(block.detail)} {block.line}\n")
        elif block.word == "file":
            (site.folder / block.detail).write_text(code, "utf-8")
        elif block.word == "run":
            parts.append(f"echo '── line {block.line}'\n{code}")
        else:
            file = f"out.{block.line}"
            parts.append(f"(\n{code}) <&9 >{file} 2>&1 &\nstarted {file} {block.line}\n")
    return "".join(parts)


def commands(code: str) -> str:
    """The commands of a console block, without their prompts and what they print."""
    lines = code.splitlines()
    return "".join(f"{line.removeprefix('$ ')}\n" for line in lines if line.startswith("$ "))


def tried(page: str, site: Site, **environment: str) -> str:
    """Tries a page's blocks and gives everything that they wrote."""
    bash = shutil.which("bash")
    assert bash is not None
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with subprocess.Popen(
        [bash, "-c", script(page, site)],
        cwd=site.folder,
        env={**os.environ, "PATH": paths, "NO_COLOR": "1", **environment},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            _, complaints = process.communicate(timeout=150)
        except subprocess.TimeoutExpired:
            process.terminate()
            raise
    written = b"".join(p.read_bytes() for p in sorted(site.folder.glob("out.*")))
    text = (written + complaints).decode("utf-8", "replace")
    assert process.returncode == 0, text
    return text
