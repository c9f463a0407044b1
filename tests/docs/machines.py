"""The machines' tables of transitions, as diagrams and tables of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from tests.docs.fields import documented
from userstream.core import session
from userstream.core.client.keylife import KEY_TRANSITIONS, KeyState
from userstream.core.client.link import LINK_TRANSITIONS, LinkState
from userstream.core.client.states import TRANSITIONS
from userstream.core.client.told import State
from userstream.venues import load, names

_FILL_KEYS = {
    "TRADE_ID": "trade id",
    "CUMULATIVE": "order and its filled sum",
    "NONE": "none: equal fills are counted",
}


def diagram(table: Mapping[Any, Enum], first: Iterable[Enum], last: Enum) -> str:
    """A state diagram of a table, with the steps between two states on one arrow."""
    steps: dict[tuple[str, str], list[str]] = {}
    for (before, step), after in table.items():
        steps.setdefault((before.name, after.name), []).append(step.name.lower())
    lines = ["```mermaid", "stateDiagram-v2", *(f"    [*] --> {state.name}" for state in first)]
    lines += [f"    {a} --> {b}: {', '.join(found)}" for (a, b), found in steps.items()]
    return "\n".join([*lines, f"    {last.name} --> [*]", "```"]) + "\n"


def session_states() -> str:
    """The server's side of a connection."""
    first = (session.State.UNBOUND, session.State.BOUND)
    return diagram(session.TRANSITIONS, first, session.State.ENDED)


def stream_states() -> str:
    """The client's side, across many connections."""
    return diagram(TRANSITIONS, (State.CONNECTING,), State.STOPPED)


def key_states() -> str:
    """The life of a listen key."""
    return diagram(KEY_TRANSITIONS, (KeyState.NONE,), KeyState.OVER)


def link_states() -> str:
    """The client's side of one connection."""
    return diagram(LINK_TRANSITIONS, (LinkState.OPENING,), LinkState.ENDED)


def stream_meanings() -> list[tuple[str, str]]:
    """What each state of a stream vouches for."""
    docs = documented(State)
    return [(f"`{state.value}`", docs[state.name]) for state in State]


def sequences() -> list[tuple[str, str, str]]:
    """By what each venue's events are put in sequence and told apart."""
    rows = []
    for name in names():
        stream = load(name).stream
        time = {"PUSHED": "of the message", "CHANGED": "of the transaction"}
        rows.append((name, time[stream.order_time.name], _FILL_KEYS[stream.fill_key.name]))
    return rows
