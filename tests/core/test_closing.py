"""Reasons for an end: a close frame that may be sent, and what a client should do."""

from __future__ import annotations

import re

import pytest

from userstream.core.closing import End, Then, end_named, end_of

SENDABLE = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1013}
"""RFC 6455 §7.4.1, and 1013 of IANA's registry that §7.4.2 opens for later codes."""
NEVER_SENT = {1004, 1005, 1006, 1010, 1015}
"""Reserved, or a client's to send."""


@pytest.mark.parametrize("end", End)
def test_every_close_code_may_be_sent_by_a_server(end: End) -> None:
    code = end.value.code
    assert code is None or (code in SENDABLE and code not in NEVER_SENT)


@pytest.mark.parametrize("end", End)
def test_every_close_text_fits_into_a_control_frame(end: End) -> None:
    assert 0 < len(end.value.text.encode()) <= 123


@pytest.mark.parametrize("end", End)
def test_every_end_says_what_to_do(end: End) -> None:
    assert isinstance(end.value.then, Then)
    assert end.value.then.value


def test_no_two_ends_are_the_same() -> None:
    # Members of an enumeration with equal values would silently be one member.
    assert len(End.__members__) == len(list(End)) == len({e.value.text for e in End})


@pytest.mark.parametrize(
    ("end", "code", "then"),
    [
        (End.EXPIRED, 1008, Then.NEW_KEY),
        (End.DELETED, 1000, Then.NEW_KEY),
        (End.REVOKED, 1008, Then.STOP),
        (End.MAX_AGE, 1001, Then.RECONNECT),
        (End.SHUTDOWN, 1001, Then.RECONNECT),
        (End.SLOW, 1013, Then.RECONNECT),
        (End.NO_PONG, None, Then.RECONNECT),
        (End.NO_SUBSCRIPTION, 1000, Then.RECONNECT),
        (End.IDLE, 1000, Then.RECONNECT),
        (End.TOO_MANY_MESSAGES, 1008, Then.RECONNECT),
        (End.BINARY, 1003, Then.STOP),
        (End.PROTOCOL, 1002, Then.STOP),
        (End.NOT_UTF8, 1007, Then.STOP),
        (End.TOO_LARGE, 1009, Then.STOP),
        (End.INTERNAL, 1011, Then.RECONNECT),
        (End.UNAVAILABLE, 1013, Then.RECONNECT),
        (End.CLIENT, None, Then.RECONNECT),
        (End.LOST, None, Then.RECONNECT),
    ],
)
def test_an_end_has_its_code_and_advice(end: End, code: int | None, then: Then) -> None:
    assert (end.value.code, end.value.then) == (code, then)


@pytest.mark.parametrize("end", End)
def test_a_label_suits_a_metric(end: End) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", end.label)


@pytest.mark.parametrize("end", End)
def test_a_client_knows_an_end_by_its_frame_and_by_its_name(end: End) -> None:
    assert end_named(end.label) is end
    assert end_of(end.value.code, end.value.text) is (End.LOST if end.value.code is None else end)


def test_any_other_end_is_a_lost_connection() -> None:
    assert end_of(1000, "bye") is end_of(None, "") is end_named("later") is End.LOST
    assert end_named(None) is End.LOST
