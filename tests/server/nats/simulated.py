"""A NATS in this process, on a virtual clock: streams, copies that lag, and a network with faults.

It speaks the client protocol, so all of our side of it is the real one.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from tests.server.nats.simulated_streams import Copy, Stored, Stream, matches
from tests.server.nats.virtual import VirtualLoop
from userstream.server.nats.address import Address, Server
from userstream.server.nats.link import Link

INFO = {"server_name": "n", "version": "2.12.0", "jetstream": True, "headers": True}
_TIME = "2026-11-22T00:00:00.0Z"
_LEADERLESS = {"error": {"code": 503, "err_code": 10008, "description": "no leader"}}
_NO_MESSAGE = {"error": {"code": 404, "err_code": 10037, "description": "no message found"}}


class Pipe(asyncio.Transport):
    """A connection; each side hears the other with a delay."""

    def __init__(self, nats: Nats, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._nats = nats
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._up_s = self._down_s = 0.0
        self._up: deque[bytes] = deque()  # calls at the same time come in no order
        self._down: deque[bytes] = deque()
        self._rest = b""
        self.subjects: dict[int, str] = {}
        self.up_delay_s = self.down_delay_s = 0.001
        self.put_delay_s = 0.0
        """So much later than elsewhere it hears what is put to writers."""
        self.closed = False
        self.lost_answers = 0
        """So many of the next answers do not arrive."""
        self.say(b"INFO " + json.dumps(INFO).encode() + b"\r\n")

    def write(self, data: Any) -> None:
        if not self.closed:
            self._up_s = max(self._up_s, self._loop.time() + self.up_delay_s)
            self._up.append(bytes(data))
            self._loop.call_at(self._up_s, self._hear)

    def say(self, data: bytes) -> None:
        """Says something to the client."""
        if self.closed:
            return
        if self.lost_answers and b"_INBOX" in data:
            self.lost_answers -= 1
            return
        self._down_s = max(self._down_s, self._loop.time() + self.down_delay_s)
        self._down.append(data)
        self._loop.call_at(self._down_s, self._arrive)

    def cut(self, *, arrives: bool) -> None:
        """Hangs up; what is on its way to the server arrives all the same, or not."""
        if not self.closed:
            self.closed = True
            if not arrives:
                self._up = deque(b"" for _ in self._up)
            self._loop.call_soon(self._protocol.connection_lost, None)

    def close(self) -> None:
        self.cut(arrives=True)

    def abort(self) -> None:
        self.cut(arrives=True)

    def is_closing(self) -> bool:
        return self.closed

    def _arrive(self) -> None:
        data = self._down.popleft()
        if not self.closed:
            self._protocol.data_received(data)

    def _hear(self) -> None:
        data = self._rest + self._up.popleft()
        while (end := data.find(b"\r\n")) >= 0:
            verb, *words = data[:end].split(b" ")
            start = stop = end + 2
            if verb in (b"PUB", b"HPUB"):
                stop = start + int(words[-1])
                if len(data) < stop + 2:
                    break
                head = int(words[-2]) if verb == b"HPUB" else 0
                reply = words[1].decode() if len(words) == (4 if head else 3) else ""
                whole = data[start:stop]
                self._nats.publish(words[0].decode(), reply, whole[:head], whole[head:])
                stop += 2
            elif verb == b"SUB":
                self.subjects[int(words[1])] = words[0].decode()
            elif verb == b"UNSUB":
                self.subjects.pop(int(words[0]), None)
            elif verb == b"PING":
                self.say(b"PONG\r\n")
            data = data[stop:]
        self._rest = data


class Nats:
    """All streams, and who is connected."""

    def __init__(self, loop: VirtualLoop, streams: Sequence[Stream]) -> None:
        self.streams = {stream.name: stream for stream in streams}
        self.pipes: list[Pipe] = []
        self.dropped = self.refused = self.failing = 0
        """So many of the next appends are lost, or refused; of the next questions not answered."""
        self.dark_s: dict[str, float] = {}
        """Until when a host takes no connection."""
        self._batches: dict[bytes, list[tuple[str, bytes, int | None]]] = {}
        loop.dial = self._dial

    async def link(self, host: str = "nats") -> tuple[Link, Callable[[], Pipe]]:
        """A link, and what gives its connection of the moment."""
        link = Link(Address((Server(host, 4222),), None, "", "", "", b""))
        await link.open(5)

        def pipe() -> Pipe:
            return cast("Pipe", link._transport)

        return link, pipe

    def _dial(self, host: str, make: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        if self.dark_s.get(host, 0.0) > asyncio.get_running_loop().time():
            raise OSError("nobody listens")
        protocol = make()
        pipe = Pipe(self, protocol)
        self.pipes = [p for p in self.pipes if not p.closed] + [pipe]
        protocol.connection_made(pipe)
        return pipe

    def publish(self, subject: str, reply: str, head: bytes, data: bytes) -> None:
        """A message from a client: a question, an append, or for others."""
        if subject.startswith("$JS.API."):
            self._api(subject[len("$JS.API.") :], reply, data)
            return
        for stream in self.streams.values():
            if subject.startswith(stream.prefix):
                self._append(stream, subject, reply, head, data)
                return
        if not self.tell(subject, data, reply=reply) and reply:
            self.tell(reply, b"", b"NATS/1.0 503\r\n\r\n")

    def tell(self, subject: str, data: bytes, head: bytes = b"", reply: str = "") -> bool:
        """Hands a message to who subscribed; false: nobody did."""
        heard, to = False, f"{reply} " if reply else ""
        for pipe in self.pipes:
            for sid, wanted in list(pipe.subjects.items()):
                if matches(wanted, subject):
                    if head:
                        sizes = f"{len(head)} {len(head) + len(data)}"
                        line = f"HMSG {subject} {sid} {to}{sizes}\r\n"
                    else:
                        line = f"MSG {subject} {sid} {to}{len(data)}\r\n"
                    whole = line.encode() + head + data + b"\r\n"
                    if pipe.put_delay_s and ".put." in subject:
                        asyncio.get_running_loop().call_later(pipe.put_delay_s, pipe.say, whole)
                    else:
                        pipe.say(whole)
                    heard = True
        return heard

    # ── appends ─────────────────────────────────────────────────────────────────────────────────

    def _append(self, stream: Stream, subject: str, reply: str, head: bytes, data: bytes) -> None:
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
        fence = fields.get(b"Nats-Expected-Last-Sequence")
        place = None if fence is None else int(fence)
        name = fields.get(b"Nats-Batch-Id")
        if name is not None:
            batch = self._batches.setdefault(name, [])
            batch.append((subject, data, place))
            whole = len(batch) == int(fields[b"Nats-Batch-Sequence"])
            if b"Nats-Batch-Commit" in fields and whole:
                self._store(stream, self._batches.pop(name), reply, b',"batch":"b"')
            return
        self._store(stream, [(subject, data, place)], reply, b"")

    def _store(
        self, stream: Stream, messages: list[tuple[str, bytes, int | None]], reply: str, more: bytes
    ) -> None:
        if self.dropped:
            self.dropped -= 1
            return
        last, fence = stream.leader.last, messages[0][2]
        name = stream.name.encode()
        if self.refused or (fence is not None and fence != last):
            self.refused = max(self.refused - 1, 0)
            error = b'{"code":400,"err_code":10071,"description":"wrong last sequence: %d"}' % last
            if reply:
                self.tell(reply, b'{"error":%b,"stream":"%b","seq":0}' % (error, name))
            return
        for subject, data, _ in messages:
            before = stream.leader.last_of(subject)
            message = stream.add(subject, data)
            self.republish(stream, message, before.place if before else 0)
        if reply:
            self.tell(reply, b'{"stream":"%b","seq":%d%b}' % (name, stream.leader.last, more))

    def republish(self, stream: Stream, message: Stored, before: int) -> None:
        """Hands what was stored to who listens; ``before`` is the place of the one before it."""
        if not stream.one_a_subject:
            live = message.subject.replace(".in.", ".live.", 1)
            head = _head(stream, message) + b"Nats-Last-Sequence: %d\r\n\r\n" % before
            self.tell(live, message.data, head)

    # ── questions ───────────────────────────────────────────────────────────────────────────────

    def _api(self, what: str, reply: str, body: bytes) -> None:
        verb, _, name = what.rpartition(".")
        if self.failing:
            self.failing -= 1
            if verb == "DIRECT.GET":
                self.tell(reply, b"", b"NATS/1.0 503\r\n\r\n")
            else:
                self._answer(reply, _LEADERLESS)
            return
        stream, asked = self.streams[name], json.loads(body or b"{}")
        copy = stream.known(stream.behind)
        if verb == "STREAM.INFO":
            first = next(iter(copy.messages), copy.last + 1)
            state = {"first_seq": first, "last_seq": copy.last, "messages": len(copy.messages)}
            config = {"num_replicas": 1, "allow_atomic": True}
            self._answer(reply, {"config": config, "state": state})
        elif verb == "STREAM.MSG.GET":
            self._answer(reply, _got(copy, asked))
        elif verb == "STREAM.PURGE":
            stream.purge(asked["seq"])
            self._answer(reply, {"success": True})
        elif verb == "DIRECT.GET":
            copy = stream.known(stream.lags.pop() if stream.lags else 0)
            self._several(stream, copy, asked, reply)

    def _answer(self, reply: str, body: object) -> None:
        self.tell(reply, json.dumps(body).encode())

    def _several(self, stream: Stream, copy: Copy, asked: Any, reply: str) -> None:
        if "multi_last" in asked:
            each = [copy.last_of(subject) for subject in asked["multi_last"]]
            found = sorted(m for m in each if m is not None)
        else:
            found = list(copy.after(asked["seq"], asked["next_by_subj"]))[: asked["batch"]]
        for message in found:
            self.tell(reply, message.data, _head(stream, message) + b"\r\n")
        self.tell(
            reply, b"", b"NATS/1.0 204 EOB\r\n\r\n" if found else b"NATS/1.0 404 None\r\n\r\n"
        )


def _head(stream: Stream, message: Stored) -> bytes:
    return (
        f"NATS/1.0\r\nNats-Stream: {stream.name}\r\nNats-Subject: {message.subject}\r\n"
        f"Nats-Sequence: {message.place}\r\nNats-Time-Stamp: {_TIME}\r\n"
    ).encode()


def _got(copy: Copy, asked: Any) -> object:
    if "last_by_subj" in asked:
        found = copy.last_of(asked["last_by_subj"])
    elif "next_by_subj" in asked:
        found = next(copy.after(asked["seq"], asked["next_by_subj"]), None)
    else:
        found = copy.messages.get(asked["seq"])
    if found is None:
        return _NO_MESSAGE
    data = base64.b64encode(found.data).decode()
    return {"message": {"subject": found.subject, "seq": found.place, "data": data, "time": _TIME}}
