"""A bot that is killed at any moment goes on behind what it acknowledged."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.client.fakevenue import KEY, FakeVenue
from tests.client.test_cursor import marked, said, saved

BOT = """
import asyncio, sys
from userstream import OrderEvent, UserStream
from tests.client.fakevenue import FakeHttp

async def main():
    stream = UserStream("binance", key=sys.argv[1], rest_url="http://127.0.0.1:1",
                        stream_url=sys.argv[2], cursor=sys.argv[3], extension=True,
                        http=FakeHttp())
    async with stream:
        async for event in stream:
            if isinstance(event, OrderEvent):
                print(event.order_id, flush=True)

asyncio.run(main())
"""
LAST = 400


def test_kill_9_loses_nothing_and_repeats_one_event_at_most(tmp_path: Path) -> None:
    path = tmp_path / "cursor"
    seen: list[int] = []
    with FakeVenue() as venue:
        for _ in range(20):
            with subprocess.Popen(
                [sys.executable, "-c", BOT, KEY, venue.url, str(path)], stdout=subprocess.PIPE
            ) as bot:
                sockets = len(venue.sockets)
                last = time.monotonic() + 20
                while len(venue.sockets) == sockets and time.monotonic() < last:
                    time.sleep(0.01)
                head = saved(path).cursor
                begin = 1 if head is None else head.seq + 1
                if head is not None:
                    assert venue.paths[-1].endswith(f"us_resume={head}")
                    venue.send(said("us.resumed", LAST, prev=LAST))
                venue.send(*(marked(seq) for seq in range(begin, LAST + 1)))
                assert bot.stdout is not None
                wanted = min(97, LAST + 1 - begin)
                seen += [int(bot.stdout.readline()) for _ in range(wanted)]
                bot.kill()
                seen += [int(line) for line in bot.stdout if line.strip().isdigit()]
            if seen[-1] == LAST:
                break
    firsts = list(dict.fromkeys(seen))
    assert firsts == list(range(1, LAST + 1))
    assert len(seen) - len(firsts) <= 10  # one for each kill
