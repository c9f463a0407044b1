"""The tree of errors: each says whether to try again."""

from __future__ import annotations

import inspect

import pytest

from userstream import errors

CLASSES = [e for _, e in inspect.getmembers(errors, inspect.isclass)]
TREE = [e for e in CLASSES if issubclass(e, errors.UserStreamError)]


def test_every_class_of_the_module_is_in_the_tree() -> None:
    assert CLASSES == TREE


@pytest.mark.parametrize("error", TREE)
def test_every_error_is_in_the_drawing(error: type[Exception]) -> None:
    assert error.__name__ in (errors.__doc__ or "")
    assert error.__doc__


def test_what_is_worth_another_try() -> None:
    again = {e for e in TREE if e.retry}
    assert again == {errors.StoreUnavailable, errors.PublishUnproven} | {
        errors.NotLive,
        errors.Unacknowledged,
    }


def test_a_refused_line_carries_its_stable_code() -> None:
    refused = errors.PublishRefused("fenced", "another source took over")
    assert refused.code == "fenced"
    assert str(refused) == "fenced: another source took over"
