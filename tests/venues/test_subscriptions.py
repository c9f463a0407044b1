"""SUBSCRIBE and its kin on sockets that are bound by listen key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.orders import subscriber
from tests.venues.strategies import json_values
from userstream.venue import Control
from userstream.venues._subscriptions import MAX_STREAMS, by_listen_key, ignore

LIVE = frozenset({"key", "other"})


def ask(method: str, params: object = None, number: object = 1, *channels: str) -> Control:
    request = {"method": method, "params": params, "id": number}
    return by_listen_key(json.dumps(request), subscriber(*channels, live=LIVE))


def test_a_live_key_is_subscribed_and_acknowledged() -> None:
    assert ask("SUBSCRIBE", ["key"]) == Control((b'{"result":null,"id":1}',), frozenset({"key"}))
    assert ask("SUBSCRIBE", ["other"], 1, "key").channels == LIVE


def test_a_dead_key_is_refused_and_nothing_changes() -> None:
    refused = ask("SUBSCRIBE", ["key", "dead"])
    assert refused.channels is None
    assert refused.replies == (
        b'{"error":{"code":-1125,"msg":"This listenKey does not exist."},"id":1}',
    )


def test_more_streams_than_a_socket_may_have_are_refused() -> None:
    many = [f"k{i}" for i in range(MAX_STREAMS + 1)]
    request = json.dumps({"method": "SUBSCRIBE", "params": many, "id": 1})
    assert by_listen_key(request, subscriber(live=frozenset(many))).channels is None
    request = json.dumps({"method": "SUBSCRIBE", "params": many[1:], "id": 1})
    assert by_listen_key(request, subscriber(live=frozenset(many))).channels == frozenset(many[1:])


def test_a_key_is_unsubscribed_and_acknowledged() -> None:
    assert ask("UNSUBSCRIBE", ["key"], 2, "key", "other") == Control(
        (b'{"result":null,"id":2}',), frozenset({"other"})
    )


def test_subscriptions_are_listed() -> None:
    assert ask("LIST_SUBSCRIPTIONS", None, "a", "other", "key").replies == (
        b'{"result":["key","other"],"id":"a"}',
    )


@pytest.mark.parametrize(
    ("number", "shown"), [("x" * 64, '"' + "x" * 64 + '"'), ("x" * 65, "null"), ([], "null")]
)
def test_an_id_is_repeated_unless_it_is_too_long_or_no_id(number: object, shown: str) -> None:
    (reply,) = ask("SUBSCRIBE", ["key"], number).replies
    assert reply.decode().endswith(f'"id":{shown}}}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1",
        "[]",
        '{"method":"SUBSCRIBE"}',
        '{"method":"SUBSCRIBE","params":"key"}',
        '{"method":"SUBSCRIBE","params":[1]}',
        '{"method":"SOMETHING","params":["key"]}',
        '{"method":["SUBSCRIBE"],"params":["key"]}',
        "[" * 100_000,
    ],
)
def test_other_text_is_ignored(text: str) -> None:
    assert by_listen_key(text, subscriber(live=LIVE)) == Control()
    assert ignore(text, subscriber(live=LIVE)) == Control()


methods = st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS"])


@given(method=methods | json_values, params=json_values, number=json_values)
def test_no_request_breaks_the_server(method: object, params: object, number: object) -> None:
    control = ask(method, params, number)  # type: ignore[arg-type]
    assert all(json.loads(reply) for reply in control.replies)
    assert control.channels is None or control.channels <= LIVE
