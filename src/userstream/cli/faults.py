"""``userstream sandbox fault``: what is to go wrong."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from userstream.cli.admin import DEFAULT_TOKEN, DEFAULT_URL, Admin, AsJson, SandboxToken, call

Account = Annotated[str | None, typer.Option(help="Whose.", show_default="any account")]
OfVenue = Annotated[str | None, typer.Option("--venue", help="Where.", show_default="any venue")]
Count = Annotated[int | None, typer.Option(help="Strike at most so often.", show_default="1")]
Streams = Annotated[int | None, typer.Option(help="At most so many.", show_default="all")]
Probability = Annotated[
    float | None,
    typer.Option(help="Chance of a strike, above 0 up to 1, each time.", show_default="always"),
]
After = Annotated[int | None, typer.Option(help="Leave so many alone first.", show_default="0")]
ForMs = Annotated[
    int | None, typer.Option(help="Over after so many real milliseconds.", show_default="never")
]
Seed = Annotated[
    int | None, typer.Option(help="Of the chances.", show_default="the sandbox's --seed")
]
OfEvent = Annotated[
    str | None,
    typer.Option(
        help="Only frames of order_update, account_update or account_snapshot.",
        show_default="any",
    ),
]
Ms = Annotated[
    int | None,
    typer.Option(help="Real milliseconds that a frame is held at most.", show_default="200"),
]
On = Annotated[
    str | None,
    typer.Option(
        help="now: the streams that are open. open: as a stream opens. frame: as a frame is to "
        "be sent, which is lost with it.",
        show_default="now",
    ),
]

fault = typer.Typer(
    no_args_is_help=True,
    help="Make things go wrong in a running sandbox, list what is set, clear it.\n\n"
    "A fault strikes the next frame, stream or request in its scope: --account and --venue. "
    "--count, --probability, --after and --for-ms say how often; with none of them it strikes "
    "once. Every strike is in the sandbox's log, and in `userstream sandbox truth ACCOUNT`.",
)


def _set(kind: str, admin: str, token: str, as_json: bool, **fields: Any) -> None:  # noqa: ANN401
    body = {name: value for name, value in fields.items() if value not in {None, False}}
    found = call("POST", admin, token, "/_sandbox/faults", json={"kind": kind, **body})
    typer.echo(json.dumps(found) if as_json else _line(found))


def _line(found: dict[str, Any]) -> str:
    spent = ", spent" if found["spent"] else ""
    return f"{found['id']}: {found['reads']} ({found['hits']} struck{spent})"


def _frames(kind: str, doc: str) -> None:
    """A command for faults of frames."""

    def command(  # noqa: PLR0917 - options, all by name
        account: Account = None,
        venue: OfVenue = None,
        event: OfEvent = None,
        count: Count = None,
        probability: Probability = None,
        after: After = None,
        for_ms: ForMs = None,
        seed: Seed = None,
        admin: Admin = DEFAULT_URL,
        token: SandboxToken = DEFAULT_TOKEN,
        as_json: AsJson = False,
    ) -> None:
        _set(
            kind, admin, token, as_json, account=account, venue=venue, event=event, count=count,
            probability=probability, after=after, for_ms=for_ms, seed=seed,
        )  # fmt: skip

    fault.command(kind, help=doc)(command)


def _late_frames(kind: str, doc: str) -> None:
    """A command for faults of frames that take time."""

    def command(  # noqa: PLR0917 - options, all by name
        account: Account = None,
        venue: OfVenue = None,
        event: OfEvent = None,
        ms: Ms = None,
        count: Count = None,
        probability: Probability = None,
        after: After = None,
        for_ms: ForMs = None,
        seed: Seed = None,
        admin: Admin = DEFAULT_URL,
        token: SandboxToken = DEFAULT_TOKEN,
        as_json: AsJson = False,
    ) -> None:
        _set(
            kind, admin, token, as_json, account=account, venue=venue, event=event, delay_ms=ms,
            count=count, probability=probability, after=after, for_ms=for_ms, seed=seed,
        )  # fmt: skip

    fault.command(kind, help=doc)(command)


def _cuts(kind: str, doc: str) -> None:
    """A command for faults of whole connections."""

    def command(  # noqa: PLR0917 - options, all by name
        account: Account = None,
        venue: OfVenue = None,
        on: On = None,
        count: Streams = None,
        probability: Probability = None,
        after: After = None,
        for_ms: ForMs = None,
        seed: Seed = None,
        admin: Admin = DEFAULT_URL,
        token: SandboxToken = DEFAULT_TOKEN,
        as_json: AsJson = False,
    ) -> None:
        _set(
            kind, admin, token, as_json, account=account, venue=venue, on=on, count=count,
            probability=probability, after=after, for_ms=for_ms, seed=seed,
        )  # fmt: skip

    fault.command(kind, help=doc)(command)


def _keys(kind: str, doc: str) -> None:
    """A command for the ends of listen keys."""

    def command(
        account: Account = None,
        venue: OfVenue = None,
        count: Streams = None,
        admin: Admin = DEFAULT_URL,
        token: SandboxToken = DEFAULT_TOKEN,
        as_json: AsJson = False,
    ) -> None:
        _set(kind, admin, token, as_json, account=account, venue=venue, count=count)

    fault.command(kind, help=doc)(command)


_frames("drop", "Lose frames of events.")
_frames("duplicate", "Send frames of events twice.")
_late_frames("delay", "Hold frames of events back; what follows waits behind them.")
_late_frames(
    "reorder",
    "Send frames of events after their successor; without one in time a frame keeps its place.",
)
_cuts("half-open", "Say and hear nothing more on streams, which stay open: not even pings.")
_cuts("reset", "Break streams with a TCP reset.")


@fault.command()
def close(  # noqa: PLR0917 - options, all by name
    code: Annotated[
        int,
        typer.Argument(help="1000 to 4999. 1005: a close frame without a code; 1006: none at all."),
    ],
    reason: Annotated[str, typer.Argument(help="Close text.", show_default=False)] = "",
    account: Account = None,
    venue: OfVenue = None,
    on: On = None,
    count: Streams = None,
    probability: Probability = None,
    after: After = None,
    for_ms: ForMs = None,
    seed: Seed = None,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Close streams with any code and text."""
    _set(
        "close", admin, token, as_json, code=code, reason=reason or None, account=account,
        venue=venue, on=on, count=count, probability=probability, after=after, for_ms=for_ms,
        seed=seed,
    )  # fmt: skip


