"""``python -m tests.reliability.soak``: the soak from a terminal."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from tests.reliability.soak.report import figures, page
from tests.reliability.soak.run import Plan, Round, Soak
from tests.reliability.soak.scenarios import in_full
from tests.reliability.soak.troubles import MENU

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def duration_s(text: str) -> float:
    """Seconds of ``90s``, ``10m``, ``1h`` or ``2d``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time; allowed are 90s, 10m, 1h, 2d and the like")
    return float(found[1]) * _UNITS_S[found[2]]


@app.command()
def soak(
    length: Annotated[
        float,
        typer.Option("--for", parser=duration_s, metavar="TIME", help="How long: 10m, 8h, 2d."),
    ] = "10m",  # type: ignore[assignment]
    clients: Annotated[int, typer.Option(min=1, max=20_000, help="Bots, an account each.")] = 500,
    per_s: Annotated[
        int, typer.Option("--rate", min=1, max=100_000, help="Events a second.")
    ] = 1_000,
    calm_s: Annotated[float, typer.Option(min=0, help="Seconds of load before a trouble.")] = 5,
    trouble: Annotated[
        list[str] | None, typer.Option(help=f"Only these, of {', '.join(MENU)}.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The order of the troubles.")] = 0,
    full: Annotated[
        bool, typer.Option("--full", help="Then each scenario R, K and L, at full size: hours.")
    ] = False,
    report: Annotated[Path, typer.Option(help="The page to write.")] = Path("soak.html"),
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Runs a real server under load, with one trouble after the other, for a given time.

    Every bot resumes with its cursor, and after each trouble what it got is compared with what was
    acknowledged to the exchange. Ends with 1 where anything was missing, duplicated, out of order
    or another account's. The page has the figures, and charts of latency, queues and memory.

    Example: python -m tests.reliability.soak --for 8h --clients 2000 --trouble kill --trouble herd
    """
    wrong = sorted(set(trouble or ()) - set(MENU))
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is no trouble; allowed are {', '.join(MENU)}")
    plan = Plan(length, clients, per_s, calm_s, trouble or tuple(MENU), seed)
    run = _run(plan, full=full)
    report.write_text(page(run))
    if as_json:
        print(json.dumps(figures(run)))
    print(f"{'passed' if run.passed else 'FAILED'}: {report}", file=sys.stderr)
    raise typer.Exit(0 if run.passed else 1)


def _run(plan: Plan, *, full: bool) -> Soak:
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        run = Soak(plan, Path(folder), lambda r, now_s: _tell(r, now_s, plan))
        print(f"opening {plan.clients:,} streams", file=sys.stderr)
        uvloop.run(run.run())
        if full:
            run.scenarios = in_full(Path(folder), lambda line: print(line, file=sys.stderr))
    return run


def _tell(r: Round, now_s: float, plan: Plan) -> None:
    back = f"live again in {max(r.returns_s):.2f} s at most, " if r.returns_s else ""
    print(
        f"{now_s:7.0f} of {plan.for_s:.0f} s  {r.trouble:<12} {len(r.returns_s):>5} streams ended, "
        f"{back}{r.events:,} events: {'nothing lost' if r.passed else r.error or r.counts}",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    app()
