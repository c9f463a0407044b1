"""What makes a venue whole, and what keeps it the only place that knows its name."""

from __future__ import annotations

import ast
import importlib
import re
import string
from pathlib import Path

import msgspec
import pytest

import userstream
from tests.venues.vectors import NAMES, rest_vectors, vectors
from userstream import venues
from userstream.events import (
    AccountSnapshot,
    AccountUpdate,
    Balance,
    Envelope,
    Event,
    ListenKeyExpired,
    OrderUpdate,
)
from userstream.markets import Markets
from userstream.venue import (
    Call,
    ExpiryNotice,
    KeyPlace,
    Refusal,
    Venue,
)

SOURCE = Path(userstream.__file__).parent
MAY_NAME_VENUES = {"venues", "cli", "cli.py", "__main__.py", "sandbox"}

BALANCE = Balance(asset="BTC", free="1", locked="0", free_change="1", locked_change="0")
EVENTS = (
    OrderUpdate(
        symbol="BTCUSDT",
        order_id="1",
        side="BUY",
        status="FILLED",
        time_ms=1,
        execution="TRADE",
        order_type="LIMIT",
        quantity="1",
        cumulative_quantity="1",
        last_quantity="1",
        last_price="1",
        trade_id="1",
    ),
    AccountUpdate(time_ms=1, balances=(BALANCE,)),
    AccountSnapshot(time_ms=1, balances=(BALANCE,)),
)

by_venue = pytest.mark.parametrize("name", NAMES)


def loaded(name: str) -> Venue:
    return venues.load(name)


@by_venue
def test_a_venue_module_has_options_a_builder_and_the_documents_own_value(name: str) -> None:
    module = importlib.import_module(f"userstream.venues.{name}")
    assert isinstance(module.VENUE, Venue)
    assert module.VENUE.name == name
    assert module.VENUE.document
    built = module.build(module.Options(), Markets())
    assert isinstance(built, Venue)
    config = module.Options.__struct_config__
    assert issubclass(module.Options, msgspec.Struct)
    assert config.frozen
    assert config.forbid_unknown_fields


@by_venue
def test_every_refusal_has_a_form_whose_gaps_the_server_can_fill(name: str) -> None:
    errors = loaded(name).errors
    assert set(errors) == set(Refusal)
    for refusal, form in errors.items():
        assert 400 <= form.status <= 599, refusal
        assert form.code != 0
        gaps = [field for _, field, _, _ in string.Formatter().parse(form.text) if field == ""]
        assert len(gaps) <= GAPS.get(refusal, 0), refusal


GAPS = {
    Refusal.PARAMETER_MISSING: 1,
    Refusal.PARAMETER_EMPTY: 1,
    Refusal.PARAMETER_ILLEGAL: 2,
    Refusal.PARAMETER_SURPLUS: 2,
    Refusal.RECV_WINDOW: 1,
    Refusal.SIGNATURE_MISSING: 1,
    Refusal.TOO_MANY_REQUESTS: 1,
    Refusal.BANNED: 1,
    Refusal.MALFORMED: 2,
}


@by_venue
def test_every_event_kind_that_a_venue_decodes_has_a_vector(name: str) -> None:
    venue = loaded(name)
    shown = {type(r.event) for v in vectors(name) for r in v.received}
    for event in EVENTS:
        picture = event if isinstance(event, AccountSnapshot) else None
        frames = venue.encode(Envelope(1, "alice", "epoch000", 1, 2, event), picture)
        assert frames
        decoded = {type(r.event) for f in frames for r in venue.decode(f.payload)}
        assert decoded <= shown
    if venue.stream.expiry_notice is ExpiryNotice.EVENT:
        assert ListenKeyExpired in shown


@by_venue
def test_the_documents_samples_and_the_rest_calls_are_among_the_vectors(name: str) -> None:
    assert any(v.kind == "verbatim" for v in vectors(name)) or not any(
        v.is_text for v in vectors(name)
    )
    rows = rest_vectors(name)
    assert {"POST", "PUT", "DELETE"} <= {r["request"]["method"] for r in rows if "refusal" not in r}
    assert any("refusal" in r for r in rows)


@by_venue
def test_what_a_dialect_loses_are_fields_of_the_event(name: str) -> None:
    kinds = {str(kind.__struct_config__.tag): kind for kind in Event.__args__}
    lost = loaded(name).lost
    assert set(lost) <= set(kinds)
    for kind, fields in lost.items():
        assert fields <= set(kinds[kind].__struct_fields__)


@by_venue
def test_every_listen_key_call_is_served_and_every_route_is_below_the_mount(name: str) -> None:
    routes = loaded(name).rest.routes
    assert {Call.CREATE, Call.RENEW, Call.DELETE} <= {r.call for r in routes}
    assert len({(r.method, r.path) for r in routes}) == len(routes)
    assert all(r.path.startswith("/") and r.weight >= 0 for r in routes)


@by_venue
def test_a_stream_can_be_opened_with_a_listen_key_in_the_address(name: str) -> None:
    places = {p.place for p in loaded(name).stream.paths}
    assert places & {KeyPlace.PATH, KeyPlace.QUERY}


# ── nobody else knows a venue by name ───────────────────────────────────────────────────────────


def _docstrings(tree: ast.AST) -> set[int]:
    """Strings that stand alone: of modules, classes and functions, and below attributes."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def venue_knowledge(source: str) -> list[str]:
    """Where a source names a venue: in a string, in an import, in an ``isinstance``."""
    tree = ast.parse(source)
    docstrings = _docstrings(tree)
    name = re.compile(rf"(?i)(?<![a-z])({'|'.join(NAMES)})(?![a-z])")
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                suspect = text
            case ast.ImportFrom(module=str(module), names=imported):
                suspect = " ".join([module, *(alias.name for alias in imported)])
            case ast.Import(names=imported):
                suspect = " ".join(alias.name for alias in imported)
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, of_what]):
                suspect = ast.unparse(of_what)
                if re.search(r"\bVenue\b", suspect):
                    found.append(f"line {node.lineno}: isinstance of a venue")
            case _:
                continue
        if name.search(suspect):
            found.append(f"line {node.lineno}: {suspect[:60]}")
    return found


def _others() -> list[Path]:
    return [
        path
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] not in MAY_NAME_VENUES
    ]


@pytest.mark.parametrize("path", _others(), ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_no_module_outside_the_venues_knows_one_by_name(path: Path) -> None:
    assert venue_knowledge(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "if venue.name == 'mexc': pass",
        "x = f'/{a}/Binance'",
        "from userstream.venues import bhex",
        "from userstream.venues.spacedex import VENUE",
        "import userstream.venues.bhex",
        "isinstance(x, binance.Options)",
        "isinstance(x, Venue)",
    ],
)
def test_knowledge_of_a_venue_is_found(source: str) -> None:
    assert venue_knowledge(source)


@pytest.mark.parametrize("source", ["'''As on MEXC.'''", "x = 1\n'''Binance has 8.'''", "y = 'a'"])
def test_a_docstring_may_name_a_venue(source: str) -> None:
    assert not venue_knowledge(source)
