"""What would be said again and again is said once in a while."""

from __future__ import annotations

import time
from unittest import mock

from structlog.testing import capture_logs

from tests.server.bus.places import Memory
from userstream.core.publishing import Refused
from userstream.errors import StoreUnavailable
from userstream.server import logs
from userstream.server.logs import Seldom


def test_each_thing_passes_once_in_a_while() -> None:
    seldom = Seldom(10)
    with mock.patch.object(time, "monotonic", return_value=0.0) as now:
        assert [seldom.passes("a"), seldom.passes("a"), seldom.passes("b")] == [True, False, True]
        now.return_value = 9.9
        assert not seldom.passes("a")
        now.return_value = 10.0
        assert [seldom.passes("a"), seldom.passes("a")] == [True, False]


def test_of_many_things_the_last_are_remembered() -> None:
    seldom = Seldom()
    with mock.patch.object(logs, "_REMEMBERED", 2):
        assert all(seldom.passes(n) for n in range(3))
        assert not seldom.passes(2)
        assert seldom.passes(0)


async def test_a_head_that_cannot_be_read_is_told_once_for_many_tries() -> None:
    place = Memory()
    async with place.open() as it:
        broken = mock.patch.object(type(place._store), "get", side_effect=StoreUnavailable("full"))
        with broken, capture_logs() as logged:
            for _ in range(20):
                (refused,) = await it.publish([1])
                assert isinstance(refused, Refused)
        assert [entry["account"] for entry in logged] == ["alice"]
