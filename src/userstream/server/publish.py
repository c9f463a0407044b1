"""``POST /_events``: lines in, one answer a line out, in order, while the request still runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from userstream.core.limits import Limits
from userstream.core.publishing import Refused
from userstream.core.submission import Submission, answers
from userstream.server.bus import Bus, Ticket
from userstream.server.metrics import Metrics

_NDJSON = "application/x-ndjson"
_RETRY_AFTER_S = "1"
_AT_ONCE = 500
"""Lines that one request has checked in one turn of the loop: some 5 ms."""


class _Streamed(Response):
    """A body that is made while the request is read.

    Starlette's own streaming response reads the request too, to notice a disconnect.
    """

    def __init__(self, parts: AsyncIterator[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for part in self._parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Publishing:
    """The publishing endpoint of the admin port."""

    def __init__(self, bus: Bus, limits: Limits, metrics: Metrics) -> None:
        self._bus = bus
        self._limits = limits
        self._refused = metrics.lines.labels("refused")
        self._acknowledged = metrics.lines.labels("acknowledged")

    async def __call__(self, request: Request) -> Response:
        """Answers a publishing request; refused before a byte is read where the queue is full."""
        if self._bus.pending_bytes >= self._limits.append_queue_bytes:
            return _later("busy", "the append queue is full")
        if self._bus.unwritable:
            return _later("unavailable", "no process writes any account now")
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._limits.publish_bytes:
            msg = f"a request is at most {self._limits.publish_bytes} bytes"
            return Response(b'{"error":{"code":"too_large","msg":"%b"}}' % msg.encode(), 413)
        headers = {
            "content-type": _NDJSON,
            "userstream-ack-survives": self._bus.survives.value,
        }
        return _Streamed(self._answers(request), headers)

    async def _answers(self, request: Request) -> AsyncIterator[bytes]:
        # Reading goes on while answers wait to be read: a publisher that writes its whole
        # request before it reads must not block for ever.
        tickets: asyncio.Queue[Ticket | None] = asyncio.Queue()
        reader = asyncio.create_task(self._read(request, tickets))
        try:
            while (ticket := await tickets.get()) is not None:
                await ticket.committed()
                yield self._written(ticket)
            await reader
        finally:
            reader.cancel()

    def _written(self, ticket: Ticket) -> bytes:
        refused = list(map(type, ticket.outcomes)).count(Refused)
        self._refused.inc(refused)
        self._acknowledged.inc(len(ticket.outcomes) - refused)
        return answers(ticket.first_line, ticket.outcomes)

    async def _read(self, request: Request, tickets: asyncio.Queue[Ticket | None]) -> None:
        submission = self._bus.submission()
        try:
            await self._lines(request, submission, tickets)
        except ClientDisconnect:
            pass  # what arrived whole is appended; the publisher sends the rest again
        finally:
            tickets.put_nowait(None)

    async def _lines(
        self, request: Request, submission: Submission, tickets: asyncio.Queue[Ticket | None]
    ) -> None:
        limits = self._limits
        rest = b""
        total = 0
        async for chunk in request.stream():
            total += len(chunk)
            *lines, last = chunk.split(b"\n")
            if lines:
                lines[0], rest = rest + lines[0], last
            else:
                rest += last
            lines = list(filter(bytes.strip, lines))
            room = limits.lines_per_request - submission.line
            for at in range(0, min(len(lines), room), _AT_ONCE):
                ticket = self._bus.append(submission, lines[at : min(at + _AT_ONCE, room)])
                tickets.put_nowait(ticket)
                if self._bus.pending_bytes >= limits.append_queue_bytes:
                    await ticket.committed()
                await asyncio.sleep(0)
            if len(lines) > room or total > limits.publish_bytes:
                tickets.put_nowait(self._too_much(submission, total))
                return
            rest = rest[: limits.event_bytes + 1]  # of a line that is too long, enough to say so
        if rest.strip() and submission.line >= limits.lines_per_request:
            tickets.put_nowait(self._too_much(submission, total))
        elif rest.strip():
            tickets.put_nowait(self._bus.append(submission, [rest]))

    def _too_much(self, submission: Submission, total: int) -> Ticket:
        limits = self._limits
        if total > limits.publish_bytes:
            why = f"a request is at most {limits.publish_bytes} bytes"
        else:
            why = f"a request is at most {limits.lines_per_request} lines"
        ticket = Ticket(submission.take(1), [Refused("too_large", f"{why}; nothing after is read")])
        ticket.settle()
        return ticket


def _later(code: str, msg: str) -> Response:
    body = b'{"error":{"code":"%b","msg":"%b"}}' % (code.encode(), msg.encode())
    return Response(body, 503, {"retry-after": _RETRY_AFTER_S})
