"""The exchange's feed: order kept, other publishers replaced, failures told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from userstream.client.publisher import Answer, Problem
from userstream.errors import PublishError, PublishUnproven
from userstream.events import AccountUpdate
from userstream.orders import AccountEvent
from userstream.sandbox.feed import Feed


class FakePublisher:
    """Remembers what it was sent; ``fails`` says what becomes of each request."""

    def __init__(self, *fails: str | Exception | None) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self._fails = list(fails)

    async def send(self, lines: Sequence[bytes]) -> list[Answer]:
        await asyncio.sleep(0)
        self.requests.append([msgspec.json.decode(text) for text in lines])
        fails = self._fails.pop(0) if self._fails else None
        if isinstance(fails, Exception):
            raise fails
        error = None if fails is None else Problem(fails, "no")
        return [Answer(i, error=error) for i in range(1, len(lines) + 1)]


class StuckPublisher:
    """Never hears of what it sends."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def send(self, _: Sequence[bytes]) -> list[Answer]:
        self.asked.set()
        return await asyncio.Future()


def events(*accounts: str) -> list[AccountEvent]:
    return [(name, AccountUpdate(time_ms=i)) for i, name in enumerate(accounts)]


def sent(publisher: FakePublisher) -> list[tuple[str, int, bool]]:
    return [
        (line["account"], line["n"], line.get("takeover", False))
        for request in publisher.requests
        for line in request
    ]


async def fed(publisher: FakePublisher, *batches: list[AccountEvent]) -> list[object]:
    """What became of each batch."""
    feed = Feed(source="here", first_n=100)
    told = [feed.put(batch) for batch in batches]
    feed.start(publisher)  # type: ignore[arg-type]
    try:
        return list(await asyncio.gather(*told, return_exceptions=True))
    finally:
        await feed.stop()


async def test_events_keep_their_order_and_the_first_of_an_account_takes_over() -> None:
    publisher = FakePublisher()
    assert await fed(publisher, events("a", "b"), [], events("a")) == [None, None, None]
    assert sent(publisher) == [("a", 101, True), ("b", 102, True), ("a", 103, False)]


@pytest.mark.parametrize("code", ["fenced", "other_source"])
async def test_another_publisher_is_replaced_again(code: str) -> None:
    publisher = FakePublisher(None, code, None)
    feed = Feed(source="here", first_n=0)
    feed.start(publisher)  # type: ignore[arg-type]
    await feed.put(events("a"))
    await feed.put(events("a", "a"))
    assert sent(publisher)[-2:] == [("a", 2, True), ("a", 3, False)]
    await feed.stop()


@pytest.mark.parametrize(
    ("fails", "requests"),
    [
        (("invalid_event",), 1),
        (("fenced", "fenced", "fenced"), 3),
        ((PublishUnproven("no answer"),), 1),
    ],
)
async def test_what_cannot_be_published_is_told(
    fails: tuple[str | Exception, ...], requests: int
) -> None:
    publisher = FakePublisher(*fails)
    (told,) = await fed(publisher, events("a"))
    assert isinstance(told, PublishError)
    assert len(publisher.requests) == requests


async def test_many_events_are_sent_in_requests_of_a_bounded_size() -> None:
    publisher = FakePublisher()
    batches = [events(*["a"] * 600) for _ in range(3)] + [events(*["a"] * 10_001)]
    assert await fed(publisher, *batches) == [None] * 4
    assert [len(r) for r in publisher.requests] == [600, 600, 600, 10_000, 1]
    numbers = [n for _, n, _ in sent(publisher)]
    assert numbers == list(range(101, 101 + len(numbers)))


async def test_what_has_come_before_the_stop_is_still_published() -> None:
    publisher = FakePublisher()
    feed = Feed(source="here", first_n=0)
    feed.start(publisher)  # type: ignore[arg-type]
    told = [feed.put(events("a")), feed.put(events(*["a"] * 1_000)), feed.put(events("b"))]
    await feed.stop()
    assert [one.result() for one in told] == [None] * 3
    assert len(sent(publisher)) == 1_002


async def test_what_cannot_be_published_in_time_fails_at_the_stop() -> None:
    publisher = StuckPublisher()
    feed = Feed(source="here", first_n=0)
    feed.start(publisher)  # type: ignore[arg-type]
    under_way = feed.put(events("a"))
    await publisher.asked.wait()
    waiting = feed.put(events("a"))
    await feed.stop(within_s=0.01)
    for told in (under_way, waiting, feed.put(events("a"))):
        assert isinstance(told.exception(), PublishError)


async def test_what_waits_for_a_start_fails_at_the_stop() -> None:
    feed = Feed(source="here", first_n=0)
    waiting = feed.put(events("a"))
    await feed.stop()
    assert isinstance(waiting.exception(), PublishError)


async def test_an_answer_that_nobody_waits_for_any_more() -> None:
    publisher = FakePublisher()
    feed = Feed(source="here", first_n=0)
    feed.put(events("a")).cancel()
    feed.start(publisher)  # type: ignore[arg-type]
    await feed.put(events("a"))
    assert len(sent(publisher)) == 2
    await feed.stop()
