"""MEXC: what is read of a frame, and what it does not say."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.orders import UPDATE, order
from tests.venues.pushes import ORDERS, TRADE, pushes, read, read_order
from tests.venues.vectors import vectors
from userstream.errors import MalformedFrame
from userstream.events import AccountUpdate, OrderUpdate, UnknownEvent
from userstream.venue import Received
from userstream.venues.mexc import VENUE
from userstream.venues.mexc.push_pb2 import Push

GOLDEN = {v.name: v for v in vectors("mexc") if v.name in {"orders", "deals", "account"}}


def test_an_orders_frame_does_not_claim_a_fill() -> None:
    orders, deals = (read(p) for p in pushes(TRADE))
    assert isinstance(orders, OrderUpdate)
    assert isinstance(deals, OrderUpdate)
    assert orders.execution is None
    assert (orders.last_price, orders.trade_id, orders.commission) == (None, None, None)
    assert orders.status == "PARTIALLY_FILLED"
    assert (deals.execution, deals.status) == ("TRADE", "")


def test_each_frame_of_a_fill_says_what_it_can_and_nothing_else() -> None:
    fill = order(
        **{
            **msgspec.structs.asdict(TRADE),
            "time_ms": 1_900,
            "time_in_force": "IOC",
            "quote_quantity": "128000",
            "stop_price": "1",
            "last_quote": "31999.95",
            "cumulative_quote": "31999.95",
            "average_price": "63999.9",
            "commission": "0.1",
            "commission_asset": "MX",
            "maker": True,
            "self_trade": True,
            "created_ms": 900,
        }
    )
    orders, deals = (read(p) for p in pushes(fill))
    for decoded, lost in ((orders, {"status", "execution"}), (deals, {"status"})):
        for name in set(decoded.__struct_fields__) - lost - {"time_ms"}:
            assert getattr(decoded, name) in {None, getattr(fill, name)}, name
    assert [deals.time_ms, orders.time_ms] == [1_900, 2_000]
    carried = {n for d in (orders, deals) for n in d.__struct_fields__ if getattr(d, n) is not None}
    assert set(fill.__struct_fields__) - carried == {
        "cancel_client_order_id",
        "iceberg_quantity",
        "execution_id",
        "reject_reason",
        "working",
    }


def split(message: bytes) -> list[bytes]:
    """The fields of a message whose lengths and tags are one or two bytes."""
    fields, at = [], 0
    while at < len(message):
        start = at
        tag = message[at] & 0x7F
        at += 1
        if message[at - 1] & 0x80:
            at += 1
        if tag & 7 == 2:
            length = message[at] & 0x7F
            at += 1
            if message[at - 1] & 0x80:
                length |= message[at] << 7
                at += 1
            at += length
        else:
            while message[at] & 0x80:
                at += 1
            at += 1
        fields.append(message[start:at])
    return fields


UNKNOWN = (b"\xc2\x3e\x05later", b"\x38\x2a", b"\xbd\x3e\x01\x02\x03\x04")


@pytest.mark.parametrize("name", sorted(GOLDEN))
@given(data=st.data())
def test_any_field_order_and_unknown_fields_are_read_alike(name: str, data: st.DataObject) -> None:
    vector = GOLDEN[name]
    *head, body = split(vector.payload)
    inner = split(body[4:] if body[2] & 0x80 else body[3:])
    shuffled = b"".join(data.draw(st.permutations([*inner, b"\xc2\x3e\x05later"])))
    size = bytes([len(shuffled) & 0x7F | 0x80, len(shuffled) >> 7])
    outer = data.draw(st.permutations([*head, body[:2] + size + shuffled, *UNKNOWN]))
    assert VENUE.decode(b"".join(outer)) == vector.received


def test_an_extension_appended_to_a_frame_is_skipped() -> None:
    vector = GOLDEN["orders"]
    assert VENUE.decode(vector.payload + UNKNOWN[0]) == vector.received


@pytest.mark.parametrize(
    "ack",
    [
        '{"id":0,"code":0,"msg":"PONG"}',
        '{"id":7,"code":0,"msg":"spot@private.account.v3.api.pb"}',
        '{"msg":"Not Subscribed successfully! [x].  Reason： Blocked! ","code":0,"id":0}',
        '{"id":0,"code":1,"msg":"invalid request"}',
    ],
)
def test_an_answer_to_a_request_is_no_event(ack: str) -> None:
    assert VENUE.decode(ack) == ()
    assert VENUE.decode(ack.encode()) == ()


@pytest.mark.parametrize(
    "push",
    [
        '{"channel":"spot@public.deals","sendTime":"5","publicDeals":{}}',
        '{"c":"spot@public.deals","d":{"p":1.5},"t":5}',
    ],
)
def test_json_of_another_channel_is_kept(push: str) -> None:
    expected = UnknownEvent(kind="spot@public.deals", frame=push.encode())
    assert VENUE.decode(push) == (Received(expected, 5),)


def test_a_body_that_is_not_ours_is_kept_and_a_missing_one_is_malformed() -> None:
    head = Push(channel="spot@public.deals", sendTime=5).SerializeToString()
    public = head + b"\xea\x12\x00"  # field 301, empty
    kept = UnknownEvent(kind="spot@public.deals", frame=public)
    assert VENUE.decode(public) == (Received(kept, 5),)
    for frame_ in (head, head + b"\x82\x7d\x00", b"\xea\x12\x00", b""):
        with pytest.raises(MalformedFrame, match="no body"):
            VENUE.decode(frame_)


@pytest.mark.parametrize("missing", ["symbol", "orderId", "tradeId", "price", "quantity"])
def test_a_fill_is_never_invented(missing: str) -> None:
    _, push = pushes(TRADE)
    if missing == "symbol":
        push.ClearField("symbol")
    else:
        setattr(push.privateDeals, missing, "")
    with pytest.raises(MalformedFrame, match="no "):
        VENUE.decode(push.SerializeToString())


@pytest.mark.parametrize("missing", ["vcoinName", "balanceAmount", "frozenAmount"])
def test_a_balance_is_never_invented(missing: str) -> None:
    (push,) = pushes(UPDATE)
    setattr(push.privateAccount, missing, "")
    with pytest.raises(MalformedFrame, match="no "):
        VENUE.decode(push.SerializeToString())


def test_an_order_needs_an_id_and_a_symbol() -> None:
    for push in (Push(symbol="A"), Push(channel=ORDERS)):
        push.privateOrders.price = "1"
        with pytest.raises(MalformedFrame, match="no "):
            VENUE.decode(push.SerializeToString())


def test_what_a_frame_does_not_say_is_absent() -> None:
    event = read_order()
    for name in ("price", "quantity", "client_order_id", "order_type", "average_price"):
        assert getattr(event, name) is None


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ('"createTime":1,"sendTime":2,', 1),
        ('"sendTime":2,', 2),
        ("", 0),
    ],
)
def test_frames_are_ordered_by_the_message_then_by_the_push(times: str, expected: int) -> None:
    body = '"privateAccount":{"vcoinName":"A","balanceAmount":1,"frozenAmount":"0"}'
    (received,) = VENUE.decode(f'{{"channel":"x",{times}{body}}}')
    assert received.time_ms == (expected or None)
    assert isinstance(received.event, AccountUpdate)
    assert received.event.time_ms == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("8.0", "8.0"),
        ('"8.0"', "8.0"),
        ("8", "8"),
        ("1e-7", "0.0000001"),
        ('"0.0003998377369698171"', "0.0003998377369698171"),
        ("null", None),
        ("123456789012345678.123456789012345678", "123456789012345678.123456789012345678"),
    ],
)
@pytest.mark.parametrize("form", ["today", "2024"])
def test_a_number_is_read_digit_by_digit(amount: str, expected: str | None, form: str) -> None:
    push = (
        f'{{"channel":"x","symbol":"A","privateOrders":{{"id":"1","price":{amount}}}}}'
        if form == "today"
        else f'{{"c":"spot@private.orders.v3.api","s":"A","d":{{"i":"1","p":{amount}}}}}'
    )
    (received,) = VENUE.decode(push)
    assert isinstance(received.event, OrderUpdate)
    assert received.event.price == expected


@pytest.mark.parametrize(
    "amount",
    [
        *("1e99999999", '"1e99999999"', "1e-99999999", "1e99999999999999999999", "1e41"),
        *('"NaN"', '"sNaN"', '"Infinity"', '""', '"x"', "-1", "true", "{}"),
    ],
)
@pytest.mark.parametrize("form", ["today", "2024"])
def test_what_is_not_an_amount_is_malformed(amount: str, form: str) -> None:
    push = (
        f'{{"channel":"x","symbol":"A","privateOrders":{{"id":"1","price":{amount}}}}}'
        if form == "today"
        else f'{{"c":"spot@private.orders.v3.api","s":"A","d":{{"i":"1","p":{amount}}}}}'
    )
    with pytest.raises(MalformedFrame):
        VENUE.decode(push)


@pytest.mark.parametrize(
    "frame_",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"code":0}',
        '{"msg":"x"}',
        '{"channel":1}',
        '{"c":"spot@private.orders.v3.api"}',
        '{"c":"spot@private.orders.v3.api","d":[]}',
        '{"e":"executionReport","c":"own","s":"BTCUSDT"}',
        '{"channel":"\ud800"}',
        b'{"channel":"\xff"}',
        b"\x0a\x01\xff",
        b"\x00",
        b"\x5b" * 1_000,
    ],
)
def test_whatever_the_document_does_not_describe_is_malformed(frame_: bytes | str) -> None:
    with pytest.raises(MalformedFrame):
        VENUE.decode(frame_)


def test_the_status_word_of_a_stop_order_of_2024_is_kept() -> None:
    body = '{"i":"1","s":"EXECUTED","o":100,"S":1}'
    (received,) = VENUE.decode(f'{{"c":"spot@private.orders.v3.api","s":"A","d":{body}}}')
    assert isinstance(received.event, OrderUpdate)
    assert (received.event.status, received.event.side) == ("EXECUTED", "BUY")


def test_integers_of_json_may_be_text() -> None:
    body = '{"id":"1","status":"2","orderType":"5","createTime":"9"}'
    (received,) = VENUE.decode(f'{{"channel":"x","symbol":"A","privateOrders":{body}}}')
    assert isinstance(received.event, OrderUpdate)
    event = received.event
    assert (event.status, event.order_type, event.created_ms) == ("FILLED", "MARKET", 9)
    assert (event.time_ms, received.time_ms) == (9, None)
