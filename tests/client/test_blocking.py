"""The same stream for a program that is not async."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.fakevenue import FakeVenue
from userstream import Health, NotLive, OrderEvent, State, StreamOver, StreamRefused
from userstream.client.http import Reply


def test_events_come_in_a_for_loop() -> None:
    with FakeVenue() as venue:
        stream = venue.stream(states=False).blocking()
        assert (stream.orders, stream.account, repr(stream)) == (
            {}, {}, "<BlockingUserStream binance connecting>",
        )  # fmt: skip
        assert stream.health == Health()
        with stream:
            stream.live(5)
            assert (stream.health.why, stream.health.key_failures) == ("start", 0)
            assert stream.next(0.05) is None
            sent = [venue.order() for _ in range(3)]
            seen = []
            for event in stream:
                assert isinstance(event, OrderEvent)
                seen.append(event.order_id)
                if len(seen) == 3:
                    break
            assert seen == sent
            assert list(stream.orders) == sent
            assert stream.account == {}
            stream.reconciled()
        assert stream.state is State.STOPPED
        assert list(stream) == []
        with pytest.raises(StreamOver):
            stream.live(1)
        with pytest.raises(StreamOver):
            stream.__enter__()


def test_events_are_acknowledged_by_the_stream(tmp_path: Path) -> None:
    with FakeVenue() as venue:
        given = venue.stream(states=False, cursor=tmp_path / "c", acknowledge="manual")
        with given.blocking() as stream:
            stream.live(5)
            venue.order()
            event = stream.next(5)
            assert event is not None
            stream.ack(event)
            stream.ack(event)


def test_what_goes_wrong_is_raised() -> None:
    with FakeVenue() as venue:
        stream = venue.stream().blocking()
        with pytest.raises(StreamOver):
            stream.next()
        venue.http.answer = lambda *_: None
        with stream, pytest.raises(NotLive):
            stream.live(0.1)
        venue.http.answer = lambda *_: Reply(403, b"")
        with venue.stream(states=False).blocking() as stream:
            with pytest.raises(StreamRefused):
                stream.live(5)
            with pytest.raises(StreamRefused):
                next(stream)
