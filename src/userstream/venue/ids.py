"""Ids as numbers, for the venues that show numbers."""

from __future__ import annotations

import hashlib


def number_id(text: str) -> int:
    """The id that venues with numeric ids show.

    Decimal digits without a leading zero, below 2**63, show as they are. Any other text shows as
    a number derived from it, the same everywhere, at or above 2**62: an exchange whose ids are
    text should apply the same rule in its order endpoints.
    """
    if text.isdigit() and text.isascii() and (text[0] != "0" or text == "0"):
        number = int(text) if len(text) < 20 else 1 << 63
        if number < 1 << 63:
            return number
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=b"order-id").digest()
    return (1 << 62) | (int.from_bytes(digest, "big") >> 2)
