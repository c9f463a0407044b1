"""Handing over: lines of accounts that other processes write."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from userstream.server.bus import Outcome
from userstream.server.nats.channel import Channel
from userstream.server.nats.handed import Handed
from userstream.server.nats.job import Job
from userstream.server.nats.layout import Layout
from userstream.server.nats.link import Link
from userstream.server.nats.writers import Writers


class Handover:
    """A channel to each shard's writer, and who that is, as far as is known."""

    def __init__(self, link: Link, layout: Layout, wait_s: float) -> None:
        self._layout = layout
        self.under_way: dict[str, int] = {}
        """Lines that were handed over, by account, of which nobody knows what became of them."""
        self.writers = Writers(link, layout)
        self.channels = [
            Channel(n, layout, link, self.writers, wait_s) for n in range(layout.shards)
        ]
        self.writers.on_term.append(lambda shard: self.channels[shard].offer())

    def put(self, job: Job, i: int, told: Callable[[Outcome], None]) -> None:
        """Hands over a line of a job, one whose account is known."""
        account = job.accounts[i] or ""
        self.under_way[account] = self.under_way.get(account, 0) + 1
        channel = self.channels[self._layout.shard_of(account)]
        done = partial(self._done, account, told)
        channel.put(Handed(job.submission, job.numbers[i], account, job.lines[i], done))

    def _done(self, account: str, told: Callable[[Outcome], None], outcome: Outcome) -> None:
        left = self.under_way.pop(account) - 1
        if left:
            self.under_way[account] = left
        told(outcome)

    def close(self) -> None:
        """Hands nothing over any more."""
        for channel in self.channels:
            channel.close()
        self.writers.stop()
