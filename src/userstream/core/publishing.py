"""The rules of publishing: what a line must be, and which place in its account's order it gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from userstream.core.epoch import account_epoch
from userstream.core.limits import Limits
from userstream.core.line import Line, decode_event, decode_line, problem
from userstream.core.orderline import MAX_N, OrderLine, order_of, read_order
from userstream.core.picture import EMPTY, settle
from userstream.errors import InvalidEvent, StoreError
from userstream.events import (
    ACCOUNT,
    AccountSnapshot,
    Envelope,
    Event,
    OrderUpdate,
)
from userstream.plain import Order, read
from userstream.schema import check

VERSION = 1
RESERVED = "_userstream-"
"""How accounts of the server's own begin; nobody else can publish for one."""
RESERVED_SOURCE = "userstream"
_SOURCE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


_encode = msgspec.json.Encoder().encode


class Head(msgspec.Struct, gc=False):
    """How far an account has come. Kept for ever, outside retention."""

    seq: int = 0
    source: str = ""
    """Whose events are accepted."""
    sources: dict[str, int] = {}
    """The last ``n`` of every source that ever published."""
    v: int = 1


class Appended(msgspec.Struct, frozen=True, gc=False):
    """An accepted line: its place in its account's order, and the picture after it."""

    account: str
    epoch: str
    """The log's, as it is stored; ``envelope`` and answers have the account's."""
    seq: int
    time_ms: int
    line: bytes
    """The line as JSON, as it is to be stored: an account event with its changes filled in."""
    event: Event | None
    """``None`` where nobody needed it so far; ``envelope`` has it."""
    plain: Order | None = None
    """Only of a plain order: what templates show."""
    picture: AccountSnapshot | None = None
    """Only where the event changed it."""

    @property
    def envelope(self) -> Envelope:
        """The event in its place."""
        event = order_of(self.line) if self.event is None else self.event
        epoch = account_epoch(self.epoch, self.account)
        return Envelope(VERSION, self.account, epoch, self.seq, self.time_ms, event)


class Duplicate(NamedTuple):
    """A line whose ``n`` is stored already; ``seq`` is the account's head, ``epoch`` the log's."""

    account: str
    epoch: str
    seq: int


class Acknowledged(NamedTuple):
    """A line that its account's writer, another process, appended at ``seq`` of the log's epoch."""

    account: str
    epoch: str
    seq: int


class Refused(NamedTuple):
    """A line that was not accepted. ``code`` is stable, the text may change."""

    code: str
    msg: str
    account: str | None = None
    """Whose later lines it blocks, where that much of the line could be read."""


class Account:
    """The tail of one account's order: its head and picture after the last accepted line."""

    __slots__ = ("head", "picture")

    def __init__(self, head: Head, picture: AccountSnapshot) -> None:
        self.head = head
        self.picture = picture


