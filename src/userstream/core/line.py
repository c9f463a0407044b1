"""A publishing line as it comes: the envelope of an exchange's event, read strictly."""

from __future__ import annotations

import re

import msgspec

from userstream.events import (
    AccountSnapshot,
    AccountUpdate,
    Balance,
    CommissionRates,
    OrderUpdate,
    Permissions,
)


class Line(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One published line: an event, for an account, as the ``n``-th of its source."""

    v: int
    account: str
    source: str
    n: int
    event: msgspec.Raw
    prev_n: int | None = None
    """The ``n`` before this one; given, a hole is refused."""
    takeover: bool = False
    """This source becomes the account's publisher; the one before is fenced."""


# Unknown fields are refused while publishing: a misspelt amount must not vanish in silence.
class _Order(OrderUpdate, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False,
             tag="order_update"):  # fmt: skip
    pass


class _Balance(Balance, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False):
    pass


class _Permissions(Permissions, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False):
    pass


class _Rates(CommissionRates, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False):
    pass


class _Update(AccountUpdate, forbid_unknown_fields=True, frozen=True, kw_only=True,
              tag="account_update"):  # fmt: skip
    balances: tuple[_Balance, ...] = ()
    permissions: _Permissions | None = None
    commission_rates: _Rates | None = None


class _Snapshot(AccountSnapshot, forbid_unknown_fields=True, frozen=True, kw_only=True,
                tag="account_snapshot"):  # fmt: skip
    balances: tuple[_Balance, ...] = ()
    permissions: _Permissions | None = None
    commission_rates: _Rates | None = None


decode_line = msgspec.json.Decoder(Line).decode
decode_event = msgspec.json.Decoder(_Order | _Update | _Snapshot).decode
_TYPE = re.compile("[.`]type`")
_TYPES = ", ".join(str(kind.__struct_config__.tag) for kind in (_Order, _Update, _Snapshot))


def problem(error: Exception) -> str:
    """What is wrong with an event; where it is the type, also which there are."""
    return f"{error}; types are {_TYPES}" if _TYPE.search(str(error)) else str(error)
