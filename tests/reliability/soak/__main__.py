"""``python -m tests.reliability.soak``: the soak from a terminal."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from tests.reliability.soak.places import CLUSTER, SERVER, Place
from tests.reliability.soak.report import figures, page
from tests.reliability.soak.run import Plan, Round, Soak
from tests.reliability.soak.scenarios import in_full

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def duration_s(text: str) -> float:
    """Seconds of ``90s``, ``10m``, ``1h`` or ``2d``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time; allowed are 90s, 10m, 1h, 2d and the like")
    return float(found[1]) * _UNITS_S[found[2]]


def _taught(menu: Mapping[str, Any]) -> str:
    """A line for each trouble; blank lines keep a terminal from joining them."""
    return "\n\n".join(f"  {name}: {what.__doc__}" for name, what in menu.items())


_OWN = {name: what for name, what in CLUSTER.menu.items() if name not in SERVER.menu}
_TROUBLES = (
    f"[bold]Troubles:[/bold]\n\n{_taught(SERVER.menu)}\n\n"
    f"[bold]With --cluster, in the place of stop:[/bold]\n\n{_taught(_OWN)}"
)


Length = Annotated[
    float, typer.Option("--for", parser=duration_s, metavar="TIME", help="How long: 10m, 8h, 2d.")
]
Once = Annotated[bool, typer.Option("--once", help="Each trouble once, however long that takes.")]
OnCluster = Annotated[
    bool,
    typer.Option(
        "--cluster",
        help="On three nodes of NATS, with two edges and two REST processes behind balancers.",
    ),
]
Clients = Annotated[int, typer.Option(min=1, max=20_000, help="Bots, an account each.")]
Rate = Annotated[int, typer.Option("--rate", min=1, max=100_000, help="Events a second.")]
Calm = Annotated[float, typer.Option(min=0, help="Seconds of load before a trouble.")]
Troubles = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Only these of those below.")
]
Seed = Annotated[int, typer.Option(help="The order of the troubles.")]
Full = Annotated[
    bool, typer.Option("--full", help="Then each scenario R, K and L, at full size: hours.")
]
Report = Annotated[Path, typer.Option(help="The page to write.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")]


@app.command(epilog=_TROUBLES)
def soak(
    length: Length = "10m",  # type: ignore[assignment]
    once: Once = False,
    cluster: OnCluster = False,
    clients: Clients = 500,
    per_s: Rate = 1_000,
    calm_s: Calm = 5,
    trouble: Troubles = None,
    seed: Seed = 0,
    full: Full = False,
    report: Report = Path("soak.html"),
    as_json: AsJson = False,
) -> None:
    """Runs a real server, or a cluster, under load, with one trouble after the other.

    Every bot resumes with its cursor, and after each trouble what it got is compared with what was
    acknowledged to the exchange. Other programs make, renew, delete and lose listen keys all the
    while. Ends with 1 where anything was missing, duplicated, out of order or another account's,
    or a key was not what its owner was told. The page has the figures, and charts of events,
    latency, queues and memory.

    Example: python -m tests.reliability.soak --for 8h --clients 2000 --trouble kill --trouble herd

    Example: python -m tests.reliability.soak --cluster --once --clients 100 --rate 300
    """
    place: Place[Any] = CLUSTER if cluster else SERVER
    wrong = sorted(set(trouble or ()) - set(place.menu))
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is no trouble; allowed are {', '.join(place.menu)}")
    plan = Plan(None if once else length, clients, per_s, calm_s, trouble or (), seed)
    run = _run(plan, place, full=full)
    report.write_text(page(run))
    if as_json:
        print(json.dumps(figures(run)))
    print(f"{'passed' if run.passed else 'FAILED'}: {report}", file=sys.stderr)
    raise typer.Exit(0 if run.passed else 1)


def _run(plan: Plan, place: Place[Any], *, full: bool) -> Soak:
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        run = Soak(plan, Path(folder), place, lambda r, now_s: _tell(r, now_s, plan))
        print(f"opening {plan.clients:,} streams", file=sys.stderr)
        uvloop.run(run.run())
        if full:
            run.scenarios = in_full(Path(folder), lambda line: print(line, file=sys.stderr))
    return run


def _tell(r: Round, now_s: float, plan: Plan) -> None:
    back = f"live again in {max(r.returns_s):.2f} s at most, " if r.returns_s else ""
    length = "" if plan.for_s is None else f" of {plan.for_s:.0f}"
    print(
        f"{now_s:7.0f}{length} s  {r.trouble:<12} {len(r.returns_s):>5} streams ended, "
        f"{back}{r.events:,} events: {'nothing lost' if r.passed else r.error or r.counts}",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    app()
