"""Epoch: which continuous history a sequence number belongs to.

A log has one, which is stored. Whoever is told a ``seq`` is told the account's epoch beside it.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import msgspec

from userstream.core.tokens import ENTROPY_BYTES

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
LENGTH = 12
_DIGEST_BYTES = 8
_KEPT = 65_536  # of about 200 bytes each


class Run(msgspec.Struct, frozen=True):
    """What a data folder knows of the process that last used it."""

    epoch: str
    boot_id: str
    clean: bool
    """Whether that process closed the folder itself."""
    power_safe: bool = False
    """Whether all that was acknowledged until then survives a power cut."""
    v: int = 1


def new_epoch(entropy: bytes) -> str:
    """An epoch that no other folder has, from ``ENTROPY_BYTES`` random bytes."""
    if len(entropy) < ENTROPY_BYTES:
        raise ValueError(f"an epoch needs {ENTROPY_BYTES} random bytes")
    number = int.from_bytes(entropy, "big")
    digits = []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)


@lru_cache(maxsize=_KEPT)
def account_epoch(log_epoch: str, account: str) -> str:
    """What an account's epoch is called, 16 hex digits: other accounts of its log have others.

    So a cursor that was taken on another account is one of a foreign epoch. Doc: ADR 18.
    """
    key, person = log_epoch.encode(), b"account-epoch"
    return blake2b(account.encode(), digest_size=_DIGEST_BYTES, key=key, person=person).hexdigest()


def next_run(last: Run | None, *, boot_id: str, power_safe: bool, entropy: bytes) -> Run:
    """The run that begins now, with a new epoch where acked events may have been lost.

    That is: in a new folder, and after an unclean end before a reboot unless every commit was
    on the disk. A kill of the process alone loses nothing that was acknowledged. ``power_safe``
    is how this run commits; what the last one left is judged by how that one did. An empty
    ``boot_id`` (the system has none) is the same as no other.
    """
    if last is None:
        return Run(new_epoch(entropy), boot_id, clean=False, power_safe=power_safe)
    whole = last.clean or last.power_safe
    if whole or (last.boot_id == boot_id and boot_id):
        return Run(last.epoch, boot_id, clean=False, power_safe=power_safe and whole)
    return Run(new_epoch(entropy), boot_id, clean=False, power_safe=power_safe)
