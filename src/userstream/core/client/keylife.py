"""KeyLife: one listen key after another: made, renewed with slack, replaced when it dies."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final, NamedTuple

from userstream.core.client.bounds import Bounds, back_off
from userstream.core.client.requests import NO_ANSWER, Answer, Verdict
from userstream.venue import Call, KeyPolicy


class KeyState(Enum):
    """``NONE``: no key, one is wanted; ``MAKING`` and ``RENEWING``: an answer is awaited."""

    NONE = auto()
    MAKING = auto()
    HELD = auto()
    RENEWING = auto()
    OVER = auto()


class KeyStep(Enum):
    """What moves a listen key's life on."""

    ASK = auto()
    GRANT = auto()
    FAIL = auto()
    DIE = auto()
    END = auto()


KEY_TRANSITIONS: Final = {
    (KeyState.NONE, KeyStep.ASK): KeyState.MAKING,
    (KeyState.NONE, KeyStep.END): KeyState.OVER,
    (KeyState.MAKING, KeyStep.GRANT): KeyState.HELD,
    (KeyState.MAKING, KeyStep.FAIL): KeyState.NONE,
    (KeyState.MAKING, KeyStep.END): KeyState.OVER,
    (KeyState.HELD, KeyStep.ASK): KeyState.RENEWING,
    (KeyState.HELD, KeyStep.DIE): KeyState.NONE,
    (KeyState.HELD, KeyStep.END): KeyState.OVER,
    (KeyState.RENEWING, KeyStep.GRANT): KeyState.HELD,
    (KeyState.RENEWING, KeyStep.FAIL): KeyState.HELD,
    (KeyState.RENEWING, KeyStep.DIE): KeyState.NONE,
    (KeyState.RENEWING, KeyStep.END): KeyState.OVER,
}
"""Every legal step; the docs' diagram and the exhaustive test are made from it."""


class AskKey(NamedTuple):
    """Ask the venue: make, renew or delete a key. ``number`` comes back with the answer."""

    number: int
    call: Call
    key: str | None

    def __repr__(self) -> str:
        return f"<AskKey {self.number} {self.call.name}>"


class KeyLife:
    """The machine of an account's listen key. ``unit`` gives a random number from 0 to 1.

    A key counts as alive for its life from the moment at which the last good request was **sent**.
    """

    def __init__(self, policy: KeyPolicy, bounds: Bounds, unit: Callable[[], float]) -> None:
        self._life_ms = policy.life_ms
        self._bounds = bounds
        self._unit = unit
        self.state = KeyState.NONE
        self.key: str | None = None
        self.failures = 0
        """Requests that failed in a row."""
        self.proved_ms: int | None = None
        """When the key was last known to be alive."""
        self.made_ms = 0
        """When it was asked for."""
        self.lives_until_ms = 0
        self.due_ms = 0
        """When the next request is due."""
        self._number = 0
        self._asked_ms = 0
        self._posted_ms: int | None = None

    def __repr__(self) -> str:
        return f"<KeyLife {self.state.name}>"

    def lives(self, now_ms: int) -> bool:
        """Whether the key is alive by all that was heard."""
        return self.key is not None and now_ms < self.lives_until_ms

    def deadline(self) -> int | None:
        """When ``tick`` is due, or ``None``."""
        if self.state is KeyState.OVER:
            return None
        if self.state in _AWAITING:
            return self._asked_ms + self._bounds.answer_ms
        return self.due_ms if self.key is None else min(self.due_ms, self.lives_until_ms)

    def tick(self, now_ms: int) -> list[AskKey]:
        """The request that is due, if any. A key that outlived its life is given up."""
        if self.state in _AWAITING and now_ms >= self._asked_ms + self._bounds.answer_ms:
            self.answered(self._number, NO_ANSWER, now_ms)
        if self.state is KeyState.HELD and now_ms >= self.lives_until_ms:
            self.die(now_ms)
        if now_ms < self.due_ms or self.state not in {KeyState.NONE, KeyState.HELD}:
            return []
        call = Call.CREATE if self.state is KeyState.NONE else Call.RENEW
        if call is Call.CREATE:
            self._posted_ms = now_ms
        self.state = KEY_TRANSITIONS[self.state, KeyStep.ASK]
        self._number += 1
        self._asked_ms = now_ms
        return [AskKey(self._number, call, self.key)]

    def answered(self, number: int, answer: Answer, now_ms: int) -> None:
        """An answer to a request; one that is not awaited any more is passed over."""
        if number != self._number or self.state not in _AWAITING:
            return
        making = self.state is KeyState.MAKING
        if answer.verdict is Verdict.GRANTED and (answer.key or not making):
            self._grant(answer.key if making else self.key, now_ms)
        elif answer.verdict is Verdict.KEY_UNKNOWN and not making:
            self.die(now_ms)
        else:
            self.failures += 1
            wait_ms = back_off(self._bounds, self.failures, self._unit(), answer.retry_after_ms)
            self.state = KEY_TRANSITIONS[self.state, KeyStep.FAIL]
            self.due_ms = self._after_post(now_ms + wait_ms)

    def die(self, now_ms: int) -> None:
        """The key is dead, by the venue's word or by its age: a new one is due."""
        if self.state not in {KeyState.HELD, KeyState.RENEWING}:
            return
        self.state = KEY_TRANSITIONS[self.state, KeyStep.DIE]
        self.key = None
        self.due_ms = self._after_post(now_ms)

    def age(self, slept_ms: int, now_ms: int) -> None:
        """The machine slept: the key is that much older, and is renewed at once."""
        self.lives_until_ms -= slept_ms
        self.made_ms -= slept_ms
        self.doubt(now_ms)

    def doubt(self, now_ms: int) -> None:
        """A socket brought less than it should, and its key may be why: it is renewed at once."""
        if self.state is KeyState.HELD:
            self.due_ms = now_ms

    def hurry(self, now_ms: int) -> None:
        """Whatever the last answer hung on was mended: the next request need not wait longer."""
        if self.state in {KeyState.NONE, KeyState.HELD} and self.failures:
            self.due_ms = self._after_post(now_ms)

    def end(self, *, delete: bool) -> list[AskKey]:
        """No key is wanted any more; deletes the one that is held, where that is asked."""
        key = self.key
        if self.state is KeyState.OVER:
            return []
        self.state = KEY_TRANSITIONS[self.state, KeyStep.END]
        self._number += 1
        return [AskKey(self._number, Call.DELETE, key)] if delete and key is not None else []

    def _grant(self, key: str | None, now_ms: int) -> None:
        if self.state is KeyState.MAKING:
            self.made_ms = self._asked_ms
        self.state = KEY_TRANSITIONS[self.state, KeyStep.GRANT]
        self.key = key
        self.failures = 0
        self.proved_ms = self._asked_ms
        self.lives_until_ms = self._asked_ms + self._life_ms
        first, last = self._bounds.renew_from_ms, self._bounds.renew_to_ms
        # A venue whose keys live shorter gets the same slack in proportion.
        share = min(1.0, self._life_ms / 4 / last)
        self.due_ms = now_ms + round((first + (last - first) * self._unit()) * share)

    def _after_post(self, at_ms: int) -> int:
        """Not before the next request for a new key may be made."""
        if self.key is not None or self._posted_ms is None:
            return at_ms
        return max(at_ms, self._posted_ms + self._bounds.post_ms)


_AWAITING = frozenset({KeyState.MAKING, KeyState.RENEWING})
