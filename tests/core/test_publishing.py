"""Publishing: which line gets a place, why another does not, and what is answered."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lines import ORDER, SNAPSHOT, UPDATE, line
from userstream.core.epoch import account_epoch
from userstream.core.limits import Limits
from userstream.core.picture import EMPTY
from userstream.core.publishing import Appended, Duplicate, Head, Ledger, Refused
from userstream.core.submission import answers
from userstream.errors import StoreUnavailable
from userstream.events import AccountSnapshot, Balance, OrderUpdate

EPOCH = "epoch000"
NOW = 1_700_000_000_000


def ledger(stored: dict[str, tuple[Head, AccountSnapshot]] | None = None, **limits: int) -> Ledger:
    return Ledger(EPOCH, Limits(**limits), (stored or {}).get)


def accepted(it: Ledger, text: bytes, now_ms: int = NOW) -> Appended:
    outcome = it.accept(text, now_ms)
    assert isinstance(outcome, Appended), outcome
    return outcome


def refused(it: Ledger, text: bytes) -> Refused:
    outcome = it.accept(text, NOW)
    assert isinstance(outcome, Refused), outcome
    return outcome


# ── accepted lines ──────────────────────────────────────────────────────────────────────────────


def test_accepted_lines_count_one_two_three_per_account() -> None:
    it = ledger()
    places = [
        accepted(it, line(n, account=account)).envelope
        for n, account in [(1, "alice"), (2, "alice"), (7, "alice"), (1, "bob"), (8, "alice")]
    ]
    assert [(p.account, p.seq) for p in places] == [
        ("alice", 1), ("alice", 2), ("alice", 3), ("bob", 1), ("alice", 4),
    ]  # fmt: skip
    epochs = [account_epoch(EPOCH, p.account) for p in places]
    assert [(p.v, p.epoch, p.time_ms) for p in places] == [(1, e, NOW) for e in epochs]


def test_an_order_is_stored_as_it_was_sent() -> None:
    appended = accepted(ledger(), line(3))
    assert msgspec.json.decode(appended.line)["event"] == ORDER
    assert msgspec.json.decode(appended.line)["n"] == 3
    assert appended.picture is None
    assert isinstance(appended.envelope.event, OrderUpdate)


@pytest.mark.parametrize("before", [b"17", b"{}", b"[[]]", b'"\xff"', b'{"type":"account_update"}'])
def test_what_a_line_says_twice_is_stored_once_as_it_was_checked(before: bytes) -> None:
    it = ledger()
    for n in (1, 2):
        text = line(n).replace(b'"event":', b'"event":%b,"event":' % before)
        stored = accepted(it, text).line
        assert stored.count(b'"event"') == 1
        assert json.loads(stored)["event"] == ORDER


def test_an_account_event_is_stored_with_its_changes_and_makes_the_picture() -> None:
    it = ledger()
    accepted(it, line(1, UPDATE))
    changed = UPDATE | {"balances": [{"asset": "USDT", "free": "8", "locked": "2.5"}]}
    appended = accepted(it, line(2, changed))
    assert json.loads(appended.line)["event"]["balances"] == [
        {"asset": "USDT", "free": "8", "locked": "2.5", "free_change": "-2.5",
         "locked_change": "2.5"}
    ]  # fmt: skip
    assert appended.picture == AccountSnapshot(
        time_ms=1_000, balances=(Balance(asset="USDT", free="8", locked="2.5"),)
    )


def test_a_snapshot_replaces_the_picture() -> None:
    it = ledger()
    accepted(it, line(1, UPDATE))
    appended = accepted(it, line(2, SNAPSHOT | {"balances": []}))
    assert appended.picture == AccountSnapshot(time_ms=1_000)


def test_what_is_stored_is_where_the_next_line_starts() -> None:
    held = AccountSnapshot(time_ms=1, balances=(Balance(asset="BTC", free="1", locked="0"),))
    it = ledger({"alice": (Head(seq=9, source="me-1", sources={"me-1": 20}), held)})
    assert it.accept(line(20), NOW) == Duplicate("alice", EPOCH, 9)
    appended = accepted(it, line(21, UPDATE))
    assert appended.envelope.seq == 10
    assert appended.picture is not None
    assert [b.asset for b in appended.picture.balances] == ["BTC", "USDT"]


def test_two_accounts_without_a_past_share_nothing() -> None:
    it = ledger()
    accepted(it, line(5, account="alice"))
    assert accepted(it, line(1, account="bob", source="other")).envelope.seq == 1
    assert it.account("carol").head == Head(sources={})
    assert it.account("carol").picture == EMPTY


# ── sources, repeats, holes ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("n", [1, 4, 5])
@pytest.mark.parametrize("more", [{}, {"prev_n": 4}, {"prev_n": 99}, {"takeover": True}])
def test_a_repeat_is_stored_once_whatever_else_it_says(n: int, more: dict[str, Any]) -> None:
    it = ledger()
    accepted(it, line(5))
    assert it.accept(line(n, **more), NOW) == Duplicate("alice", EPOCH, 1)
    assert it.accept(line(n, {"type": "nonsense"}, **more), NOW) == Duplicate("alice", EPOCH, 1)
    assert accepted(it, line(6)).envelope.seq == 2


def test_another_source_is_refused_until_it_takes_over() -> None:
    it = ledger()
    accepted(it, line(5))
    other = refused(it, line(1, source="me-2"))
    assert (other.code, other.account) == ("other_source", "alice")
    assert "me-1" in other.msg
    assert accepted(it, line(1, source="me-2", takeover=True)).envelope.seq == 2
    assert accepted(it, line(2, source="me-2")).envelope.seq == 3


def test_after_a_takeover_the_old_source_is_fenced_repeats_and_all() -> None:
    it = ledger()
    accepted(it, line(5))
    accepted(it, line(1, source="me-2", takeover=True))
    for n in (5, 6):
        assert refused(it, line(n)).code == "fenced"
    assert accepted(it, line(6, takeover=True)).envelope.seq == 3
    assert refused(it, line(2, source="me-2")).code == "fenced"


def test_a_late_repeat_of_a_takeover_takes_nothing_over() -> None:
    it = ledger()
    takeover = line(1, source="me-2", takeover=True)
    accepted(it, line(5))
    accepted(it, takeover)
    accepted(it, line(6, takeover=True))
    assert it.accept(takeover, NOW) == Duplicate("alice", EPOCH, 3)
    assert accepted(it, line(7)).envelope.seq == 4


def test_a_takeover_whose_event_is_refused_takes_nothing_over() -> None:
    it = ledger()
    accepted(it, line(5))
    assert refused(it, line(1, {}, source="me-2", takeover=True)).code == "invalid_event"
    assert refused(it, line(1, source="me-2", takeover=True, prev_n=3)).code == "hole"
    assert accepted(it, line(6)).envelope.seq == 2


@pytest.mark.parametrize(
    ("prev_n", "code"),
    [(5, None), (4, "hole"), (6, "hole"), (0, "hole"), (-1, "hole"), (10**30, "hole")],
)
def test_a_hole_is_refused_where_the_line_before_is_named(prev_n: int, code: str | None) -> None:
    it = ledger()
    accepted(it, line(5))
    outcome = it.accept(line(9, prev_n=prev_n), NOW)
    assert (outcome.code if isinstance(outcome, Refused) else None) == code
    assert accepted(it, line(10)).envelope.seq == (2 if code else 3)


def test_the_first_line_of_a_source_has_no_line_before() -> None:
    assert refused(ledger(), line(5, prev_n=4)).code == "hole"
    assert accepted(ledger(), line(5, prev_n=0)).envelope.seq == 1
    assert accepted(ledger(), line(5, prev_n=None)).envelope.seq == 1


def test_an_account_has_a_bounded_number_of_sources() -> None:
    it = ledger(sources_per_account=3)
    for i in range(3):
        accepted(it, line(1, source=f"s{i}", takeover=True))
    assert refused(it, line(1, source="s3", takeover=True)).code == "too_many_sources"
    assert accepted(it, line(2, source="s0", takeover=True)).envelope.seq == 4


def test_the_greatest_n_is_accepted_and_none_beyond() -> None:
    it = ledger()
    assert accepted(it, line(2**63 - 1)).envelope.seq == 1
    assert refused(it, line(2**63)).code == "malformed"


# ── lines that are refused ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b'{"account":"alice"',
        b'{"account":17}',
        b"[" * 50_000,
        b'{"account":"alice","x":' * 2_000,
        line(account=None),
        line(account=""),
        line(account="al ice"),
        line(account="alice\n"),
        line(account="al\u00efce"),
        line(account="a" * 65),
        line("x", account="al ice"),
        line(event=ORDER | {"symbol": "\ud800"}),
    ],
)
def test_a_line_that_names_no_account_is_malformed_and_nobodys(text: bytes) -> None:
    it = ledger()
    outcome = refused(it, text)
    assert (outcome.code, outcome.account) == ("malformed", None)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (line(0), "malformed"),
        (line(-1), "malformed"),
        (line(1.0), "malformed"),
        (line("1"), "malformed"),
        (line(True), "malformed"),
        (line(None), "malformed"),
        (line(10**30), "malformed"),
        (line().replace(b'"n":1', b'"n":' + b"9" * 5_000), "malformed"),
        (line(prev_n="4"), "malformed"),
        (line(takeover=1), "malformed"),
        (line(source=""), "malformed"),
        (line(source="a b"), "malformed"),
        (line(source="s" * 65), "malformed"),
        (line(source="١"), "malformed"),
        (line(typo=1), "malformed"),
        (line(v=2), "version"),
        (line(v=0), "version"),
        (line(v="1"), "malformed"),
        (line(event=None), "invalid_event"),
        (line(event={}), "invalid_event"),
        (line(event={"type": "trade"}), "invalid_event"),
        (line(event=ORDER | {"pryce": "1"}), "invalid_event"),
        (line(event=ORDER | {"price": 1.5}), "invalid_event"),
        (line(event=ORDER | {"price": "1e3"}), "invalid_event"),
        (line(event=ORDER | {"time_ms": 10**30}), "invalid_event"),
        (line(event=ORDER | {"side": "HOLD"}), "invalid_event"),
        (line(event=UPDATE | {"balances": [{"asset": "A"}]}), "invalid_event"),
        (line(event=UPDATE | {"balances": [UPDATE["balances"][0] | {"x": 1}]}), "invalid_event"),
        (line(event=UPDATE | {"permissions": {"can_fly": True}}), "invalid_event"),
        (line(event=UPDATE | {"commission_rates": {"x": 1}}), "invalid_event"),
        (line().replace(b'"64000"', b'"\xff"'), "invalid_event"),
        (line().replace(b'"64000"', b"[" * 20_000 + b"]" * 20_000), "malformed"),
    ],
)
def test_a_bad_line_is_refused_and_leaves_no_trace(text: bytes, code: str) -> None:
    it = ledger()
    outcome = refused(it, text)
    assert outcome.code == code
    assert outcome.account == "alice" or b"[[" in text
    assert len(it) == 0
    assert accepted(it, line(1)).envelope.seq == 1
    assert refused(it, text.replace(b'"n":1,', b'"n":2,')).code == code
    assert accepted(it, line(2)).envelope.seq == 2


@pytest.mark.parametrize("event", [{}, {"type": "trade"}, {"type": None}])
def test_who_has_no_type_of_event_is_told_which_there_are(event: dict[str, Any]) -> None:
    told = refused(ledger(), line(event=event)).msg
    assert told.endswith("; types are order_update, account_update, account_snapshot")
    without = {name: value for name, value in ORDER.items() if name != "order_type"}
    assert "types are" not in refused(ledger(), line(event=without)).msg


def test_a_line_may_be_as_long_as_the_bound_and_no_longer() -> None:
    text = line(1)
    longer = line(2, ORDER | {"client_order_id": "c"})
    it = ledger(event_bytes=len(text))
    accepted(it, text)
    outcome = refused(it, longer)
    assert (outcome.code, outcome.account) == ("too_large", "alice")
    assert str(len(longer)) in outcome.msg


def test_the_store_may_be_unavailable() -> None:
    def load(name: str) -> None:
        raise StoreUnavailable("disk full")

    outcome = refused(Ledger(EPOCH, Limits(), load), line(1))
    assert (outcome.code, outcome.account) == ("unavailable", "alice")
    assert "disk full" in outcome.msg


def test_accounts_that_never_had_an_event_are_not_kept() -> None:
    it = ledger()
    for i in range(100):
        refused(it, line(1, {}, account=f"a{i}"))
    assert len(it) == 0


def test_a_forgotten_tail_starts_again_from_what_is_stored() -> None:
    stored: dict[str, tuple[Head, AccountSnapshot]] = {}
    it = ledger(stored)
    accepted(it, line(1))
    it.forget("alice")
    it.forget("alice")
    assert accepted(it, line(1)).envelope.seq == 1


@given(st.binary(max_size=80))
def test_no_bytes_do_anything_but_get_an_answer(text: bytes) -> None:
    assert isinstance(ledger().accept(text, NOW), Refused)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_line_with_a_byte_changed_gets_an_answer(at: int, byte: int) -> None:
    text = bytearray(line(1))
    text[at % len(text)] = byte
    outcome = ledger().accept(bytes(text), NOW)
    assert isinstance(outcome, Appended | Refused)
    assert json.loads(answers(1, [outcome]))["line"] == 1


def test_accounts_of_the_servers_own_are_published_for_by_it_alone() -> None:
    it = ledger()
    refused = it.accept(line(1, account="_userstream-probe-1"), NOW)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.account) == ("malformed", "_userstream-probe-1")
    accepted(it, line(1, account="_userstream-probe-1", source="userstream"))
