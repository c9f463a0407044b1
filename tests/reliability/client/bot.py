"""A bot of a process of its own: writes down each event before it takes the next one.

``python -m tests.reliability.client.bot LEDGER JSON``: the file, and the arguments of
``UserStream``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import msgspec

from userstream import OrderEvent, UserStream
from userstream.events import OrderUpdate


class Line(msgspec.Struct):
    """A line of the ledger."""

    update: OrderUpdate
    late: bool
    ambiguous: bool


async def main() -> None:
    arguments = json.loads(sys.argv[2])
    ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    async with UserStream(arguments.pop("venue"), **arguments) as stream:
        async for event in stream:
            if isinstance(event, OrderEvent):
                line = Line(event.update, event.late, event.ambiguous)
                os.write(ledger, msgspec.json.encode(line) + b"\n")


if __name__ == "__main__":
    asyncio.run(main())