class Ledger:
    """Gives accepted lines their ``seq``: the single writer of all accounts of one process.

    Lines that are accepted and not yet committed are part of the tail; ``forget`` drops the tail
    of accounts whose commit failed, so that the next line starts from what is stored.
    """

    def __init__(
        self, epoch: str, limits: Limits, load: Callable[[str], tuple[Head, AccountSnapshot] | None]
    ) -> None:
        self.epoch = epoch
        self._limits = limits
        self._load = load
        self._accounts: dict[str, Account] = {}

    def __len__(self) -> int:
        return len(self._accounts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._accounts)

    def get(self, name: str) -> Account | None:
        """The tail of an account that is loaded."""
        return self._accounts.get(name)

    def unknown(self, names: Iterable[str | None]) -> set[str | None]:
        """Those names of which no tail is loaded."""
        return set(names).difference(self._accounts)

    def account(self, name: str) -> Account:
        """The tail of an account, loaded at first use; kept once it has an event."""
        account = self._accounts.get(name)
        if account is None:
            stored = self._load(name)
            if stored is None:
                return Account(Head(sources={}), EMPTY)
            account = self._accounts[name] = Account(*stored)
        return account

    def forget(self, name: str) -> None:
        """Drops the tail of an account whose last lines were not committed."""
        self._accounts.pop(name, None)

    def accept(
        self, text: bytes, now_ms: int, plain: Order | None = None
    ) -> Appended | Duplicate | Refused:
        """Checks a line and gives it its place, unless it is a repeat or breaks a rule.

        ``plain`` is what it was read as, where somebody has read it already.
        """
        if len(text) > self._limits.event_bytes:
            most = self._limits.event_bytes
            msg = f"a line is {len(text)} bytes; allowed are {most}"
            return Refused("too_large", msg, account_of(text))
        plain = plain or read(text)
        if plain is not None:
            return self._accept_plain(plain, text, now_ms) or self._accept_any(text, now_ms)
        line = read_order(text)
        if line is not None:
            account = self._accounts.get(line.account)
            if account is not None and _is_next(line, account.head):
                return self._place(account, line, line.event, text, now_ms)
        return self._accept_any(text, now_ms)

    def _accept_plain(self, plain: Order, text: bytes, now_ms: int) -> Appended | None:
        """The line that comes most: the next of the account's own publisher."""
        account = self._accounts.get(plain.account)
        if account is None:
            return None
        head, source, n = account.head, plain.source, plain.n
        if source != head.source or n <= head.sources[source]:
            return None
        head.seq = seq = head.seq + 1
        head.sources[source] = n
        return Appended(plain.account, self.epoch, seq, now_ms, text, None, plain)

    def _accept_any(self, text: bytes, now_ms: int) -> Appended | Duplicate | Refused:
        """Every rule, one after the other; what is refused is told why."""
        try:
            line = decode_line(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
            return Refused("malformed", f"{e}; a line is {_SHAPE}", account_of(text))
        refused = _check_line(line)
        if refused is not None:
            return refused
        try:
            account = self.account(line.account)
        except StoreError as e:
            return Refused("unavailable", f"not stored: {e}", line.account)
        verdict = self._order(line, account.head)
        if verdict is not None:
            return verdict
        try:
            event: Event = decode_event(line.event)
            check(event)
        except (msgspec.MsgspecError, InvalidEvent, UnicodeDecodeError, RecursionError) as e:
            return Refused("invalid_event", problem(e), line.account)
        # Written anew: of a name that came twice only the last was checked, and only that is kept.
        if isinstance(event, OrderUpdate):
            return self._place(account, line, event, _encode(line), now_ms)
        account.picture, event = settle(account.picture, event)
        line.event = msgspec.Raw(_encode(event))
        return self._place(account, line, event, _encode(line), now_ms, account.picture)

    def _order(self, line: Line, head: Head) -> Duplicate | Refused | None:
        source, name = line.source, line.account
        last = head.sources.get(source)
        if head.source and source != head.source and not line.takeover:
            if last is not None:
                return Refused("fenced", f"{head.source} took over from {source}", name)
            return Refused(
                "other_source",
                f'{head.source} publishes for this account; say "takeover":true to replace it',
                name,
            )
        if line.n <= (last or 0):
            return Duplicate(name, self.epoch, head.seq)
        if line.prev_n is not None and line.prev_n != (last or 0):
            return Refused(
                "hole", f"prev_n is {line.prev_n}, but the last n of {source} is {last or 0}", name
            )
        if last is None and len(head.sources) >= self._limits.sources_per_account:
            most = self._limits.sources_per_account
            return Refused("too_many_sources", f"an account has at most {most} sources", name)
        return None

    def _place(
        self,
        account: Account,
        line: Line | OrderLine,
        event: Event,
        text: bytes,
        now_ms: int,
        picture: AccountSnapshot | None = None,
    ) -> Appended:
        head = account.head
        if not head.seq:
            self._accounts[line.account] = account
        head.seq += 1
        head.source = line.source
        head.sources[line.source] = line.n
        return Appended(line.account, self.epoch, head.seq, now_ms, text, event, picture=picture)


_SHAPE = (
    '{"v":1,"account":…,"source":…,"n":…,"event":{"type":…}} '
    'with "prev_n" and "takeover" as it needs them'
)


def _is_next(line: OrderLine, head: Head) -> bool:
    return line.source == head.source and line.n > head.sources[line.source]


def _check_line(line: Line) -> Refused | None:
    if ACCOUNT.fullmatch(line.account) is None:
        return Refused(
            "malformed", f"account is {line.account[:70]!r}; allowed is {ACCOUNT.pattern}"
        )
    if line.account.startswith(RESERVED) and line.source != RESERVED_SOURCE:
        why = f"account is {line.account!r}; {RESERVED}… is the server's own"
        return Refused("malformed", why, line.account)
    if line.v != VERSION:
        return Refused("version", f"v is {line.v}; this server knows {VERSION}", line.account)
    if _SOURCE.fullmatch(line.source) is None:
        return Refused(
            "malformed",
            f"source is {line.source[:70]!r}; allowed is {_SOURCE.pattern}",
            line.account,
        )
    if not 1 <= line.n <= MAX_N:
        return Refused("malformed", f"n is {line.n}; allowed are 1 to {MAX_N}", line.account)
    return None


class _Named(msgspec.Struct):
    account: str


_decode_named = msgspec.json.Decoder(_Named).decode


def account_of(text: bytes) -> str | None:
    """The account of a line that is wrong elsewhere, so that later lines of it are blocked.

    A name that no account can have may be a damaged one: then nobody knows whose line it was.
    """
    try:
        name = _decode_named(text).account
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return name if ACCOUNT.fullmatch(name) else None
