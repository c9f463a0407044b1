"""``userstream publish``: a file of events into the log, with progress."""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from userstream.cli.admin import DEFAULT_URL, Admin, AsJson, Token
from userstream.client.publisher import Answer, Publisher
from userstream.errors import InvalidEvent, InvalidSettings

_console = Console(stderr=True)


def publish(
    file: Annotated[Path, typer.Argument(help="NDJSON, one event a line; - is standard input.")],
    admin: Admin = DEFAULT_URL,
    token: Token = "",
    restamp: Annotated[
        bool,
        typer.Option(
            "--restamp",
            help="Give every line a new n and the time now, so that a file can be sent again.",
        ),
    ] = False,
    wait: Annotated[
        float,
        typer.Option(help="Seconds to go on trying while the server cannot be reached.", min=0),
    ] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Publish events. Each line is {"v":1,"account":…,"source":…,"n":…,"event":{"type":…}}.

    Safe to repeat: a line whose n is stored already is answered as a duplicate, and nothing is
    stored twice. Exit code 1 when a line was refused.
    """
    lines = _read(file)
    if restamp:
        lines = _restamped(lines)
    tls = ssl.create_default_context()  # which keeps to SSL_CERT_FILE
    publisher = Publisher(admin, token=token, give_up_s=wait, verify=tls, trust_env=False)
    if asyncio.run(_publish(publisher, lines, as_json=as_json)):
        raise typer.Exit(1)


async def _publish(publisher: Publisher, lines: list[bytes], *, as_json: bool) -> int:
    stored = repeated = refused = 0
    bar = Progress(
        TextColumn("publishing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_console,
        transient=True,
    )
    async with publisher:
        with bar:
            task = bar.add_task("publishing", total=len(lines))
            async for answer in publisher.send_all(_each(lines)):
                stored += answer.error is None and not answer.duplicate
                repeated += answer.duplicate
                refused += answer.error is not None
                _show(answer, as_json=as_json)
                bar.advance(task)
    if not as_json:
        _console.print(f"{stored} stored, {repeated} stored before, {refused} refused")
    return refused


def _show(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    elif answer.error is not None:
        error = answer.error
        _console.print(f"line {answer.line}: {error.code}: {error.msg}", markup=False)


async def _each(lines: list[bytes]) -> AsyncIterator[bytes]:
    for line in lines:
        yield line


def _read(file: Path) -> list[bytes]:
    def read(opened: BinaryIO) -> list[bytes]:
        return [line for line in opened.read().splitlines() if line.strip()]

    if str(file) == "-":
        return read(sys.stdin.buffer)
    try:
        with file.open("rb") as opened:
            return read(opened)
    except OSError as e:
        raise InvalidSettings(f"{file} cannot be read: {e.strerror}") from None


def _restamped(lines: list[bytes]) -> list[bytes]:
    now_ms = time.time_ns() // 1_000_000
    stamped = []
    for number, text in enumerate(lines):
        try:
            line: dict[str, Any] = msgspec.json.decode(text)
            line["n"] = now_ms * 1000 + number
            line.pop("prev_n", None)
            line["event"]["time_ms"] = now_ms
        except (msgspec.MsgspecError, TypeError, KeyError):
            raise InvalidEvent(f"line {number + 1} is not a publishing line") from None
        stamped.append(msgspec.json.encode(line))
    return stamped
