"""A process whose way to NATS swallows packets on order, while its clients reach it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.reliability.server.blackhole import Blackhole, ip, usable

NOWHERE = "02:00:00:00:00:01"
"""A hardware address that nobody has."""


class Partition(Blackhole):
    """Two addresses on each end of the cable: ``address`` for clients, ``nats`` for what is cut."""

    def __init__(self) -> None:
        super().__init__()
        self.nats = self.address.replace("10.213.", "10.214.")
        self._far_nats = self.far.replace("10.213.", "10.214.")

    def make(self) -> None:
        """The cable, with its second pair of addresses."""
        super().make()
        ip("addr", "add", f"{self.nats}/30", "dev", self.outer)
        self.within("addr", "add", f"{self._far_nats}/30", "dev", self.inner)
        self._ours = self.hardware()
        self._theirs = ip("-o", "link", "show", self.outer).split("link/ether ")[1].split()[0]
        self.heal()

    def cut(self) -> None:
        """Frames of both sides go to nobody, and nobody says so."""
        self._point(NOWHERE, NOWHERE)

    def heal(self) -> None:
        """What is sent from now on arrives."""
        self._point(self._ours, self._theirs)

    def _point(self, inwards: str, outwards: str) -> None:
        ip("neigh", "replace", self._far_nats, "lladdr", inwards, "dev", self.outer,
           "nud", "permanent")  # fmt: skip
        self.within("neigh", "replace", self.nats, "lladdr", outwards, "dev", self.inner,
                    "nud", "permanent")  # fmt: skip


@contextlib.contextmanager
def partition() -> Iterator[Partition]:
    """A namespace with such a cable; where none can be made, the test is skipped."""
    with usable(Partition()) as made:
        yield made
