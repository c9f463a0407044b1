"""Reads of history that many readers share: a herd that comes back asks once, not once each."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from userstream.core.publishing import Appended

_EVENT_BYTES = 1_500
_BALANCE_BYTES = 200  # each account event has a picture of its own
_REACH = 256
Run = Sequence[Appended]


class Source(Protocol):
    """Where runs are read, as from a ``History``."""

    async def read(self, account: str, from_seq: int, head: int, head_place: int) -> Run:
        """Events from a ``seq`` on, or from the first that is retained, up to a page."""
        ...


class Reads:
    """Reads runs of an account's events, and keeps some.

    What a run has never changes; who needs more than it has reads on. Who comes while one is read
    that begins a little before waits for it.
    """

    def __init__(self, source: Source, most_bytes: int) -> None:
        self._source = source
        self._most = most_bytes
        self._bytes = 0
        self._runs: dict[str, dict[int, asyncio.Task[Run]]] = {}
        """By account and the ``seq`` that was asked for."""
        self._kept: OrderedDict[tuple[str, int], int] = OrderedDict()

    async def close(self) -> None:
        """Reads no more."""
        tasks = [task for runs in self._runs.values() for task in runs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def read(self, account: str, from_seq: int, head: int, head_place: int) -> Run:
        """Events from a ``seq`` on, or from the first that is retained, up to a page.

        None, where none is retained any more.

        Raises:
            StoreError: they cannot be read, or no copy has what lies before the head.
        """
        if from_seq > head:
            return []
        begins = self._runs.get(account, ())
        for begin in sorted((b for b in begins if from_seq - _REACH < b < from_seq), reverse=True):
            task = self._runs[account].get(begin)
            run = await self._shared((account, begin), task) if task is not None else ()
            if run and run[0].seq <= from_seq <= run[-1].seq:
                return run[from_seq - run[0].seq :]
        task = self._runs.get(account, {}).get(from_seq)
        if task is None:
            reading = self._read(account, from_seq, head, head_place)
            task = asyncio.get_running_loop().create_task(reading)
            self._runs.setdefault(account, {})[from_seq] = task
        return await self._shared((account, from_seq), task)

    async def _shared(self, place: tuple[str, int], task: asyncio.Task[Run]) -> Run:
        if place in self._kept:
            self._kept.move_to_end(place)
        return await asyncio.shield(task)  # whoever hangs up does not end it for the others

    async def _read(self, account: str, from_seq: int, head: int, head_place: int) -> Run:
        try:
            run = await self._source.read(account, from_seq, head, head_place)
        except BaseException:
            self._forget(account, from_seq)
            raise
        size = sum(map(_size, run))
        if not run or size > self._most:
            self._forget(account, from_seq)
            return run
        self._kept[account, from_seq] = size
        self._bytes += size
        while self._bytes > self._most:
            place, gone = self._kept.popitem(last=False)
            self._bytes -= gone
            self._forget(*place)
        return run

    def _forget(self, account: str, from_seq: int) -> None:
        runs = self._runs[account]
        del runs[from_seq]
        if not runs:
            del self._runs[account]


def _size(event: Appended) -> int:
    balances = 0 if event.picture is None else len(event.picture.balances)
    return len(event.line) + _EVENT_BYTES + _BALANCE_BYTES * balances
