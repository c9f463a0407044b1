"""Repairs: how holes are asked about over REST, as a port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from userstream.client.http import Http
from userstream.core.client.repair import Ask, FillsBy, NoRows, RepairInput
from userstream.core.client.requests import Access
from userstream.venue import Venue


class Repairs(Protocol):
    """Puts the core's questions to a venue."""

    supported: bool
    """Whether anything can be asked; else every hole is told and stays."""
    fills_by: FillsBy

    async def ask(self, ask: Ask, venue_ms: int) -> RepairInput:
        """The answer, with all its pages; ``venue_ms`` is now, in the venue's time.

        Never raises for what a venue does. Can be cancelled at any time.
        """


Repairer: TypeAlias = Callable[[Venue, Access, Http, str], Repairs]
"""Makes them, of a venue, a key, the client's requests and the base URL."""


class NoRepairs:
    """For venues whose answers nobody reads yet."""

    supported = False
    fills_by = FillsBy.NOTHING

    async def ask(self, ask: Ask, venue_ms: int) -> RepairInput:
        """There is no answer."""
        return NoRows(ask.number, "not supported")
