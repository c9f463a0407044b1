"""The whole-account picture: what an account holds after each of its events."""

from __future__ import annotations

from decimal import Context, Decimal

import msgspec

from userstream.events import AccountSnapshot, AccountUpdate, Balance

_EXACT = Context(prec=80)

EMPTY = AccountSnapshot(time_ms=0)
"""The picture of an account of which nothing was published."""


def settle(
    picture: AccountSnapshot, event: AccountUpdate | AccountSnapshot
) -> tuple[AccountSnapshot, AccountUpdate | AccountSnapshot]:
    """The picture after an event, and the event with its changes filled in.

    Assets keep the order in which they were first seen. An asset that falls to zero stays in the
    picture: Binance's account event lists every asset that was ever held. A snapshot replaces the
    whole; assets it leaves out are gone.
    """
    known = {b.asset: b for b in picture.balances}
    settled = tuple(_with_changes(b, known.get(b.asset)) for b in event.balances)
    held = dict(known) if isinstance(event, AccountUpdate) else {}
    for balance in event.balances:
        held[balance.asset] = Balance(asset=balance.asset, free=balance.free, locked=balance.locked)
    after = AccountSnapshot(
        time_ms=event.time_ms,
        balances=tuple(held.values()),
        permissions=event.permissions or picture.permissions,
        commission_rates=event.commission_rates or picture.commission_rates,
    )
    return after, msgspec.structs.replace(event, balances=settled)


def _with_changes(balance: Balance, before: Balance | None) -> Balance:
    if balance.free_change is not None and balance.locked_change is not None:
        return balance
    free, locked = (before.free, before.locked) if before else ("0", "0")
    return Balance(
        asset=balance.asset,
        free=balance.free,
        locked=balance.locked,
        free_change=balance.free_change or _minus(balance.free, free),
        locked_change=balance.locked_change or _minus(balance.locked, locked),
    )


def _minus(after: str, before: str) -> str:
    change = _EXACT.subtract(Decimal(after), Decimal(before))
    return format(change, "f") if change else "0"
