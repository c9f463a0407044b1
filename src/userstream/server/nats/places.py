"""How many sockets a listen key has on all nodes together."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

import msgspec

from userstream.errors import StoreUnavailable
from userstream.server.keys import Place
from userstream.server.nats.bucket import Change, Conflict
from userstream.server.nats.register import Register
from userstream.server.records import decode, encode
from userstream.server.tasks import lasting

_LIFE_S = 26 * 3_600
"""Longer than any stream lives: what a dead node left behind goes by itself."""


class Sockets(msgspec.Struct, frozen=True):
    """Sockets on one key, by node."""

    nodes: dict[str, int]
    v: int = 1


class SocketPlaces:
    """Counts sockets per key in the register. The places of a node that died are free again."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._sockets: dict[Place, dict[str, int]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._stopped = False
        register.on("p", self._stored)

    async def stop(self) -> None:
        """Waits for no place any more: others count this node out when it leaves."""
        self._stopped = True
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    async def take(self, place: Place, most: int) -> bool:
        """Takes a place; false where all are taken.

        Raises:
            StoreUnavailable: the other nodes cannot be asked.
        """
        sure = False
        while True:
            if sum(self._live(place).values()) < most:
                with suppress(Conflict):
                    await self._add(place, 1)
                    return True
            elif sure:
                return False
            await self._register.catch_up()
            sure = True

    def leave(self, place: Place) -> None:
        """Gives a place back, as soon as that can be stored."""
        if self._stopped:
            return
        task = lasting("places", partial(self._leave, place))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _leave(self, place: Place) -> None:
        while self._sockets.get(place, {}).get(self._register.node):
            try:
                await self._add(place, -1)
            except (Conflict, StoreUnavailable):
                await self._again()
            else:
                return

    async def _again(self) -> None:
        while True:
            with suppress(StoreUnavailable):
                await self._register.catch_up()
                return
            await asyncio.sleep(self._register.timing.tick_s)

    async def _add(self, place: Place, count: int) -> None:
        nodes = self._live(place)
        mine = nodes.pop(self._register.node, 0) + count
        if mine:
            nodes[self._register.node] = mine
        await self._register.put("p.{}.{}".format(*place), encode(Sockets(nodes)), _LIFE_S)

    def _live(self, place: Place) -> dict[str, int]:
        time, own = self._register.time, self._register.node
        nodes = self._sockets.get(place, {})
        return {node: n for node, n in nodes.items() if node == own or time.lives(node)}

    def _stored(self, change: Change) -> None:
        _, venue, random = change.key.split(".")
        nodes = decode(change.value, Sockets).nodes if change.value else {}
        if nodes:
            self._sockets[venue, random] = nodes
        else:
            self._sockets.pop((venue, random), None)
