"""Ledger against a simple model: random publishers, requests, repeats and failing commits."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.core.lines import ORDER, line
from userstream.core.limits import Limits
from userstream.core.picture import EMPTY
from userstream.core.publishing import Appended, Duplicate, Head, Ledger, Refused
from userstream.core.submission import Submission
from userstream.events import AccountSnapshot

ACCOUNTS = ["alice", "bob", "carol"]
SOURCES = ["me-1", "me-2", "me-3"]
MOST_SOURCES = 2
ASSETS = ["BTC", "USDT"]


@dataclass
class Tail:
    """One account as the design has it: who publishes, how far each source is, what is held."""

    events: list[tuple[str, int]] = field(default_factory=list)
    source: str = ""
    last: dict[str, int] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)

    def verdict(self, n: int, source: str, prev_n: int | None, takeover: bool) -> str:
        last = self.last.get(source, 0)
        if self.source not in {"", source} and not takeover:
            return "fenced" if source in self.last else "other_source"
        if n <= last:
            return "duplicate"
        if prev_n is not None and prev_n != last:
            return "hole"
        if source not in self.last and len(self.last) >= MOST_SOURCES:
            return "too_many_sources"
        return "accepted"


events = st.one_of(
    st.just(ORDER),
    st.builds(
        lambda kind, asset, free: {
            "type": kind,
            "time_ms": 1,
            "balances": [{"asset": asset, "free": str(free), "locked": "0"}],
        },
        st.sampled_from(["account_update", "account_snapshot"]),
        st.sampled_from(ASSETS),
        st.integers(0, 9),
    ),
)
bad_lines = st.sampled_from([
    ("nobody", b"{"),
    ("nobody", line(1, account="no name")),
    ("nobody", b'{"account":"alice"'),
    ("alice", line(1, account="alice").replace(b'"v":1', b'"v":9')),
    ("bob", line("1", account="bob")),
    ("alice", line(99, {"type": "order_update"}, source="me-1", takeover=True)),
])  # fmt: skip


class LedgerModel(RuleBasedStateMachine):
    """A bus without a loop: lines are accepted, then their group is committed or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, tuple[Head, AccountSnapshot]] = {}
        self.log: dict[str, list[tuple[int, str, int]]] = {a: [] for a in ACCOUNTS}
        self.ledger = self._ledger()
        self.durable = {a: Tail() for a in ACCOUNTS}
        self.tails = {a: Tail() for a in ACCOUNTS}
        self.waiting: list[tuple[Submission, int, Appended | Duplicate]] = []
        self.request = Submission(self.ledger)
        self.blocked: set[str] = set()
        self.all_blocked = False

    def _ledger(self) -> Ledger:
        def load(name: str) -> tuple[Head, AccountSnapshot] | None:
            return copy.deepcopy(self.stored.get(name))

        return Ledger("epoch000", Limits(sources_per_account=MOST_SOURCES), load)

    @rule()
    def next_request(self) -> None:
        self.request = Submission(self.ledger)
        self.blocked = set()
        self.all_blocked = False

    @rule(
        account=st.sampled_from(ACCOUNTS),
        source=st.sampled_from(SOURCES),
        step=st.integers(-2, 3),
        prev=st.sampled_from([None, None, 0, 1]),
        takeover=st.sampled_from([False, False, True]),
        event=events,
    )
    def publish(
        self,
        account: str,
        source: str,
        step: int,
        prev: int | None,
        takeover: bool,
        event: dict[str, Any],
    ) -> None:
        tail = self.tails[account]
        n = max(1, tail.last.get(source, 0) + step)
        prev_n = None if prev is None else tail.last.get(source, 0) + prev
        more: dict[str, Any] = {"takeover": True} if takeover else {}
        if prev_n is not None:
            more["prev_n"] = prev_n
        text = line(n, event, account=account, source=source, **more)
        outcome = self.request.accept(text, self.request.take(1), 5)
        if self.all_blocked or account in self.blocked:
            assert isinstance(outcome, Refused)
            assert outcome.code == "blocked_by"
            return
        expected = tail.verdict(n, source, prev_n, takeover)
        assert _kind(outcome) == expected
        if isinstance(outcome, Refused):
            assert outcome.account == account
            self.blocked.add(account)
            return
        self.waiting.append((self.request, self.request.line, outcome))
        if isinstance(outcome, Duplicate):
            assert outcome == Duplicate(account, "epoch000", len(tail.events))
            return
        tail.events.append((source, n))
        tail.source = source
        tail.last[source] = n
        place = outcome.envelope
        assert (place.account, place.seq, place.time_ms) == (account, len(tail.events), 5)
        self._settle(tail, event, outcome)

    def _settle(self, tail: Tail, event: dict[str, Any], outcome: Appended) -> None:
        if event is ORDER:
            assert outcome.picture is None
            return
        if event["type"] == "account_snapshot":
            before, tail.held = tail.held, {}
        else:
            before = dict(tail.held)
        (balance,) = event["balances"]
        tail.held[balance["asset"]] = balance["free"]
        assert outcome.picture is not None
        assert {b.asset: b.free for b in outcome.picture.balances} == tail.held
        change = int(balance["free"]) - int(before.get(balance["asset"], "0"))
        assert msgspec.json.decode(outcome.line)["event"]["balances"][0]["free_change"] == str(
            change
        )

    @rule(bad=bad_lines)
    def publish_nonsense(self, bad: tuple[str, bytes]) -> None:
        owner, text = bad
        if owner == "alice" and b'"n":99' in text:
            # Whether it is fenced first or its event is looked at: it is refused, as alice's.
            assert self.tails["alice"].last.get("me-1", 0) < 99
        outcome = self.request.accept(text, self.request.take(1), 5)
        assert isinstance(outcome, Refused)
        if self.all_blocked or owner in self.blocked:
            assert outcome.code == "blocked_by"
        elif owner == "nobody":
            assert outcome.code == "malformed"
            self.all_blocked = True
        else:
            assert outcome.account == owner
            self.blocked.add(owner)

    @rule()
    def commit(self) -> None:
        """All that waits is stored, heads and pictures with it."""
        for account in {_account(o) for _, _, o in self.waiting if isinstance(o, Appended)}:
            tail = self.ledger.account(account)
            self.stored[account] = copy.deepcopy((tail.head, tail.picture))
            self.durable[account] = copy.deepcopy(self.tails[account])
        for _, _, outcome in self.waiting:
            if isinstance(outcome, Appended):
                place = outcome.envelope
                line = msgspec.json.decode(outcome.line)
                self.log[place.account].append((place.seq, line["source"], line["n"]))
        self.waiting = []

    @rule()
    def fail(self) -> None:
        """Nothing that waits is stored: its accounts go back, its requests are blocked."""
        for request, number, outcome in self.waiting:
            account = _account(outcome)
            self.ledger.forget(account)
            request.block(account, number)
            self.tails[account] = copy.deepcopy(self.durable[account])
            if request is self.request:
                self.blocked.add(account)
        self.waiting = []

    @rule()
    def restart(self) -> None:
        """The process is killed: what waited is gone, what was stored is there."""
        self.waiting = []
        self.ledger = self._ledger()
        self.tails = copy.deepcopy(self.durable)
        self.next_request()

    @invariant()
    def what_is_stored_has_no_holes_and_nothing_twice(self) -> None:
        for account, entries in self.log.items():
            assert [seq for seq, _, _ in entries] == list(range(1, len(entries) + 1))
            assert len({(source, n) for _, source, n in entries}) == len(entries)
            assert [(s, n) for _, s, n in entries] == self.durable[account].events

    @invariant()
    def each_sources_numbers_rise(self) -> None:
        for entries in self.log.values():
            for source in SOURCES:
                own = [n for _, s, n in entries if s == source]
                assert own == sorted(set(own))

    @invariant()
    def the_tail_is_what_the_model_says(self) -> None:
        for account, tail in self.tails.items():
            known = self.ledger.account(account)
            assert known.head.seq == len(tail.events)
            assert (known.head.source, known.head.sources) == (tail.source, tail.last)
            assert {b.asset: b.free for b in known.picture.balances} == tail.held
            if not tail.held:
                assert known.picture.balances == EMPTY.balances


def _kind(outcome: Appended | Duplicate | Refused) -> str:
    if isinstance(outcome, Refused):
        return outcome.code
    return "duplicate" if isinstance(outcome, Duplicate) else "accepted"


def _account(outcome: Appended | Duplicate) -> str:
    return outcome.account if isinstance(outcome, Duplicate) else outcome.envelope.account


TestLedger = LedgerModel.TestCase
TestLedger.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
