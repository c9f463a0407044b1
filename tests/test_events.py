"""Normalised events: frozen, tagged, and tolerant readers of what comes later."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from tests.venues.strategies import events
from userstream.events import (
    ACCOUNT,
    EPOCH,
    STATUSES,
    TERMINAL,
    AccountSnapshot,
    AccountUpdate,
    Balance,
    Envelope,
    Event,
    OrderUpdate,
)

decode = msgspec.json.Decoder(Event).decode


@given(events)
def test_an_event_survives_json(event: Event) -> None:
    assert decode(msgspec.json.encode(event)) == event


@pytest.mark.parametrize(
    ("kind", "tag"),
    [
        (OrderUpdate, "order_update"),
        (AccountUpdate, "account_update"),
        (AccountSnapshot, "account_snapshot"),
    ],
)
def test_the_type_of_an_event_is_its_tag(kind: type[msgspec.Struct], tag: str) -> None:
    assert kind.__struct_config__.tag_field == "type"
    assert kind.__struct_config__.tag == tag


def test_fields_of_later_versions_are_ignored() -> None:
    event = decode('{"type":"account_update","time_ms":1,"later":true}')
    assert event == AccountUpdate(time_ms=1)


def test_what_is_not_said_is_none_and_never_zero() -> None:
    order = OrderUpdate(symbol="A", order_id="1", side="BUY", status="NEW", time_ms=1)
    said = {"symbol", "order_id", "side", "status", "time_ms"}
    assert all(getattr(order, f) is None for f in set(order.__struct_fields__) - said)
    balance = Balance(asset="A", free="1", locked="0")
    assert balance.free_change is balance.locked_change is None


def test_amounts_are_text_and_numbers_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode('{"type":"account_update","time_ms":1,"balances":[{"asset":"A","free":1.5}]}')


def test_events_and_envelopes_do_not_change() -> None:
    envelope = Envelope(1, "alice", "epoch000", 1, 1, AccountUpdate(time_ms=1))
    with pytest.raises(AttributeError):
        envelope.seq = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        envelope.event.time_ms = 2  # type: ignore[misc]


def test_terminal_statuses_are_statuses() -> None:
    assert TERMINAL < STATUSES
    assert {"NEW", "PARTIALLY_FILLED", "PENDING_CANCEL"} == STATUSES - TERMINAL


@pytest.mark.parametrize(("text", "good"), [("alice-1_B", True), ("a b", False), ("", False)])
def test_account_names_are_short_words(text: str, good: bool) -> None:
    assert (ACCOUNT.fullmatch(text) is not None) is good
    assert ACCOUNT.fullmatch("a" * 65) is None


@pytest.mark.parametrize(
    ("text", "good"), [("epoch000", True), ("short", False), ("EPOCH000", False), ("a" * 17, False)]
)
def test_epochs_are_8_to_16_lower_case_letters_and_digits(text: str, good: bool) -> None:
    assert (EPOCH.fullmatch(text) is not None) is good
