"""``userstream verify``: what a bot's log has of the truth."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from userstream.cli.admin import AsJson
from userstream.errors import InvalidSettings
from userstream.markets import SANDBOX_MARKETS
from userstream.venues import load

if TYPE_CHECKING:
    from userstream.sandbox.telling import Log, Truth
    from userstream.sandbox.verify import Entry, Verdict
    from userstream.venue import Venue

_UNUSABLE = 2
_LAST_SEQ = 1 << 62


def verify(
    truth: Annotated[
        Path,
        typer.Argument(help="NDJSON of `userstream sandbox truth ACCOUNT`; - is standard input."),
    ],
    log: Annotated[
        Path, typer.Argument(help="NDJSON of a bot: frames as they came, envelopes or events.")
    ],
    venue: Annotated[
        str,
        typer.Option(help="Dialect of the frames in LOG.", show_default="the truth's"),
    ] = "",
    from_seq: Annotated[
        int, typer.Option(help="First seq that LOG should have: it began later.", min=1)
    ] = 1,
    to_seq: Annotated[
        int | None,
        typer.Option(help="Last seq that LOG should have.", min=1, show_default=False),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="Part of a channel's name (MEXC), repeatable: compare only these."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare what a bot got with what was published.

    Prints what is missing, duplicated, reordered and invented, with a first example of each.
    Frames are compared with the truth of their venue: take it with --venue. Events are matched by
    count: two equal fills must be there twice. Exit code 0: no differences; 1: some; 2: TRUTH or
    LOG cannot be used.
    """
    try:
        report = _report(truth, log, venue, range(from_seq, (to_seq or _LAST_SEQ) + 1), channel)
    except InvalidSettings as e:
        typer.echo(f"userstream: {e}", err=True)
        raise typer.Exit(_UNUSABLE) from None
    typer.echo(json.dumps(report) if as_json else _text(report))
    if not report["clean"]:
        raise typer.Exit(1)


def _report(
    truth: Path, log: Path, venue: str, seqs: range, channels: list[str] | None
) -> dict[str, Any]:
    from userstream.sandbox.telling import TruthFile, read_log  # noqa: PLC0415 - an extra
    from userstream.sandbox.verify import compare  # noqa: PLC0415

    told = TruthFile(_lines(truth))
    heard = read_log(_lines(log), venue or told.venue, _load)
    wanted = told.of_kind(heard.kind, _load, seqs=seqs, channels=channels or ())
    entries = [e for e in heard.entries if e.mark not in wanted.ignored]
    verdict = compare(wanted.entries, entries)
    return _shown(told.account, told.venue, heard, wanted, verdict, len(entries))


def _shown(
    account: str, venue: str, heard: Log, wanted: Truth, verdict: Verdict, compared: int
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "clean": verdict.clean,
        "account": account,
        "venue": venue or None,
        "compared": heard.kind.value,
        "truth": len(wanted.entries),
        "log": compared,
        "others": heard.others,
        "matched": verdict.matched,
        "faults": dict(wanted.faults),
    }
    for name, entries, place in (
        ("missing", verdict.missing, "seq"),
        ("duplicated", verdict.duplicated, "line"),
        ("reordered", verdict.reordered, "line"),
        ("invented", verdict.invented, "line"),
    ):
        report[name] = {"count": len(entries), "first": _first(entries, place)}
    report["hint"] = _hint(wanted, verdict)
    return report


def _first(entries: list[Entry], place: str) -> dict[str, Any] | None:
    return {place: entries[0].place, "shown": entries[0].shown} if entries else None


def _hint(wanted: Truth, verdict: Verdict) -> str | None:
    """Whether the log seems to begin later than the truth."""
    gone = {id(e) for e in verdict.missing}
    late = next((e for e in wanted.entries if id(e) not in gone), None)
    if late is None or not gone or id(wanted.entries[0]) not in gone:
        return None
    return f"if the log began later than the truth: --from-seq {late.place}"


def _text(report: dict[str, Any]) -> str:
    where = f" on {report['venue']}" if report["venue"] else ""
    lines = [
        f"{report['account']}{where}: {report['truth']} {report['compared']} in the truth, "
        f"{report['log']} in the log, {report['matched']} of them in order"
    ]
    for name in ("missing", "duplicated", "reordered", "invented"):
        found = report[name]
        lines.append(f"{name:<11}{found['count']}")
        if found["first"]:
            place, at = next(iter(found["first"].items()))
            lines.append(f"           first: {place} {at}: {found['first']['shown']}")
    if report["others"]:
        lines.append(f"{report['others']} lines of the log are no events of an account")
    if report["faults"]:
        struck = ", ".join(f"{kind} {count}" for kind, count in report["faults"].items())
        lines.append(f"faults in that time: {struck}")
    return "\n".join([*lines, *filter(None, [report["hint"]])])


@cache
def _load(name: str) -> Venue:
    return load(name, None, SANDBOX_MARKETS)


def _lines(file: Path) -> list[bytes]:
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as e:
        raise InvalidSettings(f"{file} cannot be read: {e.strerror}") from None
    return [line for line in data.splitlines() if line.strip()]
