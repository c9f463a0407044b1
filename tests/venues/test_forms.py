"""Refusals in Binance's codes: the rows that clients branch on."""

from __future__ import annotations

import pytest

from userstream.venue import Refusal
from userstream.venues._forms import BINANCE_FORMS


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Refusal.API_KEY_MISSING, 401, -2014),
        (Refusal.API_KEY_REJECTED, 401, -2015),
        (Refusal.PARAMETER_MISSING, 400, -1102),
        (Refusal.PARAMETER_EMPTY, 400, -1105),
        (Refusal.PARAMETER_ILLEGAL, 400, -1100),
        (Refusal.PARAMETER_SURPLUS, 400, -1101),
        (Refusal.PARAMETER_DUPLICATE, 400, -1101),
        (Refusal.LISTEN_KEY_UNKNOWN, 400, -1125),
        (Refusal.TIMESTAMP_OUTSIDE, 400, -1021),
        (Refusal.TIMESTAMP_AHEAD, 400, -1021),
        (Refusal.SIGNATURE, 400, -1022),
        (Refusal.TOO_MANY_REQUESTS, 429, -1003),
        (Refusal.BANNED, 418, -1003),
        (Refusal.NOT_FOUND, 404, -1020),
        (Refusal.METHOD, 405, -1020),
        (Refusal.INTERNAL, 500, -1000),
    ],
)
def test_a_refusal_has_the_documented_status_and_code(
    refusal: Refusal, status: int, code: int
) -> None:
    assert BINANCE_FORMS[refusal][:2] == (status, code)


def test_an_unknown_listen_key_has_exactly_the_documents_text() -> None:
    assert BINANCE_FORMS[Refusal.LISTEN_KEY_UNKNOWN].text == "This listenKey does not exist."


def test_every_refusal_has_a_form() -> None:
    assert set(BINANCE_FORMS) == set(Refusal)
