"""The desk: where calls go that only the exchange itself can answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from userstream.core.rest import Answered, Identity
from userstream.venue import Refusal, Route, Venue


class Desk(Protocol):
    """Orders, accounts and trades, behind this server's limits and signature checks."""

    async def serve(
        self,
        venue: Venue,
        route: Route,
        parameters: Mapping[str, str],
        identity: Identity | None,
    ) -> Answered | Refusal:
        """Answers an admitted ``DESK`` call; ``identity`` is absent where anybody may call.

        A caller that goes away cancels it: what is begun by then must be finished all the same.
        """
        ...
