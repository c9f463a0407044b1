"""Listen keys that prove themselves: a random part and a tag that only this server can make.

A made-up key is refused without a look into the store, and a stolen store opens nothing: it holds
only the random parts.
"""

from __future__ import annotations

import hashlib
import hmac

from userstream.venue import KeyPolicy

ENTROPY_BYTES = 32
"""Random bytes that one key is made of."""


class Minter:
    """Makes and checks the listen keys of one server secret."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("the key secret needs 32 bytes or more")
        self._secret = secret

    def __repr__(self) -> str:
        return "<Minter>"

    def random_part(self, policy: KeyPolicy, entropy: bytes) -> str:
        """The random half of a new key, from ``ENTROPY_BYTES`` random bytes."""
        if len(entropy) < ENTROPY_BYTES:
            raise ValueError(f"a listen key needs {ENTROPY_BYTES} random bytes")
        return _digits(entropy, policy.alphabet.value, policy.length // 2)

    def key(self, venue: str, policy: KeyPolicy, random: str) -> str:
        """The listen key of a random part."""
        tag = hmac.digest(self._secret, f"{venue}\0{random}".encode(), hashlib.sha256)
        return random + _digits(tag, policy.alphabet.value, policy.length - len(random))

    def check(self, venue: str, policy: KeyPolicy, key: str) -> str | None:
        """The random part of a key of ours, or ``None``. Takes the same time for any wrong tag."""
        if len(key) != policy.length or not key.isascii():
            return None
        random = key[: policy.length // 2]
        if hmac.compare_digest(self.key(venue, policy, random), key):
            return random
        return None


def _digits(data: bytes, alphabet: str, count: int) -> str:
    if len(alphabet) == 16:
        return data.hex()[:count]
    number = int.from_bytes(data, "big")
    base = len(alphabet)
    out = []
    for _ in range(count):
        number, digit = divmod(number, base)
        out.append(alphabet[digit])
    return "".join(out)