_keys("delete-key", "Delete live listen keys, as another client with the same account would.")
_keys("expire-key", "Let live listen keys expire now, with the venue's own notice and close.")


@fault.command("silent-key")
def silent_key(  # noqa: PLR0917 - options, all by name
    account: Account = None,
    venue: OfVenue = None,
    count: Streams = None,
    probability: Probability = None,
    after: After = None,
    for_ms: ForMs = None,
    seed: Seed = None,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Say nothing when listen keys die.

    Open streams stay open and hear nothing more; a stream opened with a dead key is accepted and
    hears nothing. Lasts until it is cleared, unless --count or --for-ms bounds it.
    """
    _set(
        "silent-key", admin, token, as_json, account=account, venue=venue, count=count,
        probability=probability, after=after, for_ms=for_ms, seed=seed,
    )  # fmt: skip


@fault.command(context_settings={"ignore_unknown_options": True})
def rest(  # noqa: PLR0917 - options, all by name
    answer: Annotated[
        str,
        typer.Argument(
            help="500, timeout (no answer until the client gives up), 429, 418, -1021 (timestamp) "
            "or -1125 (unknown listen key), each in the venue's own form and code."
        ),
    ],
    account: Account = None,
    venue: OfVenue = None,
    method: Annotated[str | None, typer.Option(help="GET, POST, …", show_default="any")] = None,
    path: Annotated[
        str | None,
        typer.Option(help="Beginning of the path in the venue's document.", show_default="any"),
    ] = None,
    retry_after: Annotated[
        int | None,
        typer.Option(help="Seconds, with 429 and 418.", show_default="5 and 120"),
    ] = None,
    carried_out: Annotated[
        bool, typer.Option("--carried-out", help="Act on the request first, and then answer so.")
    ] = False,
    count: Count = None,
    probability: Probability = None,
    after: After = None,
    for_ms: ForMs = None,
    seed: Seed = None,
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Refuse REST requests, or leave them without an answer."""
    _set(
        "rest", admin, token, as_json, answer=answer, account=account, venue=venue, method=method,
        path=path, retry_after_s=retry_after, carried_out=carried_out, count=count,
        probability=probability, after=after, for_ms=for_ms, seed=seed,
    )  # fmt: skip


@fault.command("list")
def list_(
    admin: Admin = DEFAULT_URL, token: SandboxToken = DEFAULT_TOKEN, as_json: AsJson = False
) -> None:
    """List the faults that are set, and how often each has struck."""
    _print(call("GET", admin, token, "/_sandbox/faults"), as_json=as_json)


@fault.command()
def clear(
    id_: Annotated[str, typer.Argument(metavar="[ID]", help="Of one fault; without it, all.")] = "",
    admin: Admin = DEFAULT_URL,
    token: SandboxToken = DEFAULT_TOKEN,
    as_json: AsJson = False,
) -> None:
    """Clear one fault, or all of them."""
    path = f"/_sandbox/faults/{id_}" if id_ else "/_sandbox/faults"
    _print(call("DELETE", admin, token, path), as_json=as_json)


def _print(found: list[dict[str, Any]], *, as_json: bool) -> None:
    typer.echo(json.dumps(found) if as_json else "\n".join(map(_line, found)) or "no faults")
