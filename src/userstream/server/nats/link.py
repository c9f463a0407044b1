"""One connection to a NATS, kept up: who is subscribed stays so, on whichever server."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Callable
from functools import partial

import msgspec

from userstream.errors import InvalidSettings, StoreDamaged, StoreError, StoreUnavailable
from userstream.server.logs import logger
from userstream.server.nats.address import HELLO, Address, Server, told
from userstream.server.nats.call import Call
from userstream.server.nats.inbox import Handler, Inbox, NobodyError, Stored
from userstream.server.nats.wire import Info, Line, Message, Parser, check_server, pub, read_info
from userstream.server.tasks import ended, lasting, within

_log = logger("nats")
_CONNECT_S = 3.0
_PING_S = 2.0  # a silent server is given up after three of these
_LONGEST_WAIT_S = 1.0


class Link:
    """Publishes, subscribes and asks; what is sent while there is no connection is lost."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._transport: asyncio.Transport | None = None
        self._call: Call | None = None
        self._parser = Parser()
        self._out: list[bytes] = []
        self._handlers: dict[int, tuple[str, Handler]] = {}
        self._last_sid = 0
        self._inbox = Inbox()
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._pongs = 0
        self._greeting: asyncio.Future[Info] | None = None
        self._refusal = ""
        self.info = Info()
        self.connected = False
        self.on_up: list[Callable[[], None]] = []
        self.on_down: list[Callable[[], None]] = []
        self._inbox_sid = b"%d" % self.subscribe(self._inbox.subject, self._inbox.answered)

    async def open(self, within_s: float) -> None:
        """Connects; from then on the link connects again by itself.

        Raises:
            InvalidSettings: no server lets us in, or none is recent enough.
            StoreUnavailable: no server answers in time.
        """
        why: Exception = StoreUnavailable("no NATS server answers")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not self.connected:
                    why = await self._try_all() or why
                    if isinstance(why, InvalidSettings):
                        break
                    if not self.connected:
                        await asyncio.sleep(0.1)
        if not self.connected:
            raise why
        self._task = lasting("link", self._keep)

    async def close(self) -> None:
        """Hangs up."""
        await ended(self._task)
        self._flush()
        self._down()
        if self._transport is not None:
            self._transport.close()

    # ── messages ────────────────────────────────────────────────────────────────────────────────

    def send(self, data: bytes) -> None:
        """Sends protocol lines at the end of this loop turn."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)

    def subscribe(self, subject: str, handler: Handler) -> int:
        """Hands messages of a subject over, also after a reconnect; gives the subscription's id."""
        self._last_sid += 1
        self._handlers[self._last_sid] = subject, handler
        if self.connected:
            self.send(b"SUB %b %d\r\n" % (subject.encode(), self._last_sid))
        return self._last_sid

    def unsubscribe(self, sid: int, *, late: bool = False) -> None:
        """Hands no more over, or only what is on its way and comes ``late``."""
        found = self._handlers.get(sid) if late else self._handlers.pop(sid, None)
        if found is not None and self.connected:
            self.send(b"UNSUB %d\r\n" % sid)

    def inbox(self, answered: Handler, stored: Stored | None = None) -> tuple[str, bytes]:
        """A subject for answers, and the token with which to ``forget`` it.

        ``stored`` takes acknowledgements that say nothing but a place; ``answered`` all the rest.
        """
        return self._inbox.open(answered, stored)

    def forget(self, token: bytes) -> None:
        """Answers to a request are of no interest any more."""
        self._inbox.forget(token)

    async def request(
        self, subject: str, payload: bytes, within_s: float, again_s: float | None = None
    ) -> Message:
        """The first answer to a request; it is asked ``again_s`` later if there is none yet.

        Raises:
            StoreUnavailable: there is none in time, or nobody to answer.
        """
        return await self.answer(partial(pub, subject, payload), within_s, again_s=again_s)

    async def answer(
        self,
        line: Callable[[str], bytes],
        within_s: float,
        is_last: Callable[[Message], bool] = lambda _: True,
        again_s: float | None = None,
    ) -> Message:
        """The first answer, or the last, to a line that names the subject where it is awaited.

        Raises:
            StoreUnavailable: there is none in time, or nobody to answer.
        """
        if not self.connected:
            raise StoreUnavailable("NATS cannot be reached")
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def answered(message: Message) -> None:
            if is_last(message) and not future.done():
                future.set_result(message)

        reply, token = self.inbox(answered)
        try:
            async with asyncio.timeout(within_s):
                while not future.done():
                    self.send(line(reply))
                    await asyncio.wait([future], timeout=again_s)
                message = await future
        except TimeoutError:
            raise StoreUnavailable("NATS does not answer in time") from None
        finally:
            self.forget(token)
        if message.status == 503:
            raise NobodyError("nobody answers for JetStream: it is off, or has no leader")
        return message

    # ── the connection ──────────────────────────────────────────────────────────────────────────

    async def _keep(self) -> None:
        waited_s = 0.02
        while True:
            await self._watch()
            _log.warning("NATS is out of reach", server=self.info.server_name)
            while not self.connected:
                why = await self._try_all()
                if why is not None:
                    await asyncio.sleep(waited_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
                    waited_s = min(waited_s * 2, _LONGEST_WAIT_S)
            waited_s = 0.02
            _log.info("NATS is back", server=self.info.server_name)

    async def _watch(self) -> None:
        """Returns when the connection is lost, or silent for too long."""
        self._pongs = 0
        while self.connected:
            await within(_PING_S, self._lost)
            self._pongs += 1
            if self._pongs > 2 and self._transport is not None:
                self._down()
                self._transport.abort()
            self.send(b"PING\r\n")

    async def _try_all(self) -> Exception | None:
        """Tries every server once; why none would have us."""
        servers = list(self._address.servers)
        random.shuffle(servers)
        why: Exception | None = None
        for server in servers:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    await self._connect(server)
            except (OSError, TimeoutError, StoreError, InvalidSettings) as e:
                if self._transport is not None:
                    self._transport.abort()
                kind = InvalidSettings if isinstance(e, InvalidSettings) else StoreUnavailable
                why = kind(f"NATS at {server}: {told(e)}")
                continue
            return None
        return why

    async def _connect(self, server: Server) -> None:
        loop = asyncio.get_running_loop()
        self._greeting, self._refusal, self._parser = loop.create_future(), "", Parser()
        self._lost = asyncio.Event()
        if self._call is not None:
            self._call.over = True
        call = self._call = Call(self._made, self.received, self._hung_up)
        transport, _ = await loop.create_connection(lambda: call, server.host, server.port)
        info = await self._greeting
        check_server(info)
        tls = self._address.tls
        if info.tls_required and tls is None:
            raise InvalidSettings("it asks for TLS; say tls:// in bus")
        if tls is not None:
            upgraded = await loop.start_tls(transport, call, tls, server_hostname=server.host)
            if upgraded is None:
                raise StoreUnavailable("it hung up")
            transport = self._transport = upgraded
        hello = HELLO | {"tls_required": tls is not None} | self._address.proof(info.nonce)
        self._greeting = loop.create_future()
        transport.write(b"CONNECT %b\r\nPING\r\n" % msgspec.json.encode(hello))
        await self._greeting  # its pong: we are in
        # Not before: a server takes a while for 100,000 of them, and whatever is asked after them
        # it answers after them.
        lines = [b"SUB %b %d\r\n" % (s.encode(), sid) for sid, (s, _) in self._handlers.items()]
        transport.write(b"".join(lines))
        self.info, self.connected = info, True
        for up in self.on_up:
            up()

    def _made(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def _hung_up(self, exc: Exception | None) -> None:
        if self._greeting is not None and not self._greeting.done():
            text = self._refusal or (str(exc) if exc else "it hung up")
            kind = InvalidSettings if "uthor" in text else StoreUnavailable
            self._greeting.set_exception(kind(text))
        self._down()

    def _down(self) -> None:
        self._lost.set()
        self._out.clear()
        if self.connected:
            self.connected = False
            for down in self.on_down:
                down()

    def received(self, data: bytes) -> None:
        """Messages go to who subscribed, the rest is answered here."""
        awaiting = self._inbox.awaiting
        try:
            for item in self._parser.feed(data):
                try:
                    if type(item) is re.Match:
                        subject, sid, _, payload, place = item.groups()
                        taken = awaiting(subject) if sid == self._inbox_sid else None
                        if taken is not None:
                            taken(int(place))
                        else:
                            self._message(Message(int(sid), subject, b"", b"", payload))
                    elif type(item) is Message:
                        self._message(item)
                    elif type(item) is Line:
                        self._line(item)
                except Exception as e:  # noqa: BLE001 - all others share this connection
                    _log.error("what NATS sent was not taken", exc_info=e)
        except StoreDamaged as e:
            _log.error("NATS cannot be understood", error=str(e))
            if self._transport is not None:
                self._transport.abort()

    def _message(self, message: Message) -> None:
        if (found := self._handlers.get(message.sid)) is not None:
            found[1](message)

    def _line(self, line: Line) -> None:
        self._pongs = 0
        greeting = self._greeting
        if line.verb == b"PING" and self._transport is not None:
            self._transport.write(b"PONG\r\n")
        elif line.verb == b"INFO":
            info = read_info(line.rest)
            if greeting is not None and not greeting.done() and not self.connected:
                greeting.set_result(info)
            elif info.ldm and self._transport is not None:
                self._flush()
                self._transport.close()
        elif line.verb == b"PONG" and greeting is not None and not greeting.done():
            greeting.set_result(self.info)
        elif line.verb == b"-ERR":
            self._refusal = line.rest.decode(errors="replace").strip("'")
            _log.error("NATS refuses", error=self._refusal)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and self.connected and self._transport is not None:
            self._transport.write(b"".join(out))
