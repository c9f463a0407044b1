"""Signatures and timestamps: the documents' vectors, and every edge to the millisecond."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.core.signing import DIGITS, check_timestamp, is_signed, sign, signed_message
from userstream.venue import Auth, Need, Refusal
from userstream.venues import load

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "hmac.json").read_text("utf-8")
)
NOW = 1_499_827_319_559
AUTHS = {
    "bhex": load("bhex").rest.auth,
    "mexc": load("mexc").rest.auth,
    "inclusive": Auth(header="X", timestamp=Need.REQUIRED, ahead_inclusive=True),
    "unbounded": Auth(header="X", timestamp=Need.REQUIRED, max_recv_window_ms=None),
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["doc"])
def test_a_documents_signature_is_reproduced(vector: dict[str, Any]) -> None:
    query, body = vector["query"].encode(), vector["body"].encode()
    assert sign(vector["secret"], signed_message(query, body)) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["doc"])
def test_the_signature_is_not_signed_wherever_it_stands(vector: dict[str, Any]) -> None:
    query, body, signature = (vector[k].encode() for k in ("query", "body", "signature"))
    own = b"signature=" + signature
    for sent_query, sent_body in (
        (query + b"&" + own, body),
        (own + b"&" + query, body),
        (query, body + b"&" + own if body else own),
    ):
        message = signed_message(sent_query, sent_body)
        assert is_signed(vector["secret"], message, vector["signature"], lower_case_only=True)


def test_all_vectors_are_there() -> None:
    assert {v["venue"] for v in VECTORS} >= {"binance", "bhex", "mexc"}


@pytest.mark.parametrize(
    ("query", "body", "message"),
    [
        (b"", b"", b""),
        (b"a=1", b"b=2", b"a=1b=2"),
        (b"signature=x", b"", b""),
        (b"a=1&signature=x&b=2", b"c=3&signature=y", b"a=1&b=2c=3"),
        (b"mysignature=x&a=1", b"", b"mysignature=x&a=1"),
        (b"a=signature=x", b"", b"a=signature=x"),
        (b"%73ignature=x", b"", b"%73ignature=x"),
        (b"", b'{"a":"signature=x"}', b'{"a":"signature=x"}'),
        (b"a=%20+", b"", b"a=%20+"),
    ],
)
def test_what_is_signed_is_what_was_sent(query: bytes, body: bytes, message: bytes) -> None:
    assert signed_message(query, body) == message


@given(st.text("abc=&%", max_size=20).map(str.encode), st.binary(max_size=20))
def test_a_signature_fits_its_own_message_only(query: bytes, body: bytes) -> None:
    message = signed_message(query, body)
    signature = sign("secret", message)
    assert signature == hmac.new(b"secret", message, hashlib.sha256).hexdigest()
    assert is_signed("secret", message, signature, lower_case_only=True)
    assert not is_signed("other", message, signature, lower_case_only=False)
    assert not is_signed("secret", message + b"x", signature, lower_case_only=False)


def test_letter_case_counts_only_where_the_venue_says_so() -> None:
    upper = sign("secret", b"message").upper()
    assert is_signed("secret", b"message", upper, lower_case_only=False)
    assert not is_signed("secret", b"message", upper, lower_case_only=True)


@pytest.mark.parametrize("signature", ["", "0" * 64, "é" * 64, "x", "a" * 10_000, "İ", "\0"])
@pytest.mark.parametrize("lower_case_only", [False, True])
def test_anything_else_is_no_signature(signature: str, lower_case_only: bool) -> None:
    assert not is_signed("secret", b"message", signature, lower_case_only=lower_case_only)


@pytest.mark.parametrize("space", [" ", "\n"])
def test_a_signature_is_not_trimmed(space: str) -> None:
    good = sign("secret", b"message")
    assert not is_signed("secret", b"message", good + space, lower_case_only=False)


OK, AHEAD, OUTSIDE = None, Refusal.TIMESTAMP_AHEAD, Refusal.TIMESTAMP_OUTSIDE


@pytest.mark.parametrize(
    ("auth", "ahead_ms", "window", "refusal"),
    [
        ("bhex", 999, None, OK),
        ("bhex", 1_000, None, AHEAD),
        ("bhex", 1_001, None, AHEAD),
        ("bhex", -5_000, None, OK),
        ("bhex", -5_001, None, OUTSIDE),
        ("mexc", 999, None, OK),
        ("mexc", 1_000, None, AHEAD),
        ("mexc", -5_000, None, OK),
        ("mexc", -5_001, None, OUTSIDE),
        ("inclusive", 999, None, OK),
        ("inclusive", 1_000, None, OK),
        ("inclusive", 1_001, None, AHEAD),
        ("inclusive", -5_000, None, OK),
        ("inclusive", -5_001, None, OUTSIDE),
        ("bhex", -60_000, "60000", OK),
        ("bhex", -60_001, "60000", OUTSIDE),
        ("bhex", -100, "100", OK),
        ("bhex", -101, "100", OUTSIDE),
        ("bhex", 0, "0", OK),
        ("bhex", -1, "0", OUTSIDE),
        ("bhex", 999, "0", OK),
        ("bhex", 1_000, "60000", AHEAD),
        ("bhex", 0, "60001", Refusal.RECV_WINDOW),
        ("bhex", -9_999, "99999999999999999999", Refusal.RECV_WINDOW),
        ("mexc", 0, "60001", Refusal.RECV_WINDOW),
        ("mexc", -60_000, "060000", OK),
        ("unbounded", -6_000_000, "6000000", OK),
        ("unbounded", -6_000_001, "6000000", OUTSIDE),
    ],
)
def test_a_timestamp_is_good_up_to_its_edges_and_not_beyond(
    auth: str, ahead_ms: int, window: str | None, refusal: Refusal | None
) -> None:
    parameters = {"timestamp": str(NOW + ahead_ms)}
    if window is not None:
        parameters["recvWindow"] = window
    refused = check_timestamp(AUTHS[auth], parameters, NOW)
    assert (refused[0] if refused else None) is refusal


NO_NUMBERS = [
    "", " ", "-1", "+1", "1.0", "1e3", "0x1", "1_000", " 1", "1 ", "١٢٣", "²", "NaN",
    "9" * 21, "9" * 9_999,
]  # fmt: skip


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_a_timestamp_that_is_no_number_is_refused(text: str) -> None:
    refused = check_timestamp(AUTHS["bhex"], {"timestamp": text}, NOW)
    assert refused == (Refusal.PARAMETER_ILLEGAL, ("timestamp", DIGITS))


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_a_window_that_is_no_number_is_refused(text: str) -> None:
    parameters = {"timestamp": str(NOW), "recvWindow": text}
    refused = check_timestamp(AUTHS["bhex"], parameters, NOW)
    assert refused == (Refusal.PARAMETER_ILLEGAL, ("recvWindow", DIGITS))


@pytest.mark.parametrize(
    ("text", "refusal"),
    [("9" * 20, AHEAD), ("0", OUTSIDE), (str(NOW // 1000), OUTSIDE), (str(NOW * 1000), AHEAD)],
)
def test_a_timestamp_in_another_unit_is_out_of_time(text: str, refusal: Refusal) -> None:
    assert check_timestamp(AUTHS["bhex"], {"timestamp": text}, NOW) == (refusal, ())


@given(st.integers(-70_000, 70_000), st.integers(0, 60_000), st.booleans())
def test_a_timestamp_is_good_exactly_in_its_window(
    ahead_ms: int, window_ms: int, inclusive: bool
) -> None:
    auth = AUTHS["inclusive" if inclusive else "bhex"]
    parameters = {"timestamp": str(NOW + ahead_ms), "recvWindow": str(window_ms)}
    good = -window_ms <= ahead_ms < 1_000 + inclusive
    assert (check_timestamp(auth, parameters, NOW) is None) == good
