"""Limits: one frozen value, each bound above zero, none changed by accident."""

from __future__ import annotations

import msgspec
import pytest

from userstream.core.limits import Limits


@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_every_bound_is_above_zero(name: str) -> None:
    assert getattr(Limits(), name) > 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event_bytes", 65_536),
        ("lines_per_request", 10_000),
        ("publish_bytes", 16 * 1024 * 1024),
        ("outbox_bytes", 1_048_576),
        ("ban_after_refusals", 10),
        ("ban_s", 120),
        ("max_ban_s", 3 * 24 * 3600),
    ],
)
def test_a_published_bound_is_as_published(name: str, value: int) -> None:
    assert getattr(Limits(), name) == value


def test_limits_cannot_be_changed_afterwards() -> None:
    with pytest.raises(AttributeError):
        Limits().sockets = 1  # type: ignore[misc]


def test_a_misspelt_limit_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="socketz"):
        msgspec.convert({"socketz": 5}, Limits)


def test_a_limit_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="sockets"):
        msgspec.convert({"sockets": "many"}, Limits)


def test_a_ban_fits_between_its_bounds() -> None:
    limits = Limits()
    assert limits.ban_s <= limits.max_ban_s
    assert limits.event_bytes <= limits.publish_bytes
