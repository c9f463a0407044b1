"""The inbox of a link: where answers come in, and who awaits them."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from userstream.errors import StoreUnavailable
from userstream.server.nats.wire import Message

Handler = Callable[[Message], None]
Stored = Callable[[int], None]
"""Told the place in its stream that a message was given."""


class NobodyError(StoreUnavailable):
    """NATS knows of nobody who takes messages of that subject."""


class Inbox:
    """Subjects below one that nobody else knows."""

    def __init__(self) -> None:
        self._name = f"_INBOX.{secrets.token_hex(8)}"
        self._asked: dict[bytes, Handler] = {}
        self._stored: dict[bytes, Stored] = {}
        self._last = 0

    @property
    def subject(self) -> str:
        """What to subscribe to."""
        return f"{self._name}.*"

    def open(self, answered: Handler, stored: Stored | None) -> tuple[str, bytes]:
        """A subject for answers, and the token with which to ``forget`` it."""
        self._last += 1
        token = b"%d" % self._last
        self._asked[token] = answered
        if stored is not None:
            self._stored[token] = stored
        return f"{self._name}.{self._last}", token

    def forget(self, token: bytes) -> None:
        """Answers are of no interest any more."""
        self._asked.pop(token, None)
        self._stored.pop(token, None)

    def answered(self, message: Message) -> None:
        """Hands an answer over."""
        handler = self._asked.get(message.subject[len(self._name) + 1 :])
        if handler is not None:
            handler(message)

    def awaiting(self, subject: bytes) -> Stored | None:
        """Who takes bare acknowledgements there."""
        return self._stored.get(subject[len(self._name) + 1 :])
