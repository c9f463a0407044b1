"""Jobs that wait for heads: in the order of each account and of each request."""

from __future__ import annotations

import asyncio

from userstream.core.limits import Limits
from userstream.core.publishing import Ledger
from userstream.core.submission import Submission
from userstream.server.nats.job import Job
from userstream.server.nats.waiting import Waiting


class Heads:
    """Heads of accounts, each of which is read once a test says so."""

    def __init__(self, *slow: str) -> None:
        self.read = {name: asyncio.Event() for name in slow}
        self.known: set[str] = set()
        self.asked: list[str] = []
        self.looked = 0
        self.accepted: list[Job] = []
        self.waiting = Waiting(self._missing, self._fetch, self.accepted.append)

    def _missing(self, job: Job) -> list[str]:
        self.looked += 1
        return [a for a in job.accounts if a is not None and a not in self.known]

    async def _fetch(self, account: str) -> None:
        self.asked.append(account)
        if account in self.read:
            await self.read[account].wait()
        self.known.add(account)

    def put(self, *accounts: str, of: Submission | None = None) -> Job:
        lines = [b'{"account":"%b"}' % account.encode() for account in accounts]
        submission = of or request()
        job = Job(submission, range(1, len(lines) + 1), lines, stays=False)
        if not self.waiting.takes(job):
            self.accepted.append(job)
        return job


def request() -> Submission:
    return Submission(Ledger("e", Limits(), lambda _: None))


async def test_a_slow_head_holds_up_its_own_account_alone() -> None:
    heads = Heads("slow")
    first = heads.put("slow")
    others = [heads.put("a"), heads.put("b")]
    both, later = heads.put("a", "slow"), heads.put("a")
    await asyncio.sleep(0.01)
    assert heads.accepted == others
    others.append(heads.put("b"))
    assert heads.accepted == others
    heads.read["slow"].set()
    await asyncio.sleep(0.01)
    assert heads.accepted == [*others, first, both, later]
    assert sorted(heads.asked) == ["a", "b", "slow"]
    last = heads.put("slow", "a", "b")
    assert heads.accepted[-1] is last


async def test_a_request_keeps_its_order_whatever_its_accounts() -> None:
    heads, one = Heads("slow"), request()
    first, second = heads.put("slow", of=one), heads.put("a", of=one)
    other = heads.put("b")
    await asyncio.sleep(0.01)
    assert heads.accepted == [other]
    heads.read["slow"].set()
    await asyncio.sleep(0.01)
    assert heads.accepted == [other, first, second]


async def test_a_head_that_is_not_known_any_more_is_read_again() -> None:
    heads = Heads("slow", "a")
    job = heads.put("a", "slow")
    heads.read["a"].set()
    await asyncio.sleep(0.01)
    heads.known.clear()
    heads.read["slow"].set()
    await asyncio.sleep(0.01)
    assert heads.accepted == [job]
    assert heads.asked.count("a") == 2


async def test_what_waits_at_the_end_is_settled_in_its_order() -> None:
    heads = Heads("slow")
    jobs = [heads.put("slow"), heads.put("slow", "a"), heads.put("a")]
    await asyncio.sleep(0.01)
    assert heads.accepted == []
    await heads.waiting.close()
    assert heads.accepted == jobs


async def test_jobs_behind_a_slow_head_are_looked_at_once_each() -> None:
    heads, one = Heads("slow"), request()
    names = [f"a{n}" for n in range(100)]
    heads.known.update(names)
    jobs = [heads.put("slow", *names, of=one)]
    jobs += [heads.put(*names, of=one) for _ in range(20)]
    await asyncio.sleep(0.01)
    assert heads.accepted == []
    heads.looked = 0
    heads.read["slow"].set()
    await asyncio.sleep(0.01)
    assert heads.accepted == jobs
    assert heads.looked == len(jobs)
