"""Waiting: jobs some of whose accounts' heads have to be read first, or that are given away."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterator

from userstream.server.nats.job import Job


class Waiting:
    """Keeps the order of each account and of each request, and no other.

    So a head that takes long to read holds up its own account, and what is published with it.
    """

    def __init__(
        self,
        missing: Callable[[Job], list[str]],
        fetch: Callable[[str], Awaitable[None]],
        accept: Callable[[Job], None],
    ) -> None:
        """``missing`` says what accounts a job waits for, ``fetch`` gets one and never fails."""
        self._missing = missing
        self._fetch = fetch
        self._accept = accept
        self._jobs: dict[Job, None] = {}
        self._queues: dict[Hashable, deque[Job]] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Reads no more heads; what still waits is accepted, or refused, as things stand."""
        fetching = list(self._fetching.values())
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)
        jobs = list(self._jobs)
        self._jobs.clear()
        self._queues.clear()
        for job in jobs:
            self._accept(job)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs)

    def takes(self, job: Job) -> bool:
        """Whether a job has to wait; if so it is accepted later."""
        missing = self._missing(job)
        if not (missing or (self._queues and not self._queues.keys().isdisjoint(_keys(job)))):
            return False
        self._jobs[job] = None
        for key in _keys(job):
            self._queues.setdefault(key, deque()).append(job)
        self._read(missing)
        return True

    def _read(self, accounts: Collection[str]) -> None:
        for account in accounts:
            if account not in self._fetching:
                task = asyncio.get_running_loop().create_task(self._read_one(account))
                self._fetching[account] = task

    async def _read_one(self, account: str) -> None:
        try:
            await self._fetch(account)
        finally:
            del self._fetching[account]
        queue = self._queues.get(account)
        if queue:
            self._go_on(queue[0])

    def _go_on(self, job: Job) -> None:
        """Accepts a job if nothing is in its way, and all those in whose way it was."""
        ready = {job: None}  # once each: a thousand accounts may wait for the same job
        while ready:
            job = next(iter(ready))
            del ready[job]
            if job not in self._jobs or any(self._queues[key][0] is not job for key in _keys(job)):
                continue
            missing = self._missing(job)
            if missing:
                self._read(missing)
                continue
            del self._jobs[job]
            for key in _keys(job):
                queue = self._queues[key]
                queue.popleft()
                if queue:
                    ready[queue[0]] = None
                else:
                    del self._queues[key]
            self._accept(job)


def _keys(job: Job) -> Collection[Hashable]:
    """What keeps its order: its request, and its accounts."""
    return {job.submission, *(account for account in job.accounts if account is not None)}
