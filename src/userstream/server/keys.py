"""What REST, edges and support need of listen keys, wherever these are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from userstream.core.closing import End
from userstream.core.listenkeys import Issued, KeyRecord
from userstream.core.rest import Identity
from userstream.server.tasks import failed
from userstream.venue import Refusal

Ended = Callable[[KeyRecord, End], None]
"""Told of a key that expired, was deleted or revoked; on every node, once."""


class Ends:
    """All who are told of the ends of keys; none of them keeps the others from it."""

    def __init__(self) -> None:
        self._told: list[Ended] = []

    def add(self, ended: Ended) -> None:
        """Calls back when a key ends."""
        self._told.append(ended)

    def tell(self, record: KeyRecord, end: End) -> None:
        """A key ended."""
        for ended in self._told:
            try:
                ended(record, end)
            except Exception as e:  # noqa: BLE001 - other keys end in the same turn
                failed("keys", e)


Place = tuple[str, str]
"""Venue and random part of a listen key."""


class ListenKeys(Protocol):
    """The listen keys of all nodes. Times are the server's. A cancelled call may have acted.

    Every change is stored before its call returns, and raises ``StoreError`` where it could not be:
    then nothing was changed, unless a method says otherwise.
    """

    def __len__(self) -> int:
        """Live keys, as far as this node knows."""
        ...

    @property
    def others(self) -> Others | None:
        """The other nodes that share these keys; ``None`` where there can be none."""
        ...

    def on_end(self, ended: Ended) -> None:
        """Calls back when a key ends, also one that another node ended, within a second."""
        ...

    def key_of(self, place: Place) -> str:
        """The listen key of a random part, for its owner's own stream only."""
        ...

    def find(self, venue: str, key: str) -> KeyRecord | None:
        """The record of a live key, as far as this node knows."""
        ...

    async def create(self, venue: str, identity: Identity, asked_s: float) -> Issued | Refusal:
        """The account's key: a new one, or the live one, extended, where the venue shares it.

        ``asked_s`` is when the verifier was asked who that is, by ``time.monotonic``: an API key
        that was revoked since is refused, and so is what took longer than this is known for.
        """
        ...

    async def renew(self, venue: str, key: str, account: str) -> Issued | Refusal:
        """A whole life from now on, for a live key of that account."""
        ...

    async def delete(self, venue: str, key: str, account: str) -> Issued | Refusal:
        """Ends a live key of that account, for everybody who uses it."""
        ...

    async def owned_by(self, venue: str, account: str) -> list[str]:
        """The live keys of an account, the oldest first."""
        ...

    async def shown(self, venue: str, identity: Identity, asked_s: float) -> list[str] | Refusal:
        """The live keys of an account, given to that API key by this: they end when it is revoked.

        ``asked_s`` as in ``create``. Where that could not be stored only those are shown them who
        were given all of them before.
        """
        ...

    async def revoke(self, account: str, api_keys: Iterable[str]) -> int:
        """Ends every live listen key that these API keys of the account were given; how many.

        ``create`` and ``shown`` refuse, on every node, those whose verifier was asked before this
        returned.

        Raises:
            StoreError: some may live on; call again.
        """
        ...

    async def end(self, records: Sequence[KeyRecord], end: End) -> None:
        """Ends live keys for that reason, as if their owner or time had done it."""
        ...


class Others(Protocol):
    """The nodes beside this one: what they may know of a key, and their sockets on it."""

    def may_know(self, venue: str, key: str) -> bool:
        """Whether a key that is not found here is one of ours, and may live all the same."""
        ...

    async def seek(self, venue: str, key: str) -> KeyRecord | None:
        """The record of a key that lived on some node when this was called.

        Raises:
            StoreError: the other nodes cannot be asked.
        """
        ...

    async def take_place(self, record: KeyRecord, most: int) -> bool:
        """Takes one of the places that a key has for sockets; false where all are taken.

        Raises:
            StoreError: the other nodes cannot be asked.
        """
        ...

    def leave_place(self, place: Place) -> None:
        """Gives a place back that ``take_place`` took."""
        ...
