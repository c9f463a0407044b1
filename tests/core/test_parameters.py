"""Parameters of a request: strictly read, query before body, never more than may be."""

from __future__ import annotations

import contextlib
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.core.limits import Limits
from userstream.core.parameters import LEGAL, Refusing, read_parameters
from userstream.venue import Refusal

LIMITS = Limits()
names = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
MALFORMED = (Refusal.MALFORMED, ("query or body", LEGAL))


def read(query: bytes = b"", body: bytes = b"", *, json_body: bool = False) -> dict[str, str]:
    return read_parameters(query, body, json_body=json_body, limits=LIMITS)


def refused(
    query: bytes = b"", body: bytes = b"", *, json_body: bool = False
) -> tuple[Refusal, tuple[object, ...]]:
    with pytest.raises(Refusing) as refusing:
        read(query, body, json_body=json_body)
    return refusing.value.refused


@pytest.mark.parametrize("json_body", [False, True])
@pytest.mark.parametrize("body", [b"", b" ", b"\r\n", b"&", b"&&"])
def test_an_empty_query_and_body_are_no_parameters(body: bytes, json_body: bool) -> None:
    assert read(b"", body, json_body=json_body) == {}


def test_query_and_body_are_merged() -> None:
    assert read(b"a=1&b=2", b"c=3") == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize("body", [b"a=body&b=2", b'{"a":"body","b":2}'])
def test_the_querys_value_wins(body: bytes) -> None:
    assert read(b"a=query", body, json_body=True) == {"a": "query", "b": "2"}


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (b"a=%41%2B%20x", {"a": "A+ x"}),
        (b"a=1+2", {"a": "1 2"}),
        (b"%61=1", {"a": "1"}),
        (b"a=1=2", {"a": "1=2"}),
        (b"a", {"a": ""}),
        (b"a=", {"a": ""}),
        (b"=1", {"": "1"}),
        (b"&a=1&&b=2&", {"a": "1", "b": "2"}),
        (b"a=1;b=2", {"a": "1;b=2"}),
        (b"a=%", {"a": "%"}),
        (b"a=%zz", {"a": "%zz"}),
        (b"a=%26b%3D2", {"a": "&b=2"}),
        (b"a=" + b"x" * 256, {"a": "x" * 256}),
    ],
)
def test_a_field_is_read_as_a_form(text: bytes, parameters: dict[str, str]) -> None:
    assert read(query=text) == read(body=text) == parameters


@given(st.dictionaries(names, names, max_size=20), st.sampled_from([quote, quote_plus]))
def test_what_a_client_encodes_is_read_back(given_: dict[str, str], encode: object) -> None:
    assert callable(encode)
    text = "&".join(f"{encode(n)}={encode(v)}" for n, v in given_.items() if n or v).encode()
    wanted = {n: v for n, v in given_.items() if n or v}
    assert read(query=text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        b"a=\xc3\xa9",
        b"\xff=1",
        b"a=%C3%A9",
        b"a=%D9%A1",
        b"a=%FF",
        b"a=%C3",
        b"%80=1",
        b"a=%00",
        b"a=%0A",
        b"a=1\n",
        b"a=%7F",
        b"a=%ED%A0%80",
        b"a=" + b"x" * 257,
        b"x" * 257,
    ],
)
def test_bytes_that_are_not_plain_text_are_refused(text: bytes) -> None:
    assert refused(query=text) == MALFORMED
    assert refused(body=text) == MALFORMED


@pytest.mark.parametrize("text", [b"a=1&a=1", b"a=1&%61=2", b"a&b&a", b"=1&=2"])
def test_a_name_twice_in_one_place_is_refused(text: bytes) -> None:
    assert refused(query=text) == (Refusal.PARAMETER_DUPLICATE, ())
    assert refused(body=text) == (Refusal.PARAMETER_DUPLICATE, ())


def test_more_parameters_than_may_be_are_refused_with_their_number() -> None:
    most = b"&".join(b"p%d=1" % i for i in range(64))
    assert len(read(query=most)) == 64
    assert refused(query=most + b"&q=1") == (Refusal.PARAMETER_SURPLUS, (64, 65))
    assert refused(body=b"&" * 64) == (Refusal.PARAMETER_SURPLUS, (64, 65))


def test_a_json_body_has_no_more_parameters_than_a_form() -> None:
    members = ",".join(f'"p{i}":1' for i in range(65))
    body = f"{{{members}}}".encode()
    assert refused(body=body, json_body=True) == (Refusal.PARAMETER_SURPLUS, (64, 65))


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        (b"{}", {}),
        (b' {"a":"1"}\n', {"a": "1"}),
        (b'{"a":17,"b":-5,"c":"x y"}', {"a": "17", "b": "-5", "c": "x y"}),
        (b'{"a":"\\u0041"}', {"a": "A"}),
        (b'{"a":%b}' % (b"9" * 30), {"a": "9" * 30}),
    ],
)
def test_a_json_object_is_read_where_the_venue_takes_one(
    body: bytes, parameters: dict[str, str]
) -> None:
    assert read(body=body, json_body=True) == parameters


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"a":}', b'{"a":1}}', b'{"a":"\xff"}', b'{"a":1,}', b"{1:2}", b'{"a":' * 5_000,
     b'{"a":%b}' % (b"9" * 5_000), b'{"a":%b}' % (b"[" * 10_000)],
)  # fmt: skip
def test_a_broken_json_body_is_refused(body: bytes) -> None:
    assert refused(body=body, json_body=True) == (Refusal.MALFORMED, ("body", "a JSON object"))


@pytest.mark.parametrize(
    "value", [b"true", b"null", b"1.5", b"1e3", b"NaN", b"[]", b"{}", b'["a"]', b'{"b":1}']
)
def test_a_json_value_that_is_no_text_and_no_whole_number_is_refused(value: bytes) -> None:
    assert refused(body=b'{"a":%b}' % value, json_body=True) == (
        Refusal.PARAMETER_ILLEGAL,
        ("a", "text or a whole number"),
    )


@pytest.mark.parametrize(
    "member",
    [
        b'"a":"\\ud800"',
        b'"\\ud800":1',
        b'"a":"\\u0000"',
        b'"a":"\xc3\xa9"',
        b'"a":"%b"' % (b"x" * 257),
        b'"%b":true' % (b"x" * 257),
        b'"a":%b' % (b"9" * 257),
    ],
)
def test_json_text_is_held_to_the_same_range(member: bytes) -> None:
    assert refused(body=b"{%b}" % member, json_body=True) == MALFORMED


@pytest.mark.parametrize("body", [b'{"a":1,"a":2}', b'{"a":1,"\\u0061":1}'])
def test_a_name_twice_in_a_json_body_is_refused(body: bytes) -> None:
    assert refused(body=body, json_body=True) == (Refusal.PARAMETER_DUPLICATE, ())


def test_json_is_a_form_where_the_venue_takes_none() -> None:
    assert read(body=b'{"a":1}') == {'{"a":1}': ""}


def test_a_form_is_a_form_where_json_may_come_too() -> None:
    assert read(body=b"a=1&b=2", json_body=True) == {"a": "1", "b": "2"}


@given(st.binary(max_size=60), st.binary(max_size=60), st.booleans())
def test_no_bytes_do_anything_but_be_read_or_refused(
    query: bytes, body: bytes, json_body: bool
) -> None:
    parameters: dict[str, str] = {}
    with contextlib.suppress(Refusing):
        parameters = read(query, body, json_body=json_body)
    assert all(len(v) <= 256 for v in parameters.values())
