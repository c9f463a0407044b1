"""MEXC's requests: every answer, to the letter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.strategies import json_values
from userstream.venue import Control, Mark, Notice, Subscriber
from userstream.venues.mexc import VENUE

ORDERS = "spot@private.orders.v3.api.pb"
DEALS = "spot@private.deals.v3.api.pb"
ACCOUNT = "spot@private.account.v3.api.pb"
INVALID = b'{"id":0,"code":1,"msg":"invalid request"}'


def socket(*channels: str, has_key: bool = True) -> Subscriber:
    return Subscriber(frozenset(channels), has_key, lambda key: False)


def ask(method: object, params: object = None, number: object = None, **request: object) -> str:
    fields = {"method": method, "params": params, "id": number, **request}
    return json.dumps({key: value for key, value in fields.items() if value is not None})


def refused(*channels: str, number: int = 0) -> bytes:
    text = f"Not Subscribed successfully! [{','.join(channels)}].  Reason\uff1a Blocked! "
    return f'{{"id":{number},"code":0,"msg":"{text}"}}'.encode()


def test_the_documents_subscription_is_acknowledged_with_its_channel() -> None:
    answer = VENUE.control(ask("SUBSCRIPTION", [ACCOUNT]), socket())
    ack = b'{"id":0,"code":0,"msg":"spot@private.account.v3.api.pb"}'
    assert answer == Control((ack,), frozenset({ACCOUNT}))


def test_several_channels_are_one_answer_joined_by_commas_in_the_order_asked() -> None:
    answer = VENUE.control(ask("SUBSCRIPTION", [ORDERS, ACCOUNT, DEALS]), socket())
    ack = f'{{"id":0,"code":0,"msg":"{ORDERS},{ACCOUNT},{DEALS}"}}'.encode()
    assert answer == Control((ack,), frozenset({ORDERS, ACCOUNT, DEALS}))


def test_a_refusal_has_code_zero_two_spaces_a_full_width_colon_and_a_space_at_the_end() -> None:
    answer = VENUE.control(ask("SUBSCRIPTION", ["spot@private.account.v3.api", "x"]), socket())
    text = "Not Subscribed successfully! [spot@private.account.v3.api,x].  Reason： Blocked! "
    assert answer == Control((f'{{"id":0,"code":0,"msg":"{text}"}}'.encode(),))


def test_good_and_bad_channels_are_two_answers() -> None:
    answer = VENUE.control(ask("SUBSCRIPTION", ["x", DEALS, "y", ORDERS], 5), socket(ACCOUNT))
    good = f'{{"id":5,"code":0,"msg":"{DEALS},{ORDERS}"}}'.encode()
    assert answer.replies == (good, refused("x", "y", number=5))
    assert answer.channels == frozenset({ACCOUNT, DEALS, ORDERS})


def test_a_second_subscription_is_good_and_changes_nothing() -> None:
    answer = VENUE.control(ask("SUBSCRIPTION", [ACCOUNT, ACCOUNT]), socket(ACCOUNT))
    ack = b'{"id":0,"code":0,"msg":"spot@private.account.v3.api.pb"}'
    assert answer == Control((ack,), frozenset({ACCOUNT}))


def test_a_private_channel_needs_a_listen_key() -> None:
    answer = VENUE.control(ask("SUBSCRIPTION", [ACCOUNT]), socket(has_key=False))
    assert answer == Control((refused(ACCOUNT),))


def test_the_31st_subscription_is_refused_and_the_30th_is_not() -> None:
    others = [f"spot@public.{n}" for n in range(29)]
    answer = VENUE.control(ask("SUBSCRIPTION", [ORDERS, DEALS]), socket(*others))
    assert answer.channels == frozenset({*others, ORDERS})
    assert answer.replies[1:] == (refused(DEALS),)
    again = VENUE.control(ask("SUBSCRIPTION", [ORDERS]), socket(*others, ORDERS))
    assert again.channels == frozenset({*others, ORDERS})


def test_an_unsubscription_echoes_the_channels_that_were_asked() -> None:
    answer = VENUE.control(ask("UNSUBSCRIPTION", [DEALS, "x"], 3), socket(DEALS, ORDERS))
    ack = f'{{"id":3,"code":0,"msg":"{DEALS},x"}}'.encode()
    assert answer == Control((ack,), frozenset({ORDERS}))


@pytest.mark.parametrize("method", ["PING", "ping", "Ping"])
def test_a_ping_is_answered_and_counts_as_life(method: str) -> None:
    answer = VENUE.control(ask(method), socket())
    assert answer == Control((b'{"id":0,"code":0,"msg":"PONG"}',), None, counts_as_life=True)


def test_only_a_ping_counts_as_life() -> None:
    for text in (ask("SUBSCRIPTION", [ACCOUNT]), ask("UNSUBSCRIPTION", [ACCOUNT]), "x"):
        assert not VENUE.control(text, socket()).counts_as_life


@pytest.mark.parametrize("method", ["subscription", "Subscription", "SUBSCRIPTION"])
def test_the_letter_case_of_a_method_does_not_matter(method: str) -> None:
    assert VENUE.control(ask(method, [ACCOUNT]), socket()).channels == frozenset({ACCOUNT})
    answer = VENUE.control(ask("UN" + method, [ACCOUNT]), socket(ACCOUNT))
    assert answer.channels == frozenset()


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, 0),
        (7, 7),
        (2**63, 2**63),
        (2**64, 0),
        (-1, 0),
        (True, 0),
        ("7", 0),
        (1.5, 0),
        ([], 0),
    ],
)
def test_an_id_that_is_an_unsigned_integer_is_echoed(number: object, shown: int) -> None:
    (pong,) = VENUE.control(ask("PING", number=number), socket()).replies
    assert json.loads(pong) == {"id": shown, "code": 0, "msg": "PONG"}
    (invalid,) = VENUE.control(ask("SUBSCRIBE", number=number), socket()).replies
    assert json.loads(invalid) == {"id": shown, "code": 1, "msg": "invalid request"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PING",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        "\ud800",
        "[" * 100_000,
        '{"id":' * 100_000,
        ask("SUBSCRIBE", [ACCOUNT]),
        ask(1, [ACCOUNT]),
        ask("SUBSCRIPTION"),
        ask("SUBSCRIPTION", []),
        ask("SUBSCRIPTION", ACCOUNT),
        ask("SUBSCRIPTION", [1]),
        ask("SUBSCRIPTION", {"0": ACCOUNT}),
        ask("UNSUBSCRIPTION", [None]),
    ],
)
def test_whatever_else_is_an_invalid_request(text: str) -> None:
    assert VENUE.control(text, socket(ACCOUNT)) == Control((INVALID,))


def test_a_channel_with_quotes_stays_inside_the_answer() -> None:
    (reply,) = VENUE.control(ask("SUBSCRIPTION", ['","code":0,"x":"', "\n"]), socket()).replies
    assert json.loads(reply)["msg"].startswith('Not Subscribed successfully! [","code":0')


@given(
    method=st.sampled_from(["SUBSCRIPTION", "UNSUBSCRIPTION", "PING", "x"]) | json_values,
    params=st.lists(st.sampled_from([ACCOUNT, ORDERS, "x"]) | st.text(max_size=5)) | json_values,
    number=json_values,
    has_key=st.booleans(),
)
def test_every_answer_has_the_three_fields_that_clients_can_read(
    method: Any, params: Any, number: Any, has_key: bool
) -> None:
    text = json.dumps({"method": method, "params": params, "id": number})
    answer = VENUE.control(text, socket(ORDERS, has_key=has_key))
    assert 1 <= len(answer.replies) <= 2
    for reply in answer.replies:
        assert list(json.loads(reply)) == ["id", "code", "msg"]
    assert answer.channels is None or answer.channels <= VENUE.channels


def _ack(number: int, code: int, msg: str) -> str:
    return json.dumps({"id": number, "code": code, "msg": msg})


@pytest.mark.parametrize(
    ("frame", "notice"),
    [
        (_ack(0, 0, ORDERS), Notice(subscribed=frozenset({ORDERS}))),
        (
            _ack(1, 0, f"{ORDERS},{DEALS}"),
            Notice(subscribed=frozenset({ORDERS, DEALS})),
        ),
        (b'{"id":0,"code":0,"msg":"PONG"}', Notice()),
        ('{"id":0,"code":1,"msg":"invalid request"}', Notice(refused="invalid request")),
        (_ack(0, 0, f"{ORDERS},other"), Notice(refused=f"{ORDERS},other")),
    ],
)
def test_a_client_reads_the_text_of_an_answer(frame: bytes | str, notice: Notice) -> None:
    assert VENUE.notice(frame) == notice


def test_a_refusal_has_code_0_too() -> None:
    reply = VENUE.control(
        '{"method":"SUBSCRIPTION","params":["nothing"]}',
        Subscriber(frozenset(), True, lambda _: True),
    ).replies[0]
    notice = VENUE.notice(reply)
    assert notice is not None
    assert notice.refused == json.loads(reply)["msg"]


@pytest.mark.parametrize("frame", ["", "{}", b"\xff", b"\x0a\x01a"])
def test_a_push_is_no_answer(frame: bytes | str) -> None:
    assert VENUE.notice(frame) is None


def _tagged(data: bytes) -> bytes:
    push = bytes.fromhex("0a0161")
    return push + bytes.fromhex("c23e") + bytes([len(data)]) + data


@pytest.mark.parametrize(
    ("frame", "mark"),
    [
        (_tagged(b'{"epoch":"epoch000","seq":7}'), Mark("epoch000", 7)),
        (_tagged(b"{}"), None),
        (bytes.fromhex("0a0161"), None),
        (bytes.fromhex("0a0161c03e07"), None),
        (bytes.fromhex("0a0161c83e07"), None),
        (b"\xff", None),
        (b'{"us":{"epoch":"epoch000","seq":7}}', Mark("epoch000", 7)),
        ('{"us":{"epoch":"epoch000","seq":7}}', Mark("epoch000", 7)),
    ],
)
def test_the_mark_of_our_own_server(frame: bytes | str, mark: Mark | None) -> None:
    assert VENUE.mark(frame) == mark
