"""Publishing requests: what a refused line blocks, and the answers, byte for byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lines import ORDER, line
from userstream.core.epoch import account_epoch
from userstream.core.limits import Limits
from userstream.core.publishing import Acknowledged, Appended, Duplicate, Ledger, Refused
from userstream.core.submission import Submission, answers

EPOCH = "epoch000"
NOW = 1_700_000_000_000


def ledger(**limits: int) -> Ledger:
    return Ledger(EPOCH, Limits(**limits), lambda _: None)


def accepted(it: Submission, text: bytes) -> Appended:
    outcome = it.accept(text, it.take(1), NOW)
    assert isinstance(outcome, Appended), outcome
    return outcome


def refused(it: Submission, text: bytes) -> Refused:
    outcome = it.accept(text, it.take(1), NOW)
    assert isinstance(outcome, Refused), outcome
    return outcome


def test_a_refused_line_blocks_the_later_lines_of_its_account_only() -> None:
    it = Submission(ledger())
    accepted(it, line(1))
    assert refused(it, line(2, {})).code == "invalid_event"
    accepted(it, line(1, account="bob"))
    blocked = refused(it, line(3))
    assert blocked == Refused("blocked_by", "line 2 of this account was refused", "alice")
    assert refused(it, line(1)).code == "blocked_by"
    accepted(it, line(2, account="bob"))
    assert [it.take(4), it.take(2), it.line] == [7, 11, 12]


def test_the_line_that_blocks_is_the_first_that_was_refused() -> None:
    it = Submission(ledger())
    for _ in range(3):
        outcome = refused(it, line(0))
    assert "line 1 " in outcome.msg


def test_a_block_ends_with_its_request() -> None:
    shared = ledger()
    refused(Submission(shared), line(0))
    accepted(Submission(shared), line(1))


def test_a_line_that_cannot_be_read_blocks_all_that_follows() -> None:
    it = Submission(ledger())
    accepted(it, line(1))
    assert refused(it, b"{").code == "malformed"
    for account in ("alice", "bob"):
        outcome = refused(it, line(2, account=account))
        assert (outcome.code, outcome.account) == ("blocked_by", None)
        assert "line 2 " in outcome.msg


@pytest.mark.parametrize("text", [line(1, account="alice "), line("x", account="alice ")])
def test_a_name_that_no_account_can_have_may_be_anybodys(text: bytes) -> None:
    it = Submission(ledger())
    assert refused(it, text).code == "malformed"
    assert refused(it, line(2)).code == "blocked_by"


def test_a_line_that_is_too_large_blocks_its_own_account_only() -> None:
    it = Submission(ledger(event_bytes=len(line(1))))
    assert refused(it, line(1, ORDER | {"client_order_id": "c"})).code == "too_large"
    assert refused(it, line(2)).code == "blocked_by"
    accepted(it, line(1, account="alica"))


def test_a_malformed_line_behind_a_refused_one_blocks_all() -> None:
    it = Submission(ledger())
    refused(it, line(0))
    assert refused(it, b"{").code == "malformed"
    assert refused(it, line(1, account="bob")).code == "blocked_by"


def test_a_line_whose_commit_failed_blocks_what_follows_it() -> None:
    it = Submission(ledger())
    accepted(it, line(1))
    it.block("alice", 1)
    assert refused(it, line(2)).msg == "line 1 of this account was refused"


def test_a_repeat_blocks_nothing() -> None:
    it = Submission(ledger())
    accepted(it, line(1))
    assert it.accept(line(1), it.take(1), NOW) == Duplicate("alice", EPOCH, 1)
    accepted(it, line(2))


def test_only_later_lines_of_an_account_are_blocked() -> None:
    request = Submission(ledger())
    request.block("alice", 5)
    alice, bob = b'{"account":"alice"}', b'{"account":"bob"}'
    assert request.blocking(alice, 4) is None
    assert request.blocking(alice, 5) is None
    assert request.blocking(bob, 6) is None
    blocked = request.blocking(alice, 6)
    assert blocked == Refused("blocked_by", "line 5 of this account was refused", "alice")
    request.block("alice", 3)  # an earlier one, of which it was heard later
    assert request.blocking(alice, 4) is not None
    request.block("alice", 9)
    assert request.blocking(alice, 4) is not None


def test_a_line_that_is_nobodys_blocks_all_later_ones() -> None:
    request = Submission(ledger())
    request.block(None, 3)
    assert request.blocking(b'{"account":"alice"}', 2) is None
    blocked = request.blocking(b'{"account":"alice"}', 4)
    assert blocked == Refused("blocked_by", "line 3 could not be read, nor whose it is")
    assert request.blocking(b"{", 4) == blocked
    assert Submission(ledger()).blocking(b"{", 4) is None


# ── answers ─────────────────────────────────────────────────────────────────────────────────────


def test_answers_are_exactly_as_published() -> None:
    it = ledger()
    first, again = it.accept(line(1), NOW), it.accept(line(1), NOW)
    epoch = account_epoch(EPOCH, "alice").encode()
    assert answers(1, [first]) == b'{"line":1,"account":"alice","epoch":"%b","seq":1}\n' % epoch
    assert answers(2, [again]) == b'{"line":2,"duplicate":true,"epoch":"%b","seq":1}\n' % epoch
    refusal = Refused("code", 'text "quoted" …\n', "alice")
    assert answers(3, [refusal]) == (
        '{"line":3,"error":{"code":"code","msg":"text \\"quoted\\" …\\n"}}\n'.encode()
    )


@given(st.text(max_size=50).filter(lambda t: t.isprintable()))
def test_an_answer_is_one_line_of_json(msg: str) -> None:
    text = answers(7, [Refused("code", msg)])
    assert text.count(b"\n") == 1
    assert json.loads(text) == {"line": 7, "error": {"code": "code", "msg": msg}}


def test_what_another_process_stored_is_answered_as_what_this_one_did() -> None:
    stored, repeated = Acknowledged("alice", EPOCH, 7), Duplicate("alice", EPOCH, 8)
    epoch = account_epoch(EPOCH, "alice").encode()
    assert answers(1, [stored, repeated]) == (
        b'{"line":1,"account":"alice","epoch":"%b","seq":7}\n'
        b'{"line":2,"duplicate":true,"epoch":"%b","seq":8}\n' % (epoch, epoch)
    )
