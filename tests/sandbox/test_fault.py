"""What a fault may be, and how it reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from userstream.errors import InvalidSettings
from userstream.sandbox.faults.fault import Fault, Kind, Point, read_fault, reads

VENUES = {"binance": 1, "mexc": 2}


def read(**fields: Any) -> Fault:
    return read_fault(json.dumps(fields).encode(), VENUES)


@pytest.mark.parametrize(
    ("fields", "point", "most", "text"),
    [
        ({"kind": "drop", "account": "alice", "count": 3}, Point.FRAME, 3,
         "drop the next 3 frames of alice on any venue"),
        ({"kind": "duplicate", "probability": 0.05, "seed": 4}, Point.FRAME, None,
         "send twice every frame of any account on any venue with probability 0.05"),
        ({"kind": "delay", "delay_ms": 50, "for_ms": 900, "event": "order_update"}, Point.FRAME,
         None, "delay by 50 ms every order_update frame of any account on any venue for 900 ms"),
        ({"kind": "reorder", "after": 2}, Point.FRAME, 1,
         "swap with its successor the next frame of any account on any venue after the first 2"),
        ({"kind": "half-open"}, Point.NOW, None,
         "go silent without closing every open stream of any account on any venue"),
        ({"kind": "reset", "on": "frame", "venue": "mexc"}, Point.FRAME, 1,
         "reset the next stream at a frame of any account on mexc"),
        ({"kind": "close", "code": 4000, "reason": "bye", "on": "open", "count": 2}, Point.OPEN, 2,
         "close with 4000 bye the next 2 opening streams of any account on any venue"),
        ({"kind": "close", "code": 1006}, Point.NOW, None,
         "close with 1006 every open stream of any account on any venue"),
        ({"kind": "delete-key", "account": "bob"}, Point.NOW, None,
         "delete every listen key of bob on any venue"),
        ({"kind": "expire-key", "count": 2}, Point.NOW, 2,
         "expire the next 2 listen keys of any account on any venue"),
        ({"kind": "silent-key"}, Point.KEY, None,
         "accept, and stay silent on, every stream on a dead listen key of any account on any "
         "venue"),
        ({"kind": "rest", "answer": "429", "retry_after_s": 7, "method": "PUT", "path": "/api",
          "carried_out": True}, Point.REQUEST, 1,
         "answer 429 to the next request PUT /api of any account on any venue with Retry-After 7 "
         "once it is carried out"),
    ],
)  # fmt: skip
def test_a_fault_says_what_it_does(
    fields: dict[str, Any], point: Point, most: int | None, text: str
) -> None:
    fault = read(**fields)
    assert (fault.point, fault.most, reads(fault)) == (point, most, text)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "missing required field `kind`"),
        ({"kind": "explode"}, "kinds are drop, duplicate"),
        ({"kind": "drop", "cuont": 1}, "unknown field `cuont`"),
        ({"kind": "drop", "code": 1000}, "code is no field of drop; allowed are account, after"),
        ({"kind": "drop", "count": 0}, "count is 0; allowed are 1 to"),
        ({"kind": "drop", "after": -1}, "after is -1; allowed are 0 to"),
        ({"kind": "drop", "for_ms": 0}, "for_ms is 0"),
        ({"kind": "drop", "probability": 0}, "probability is 0.0; allowed is above 0, up to 1"),
        ({"kind": "drop", "probability": 1.01}, "probability is 1.01"),
        ({"kind": "drop", "account": "a b"}, "account is 'a b'; allowed is"),
        ({"kind": "drop", "venue": "nyse"}, "venue is 'nyse'; allowed are binance, mexc"),
        ({"kind": "drop", "event": "fill"}, "Invalid enum value 'fill'"),
        ({"kind": "delay", "delay_ms": 10**7}, "delay_ms is 10000000; allowed are 1 to 600000"),
        ({"kind": "reset", "event": "order_update"}, "event needs on: frame"),
        ({"kind": "reset", "probability": 0.5}, "probability needs on: open or frame"),
        ({"kind": "close"}, "code is mandatory"),
        ({"kind": "close", "code": 999}, "code is 999; allowed are 1000 to 4999"),
        ({"kind": "close", "code": 1005, "reason": "x"}, "nothing carries it"),
        ({"kind": "close", "code": 1000, "reason": "é" * 62}, "reason is longer than 123 bytes"),
        ({"kind": "rest"}, "answer is mandatory; allowed are 500, timeout, 429, 418, -1021, -1125"),
        ({"kind": "rest", "answer": "404"}, "Invalid enum value '404'"),
        ({"kind": "rest", "answer": "500", "retry_after_s": 1}, "retry_after_s needs"),
        ({"kind": "rest", "answer": "500", "method": "put"}, "method is 'put'; allowed are DELETE"),
        ({"kind": "rest", "answer": "500", "path": "api"}, "path begins with a slash"),
    ],
)  # fmt: skip
def test_what_a_fault_may_not_be_is_said_with_what_it_may(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidSettings) as told:
        read(**fields)
    assert why in str(told.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'"drop"'])
def test_what_is_no_fault_at_all_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSettings):
        read_fault(body, VENUES)


def test_every_kind_can_be_set() -> None:
    needed: dict[Kind, dict[str, Any]] = {
        Kind.CLOSE: {"code": 1000},
        Kind.REST: {"answer": "timeout"},
    }
    for kind in Kind:
        assert read(kind=kind, **needed.get(kind, {})).kind is kind
