"""What a URL may ask of the extension: malformed wishes end at the handshake, cursors of another
place in the stream's first frame, and both say why.
"""

from __future__ import annotations

import json
import re

import pytest
from websockets.exceptions import InvalidStatus

from tests.server.running import metric, running, take
from tests.server.wishing import asked, extended, mark_of
from tests.venues.orders import order
from userstream.core.limits import Limits
from userstream.venue import Mark
from userstream.venues import names

REFUSED = [
    ("us=0", "us is '0'; allowed is us=1"),
    ("us=", "us is ''; allowed is us=1"),
    ("us_heartbeat=10", "us is needed beside us_*; allowed is us=1"),
    ("us_resume=epoch000:1:1", "us is needed beside us_*; allowed is us=1"),
    ("us=1&us=1", "us was sent twice"),
    ("us=1&us_resumed=1", "'us_resumed' is not a parameter"),
    *(
        (f"us=1&us_heartbeat={wrong}", "allowed is a whole number of seconds, 1 to 60")
        for wrong in ("0", "61", "-1", "1.5", "", "x", "9" * 4_000)
    ),
    *(
        (f"us=1&us_resume={wrong}", "allowed is EPOCH:SEQ:PART")
        for wrong in ("", "1", "epoch000:1", "epoch000:-1:1", "epoch000:" + "9" * 20 + ":1",
                      "epoch000:1:-1", "EPOCH000:1:1", "epoch000:1:1:1", "%00", "x" * 4_000)
    ),
]  # fmt: skip


@pytest.mark.parametrize("venue", names())
async def test_a_wish_that_is_not_clear_is_refused_in_words(venue: str) -> None:
    limits = Limits(connects_per_ip=10_000)
    async with running(limits=limits) as server:
        key = await server.key(venue)
        for wish, words in REFUSED:
            with pytest.raises(InvalidStatus) as refused:
                async with server.open(asked(server.url(venue, key), wish)):
                    pass
            response = refused.value.response
            body = json.loads(response.body or b"")
            assert response.status_code == 400
            assert words in body["msg"], wish
            assert len(body["msg"]) < 200
        assert metric(
            server.service, "userstream_handshakes_total", venue=venue, outcome="parameter_illegal"
        ) == len(REFUSED)


def cursors(epoch: str, bobs: str) -> list[tuple[str, str | None]]:
    """Cursors of good form on an account with seven events, of which the last five are retained."""
    return [
        (f"{epoch}:7:9999", None),
        (f"{epoch}:2:9999", None),
        (f"{epoch}:1:9999", "too_old"),
        (f"{epoch}:0:0", "too_old"),
        (f"{epoch}:8:0", "epoch"),
        (f"{epoch}:8:9999", "epoch"),
        (f"{epoch}:9999999999999999999:9999", "epoch"),
        ("abcdefgh:7:9999", "epoch"),
        ("abcdefgh01234567:7:9999", "epoch"),
        (f"{bobs}:3:9999", "epoch"),
        (f"{bobs}:7:9999", "epoch"),
        (f"{bobs}:8:9999", "epoch"),
    ]


@pytest.mark.parametrize("venue", names())
async def test_a_cursor_that_cannot_be_gone_on_from_is_refused_with_the_window(venue: str) -> None:
    async with running(limits=Limits(memory_events_per_account=5)) as server:
        for account in ("alice", "bob"):
            for n in range(7):
                await server.publish(account, event=order(order_id=str(n)))
        oldest, _ = server.seen["alice", 3]
        key, epoch = await server.key(venue), server.epoch()
        answers = set()
        for cursor, reason in cursors(epoch, server.epoch("bob")):
            async with extended(server, venue, f"us=1&us_resume={cursor}", key) as socket:
                (frame,) = await take(socket, 1)
                age_ms = server.service.clock.ms() - oldest.time_ms
            mark = mark_of(server, venue, frame)
            kind = "us.refused" if reason else "us.resumed"
            assert mark == Mark(epoch, 7, 7, kind=kind, reason=reason), cursor
            assert b'"oldest":3' in frame
            window = re.search(rb'"window_ms":(\d+)', frame)
            assert (window is None) is (reason is None)
            if window is not None:
                assert 0 <= int(window[1]) <= age_ms
                answers.add((reason, frame[frame.index(b'{"epoch"') : window.start()]))
        assert len(answers) == 2  # one for each reason: nothing tells one cursor from another
