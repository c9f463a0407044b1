"""Which venue a request means: by host name, by path prefix, at the root."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.core.mount import Mounts
from userstream.venue import Venue
from userstream.venues import load

VENUES = {name: load(name) for name in ("binance", "mexc", "bhex")}
MOUNTS = Mounts(VENUES, VENUES["binance"], {"api.x.com": VENUES["mexc"], "[::1]": VENUES["bhex"]})
BARE = Mounts(VENUES)


def found(host: str, path: str, mounts: Mounts = MOUNTS) -> tuple[str, str] | None:
    at = mounts.find(host, path)
    return (at[0].name, at[1]) if at else None


@pytest.mark.parametrize(
    ("path", "venue", "rest"),
    [
        ("/mexc/ws", "mexc", "/ws"),
        ("/mexc/", "mexc", "/"),
        ("/mexc", "mexc", "/"),
        ("/bhex/openapi/ws/key", "bhex", "/openapi/ws/key"),
        ("/binance//ws", "binance", "//ws"),
        ("/ws/key", "binance", "/ws/key"),
        ("/", "binance", "/"),
        ("", "binance", ""),
        ("*", "binance", "*"),
        ("mexc/ws", "binance", "mexc/ws"),
        ("//mexc/ws", "binance", "//mexc/ws"),
        ("/MEXC/ws", "binance", "/MEXC/ws"),
        ("/mexcx/ws", "binance", "/mexcx/ws"),
    ],
)
def test_a_path_prefix_names_a_venue_and_all_else_is_the_roots(
    path: str, venue: str, rest: str
) -> None:
    assert found("127.0.0.1:8080", path) == (venue, rest)


@pytest.mark.parametrize(
    "host",
    [
        "api.x.com",
        "API.X.com",
        "api.x.com:443",
        "api.x.com:",
        "api.x.com.",
        "api.x.com.:443",
        "mexc.localhost",
        "MEXC.localhost:8080",
        "mexc.localhost.:8080",
    ],
)
def test_a_mounted_host_wins_over_the_path(host: str) -> None:
    assert found(host, "/bhex/ws") == ("mexc", "/bhex/ws")


@pytest.mark.parametrize("host", ["[::1]", "[::1]:8080"])
def test_an_address_in_brackets_may_be_mounted(host: str) -> None:
    assert found(host, "/ws") == ("bhex", "/ws")


@pytest.mark.parametrize(
    "host",
    ["", ":", "x.com", "evil-api.x.com", "api.x.com.evil", "other.localhost", ".localhost",
     "localhost", "a.mexc.localhost", "api.x.com:port", "mexc"],
)  # fmt: skip
def test_any_other_host_leaves_it_to_the_path(host: str) -> None:
    assert found(host, "/bhex/ws") == ("bhex", "/ws")
    assert found(host, "/ws") == ("binance", "/ws")


def test_without_a_root_only_prefixes_and_hosts_are_served() -> None:
    assert found("x.com", "/ws", BARE) is None
    assert found("x.com", "/mexc/ws", BARE) == ("mexc", "/ws")
    assert found("mexc.localhost", "/ws", BARE) == ("mexc", "/ws")


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_host_and_path_find_a_mounted_venue(host: str, path: str) -> None:
    at = MOUNTS.find(host, path)
    assert at is not None
    venue, rest = at
    assert isinstance(venue, Venue)
    assert path.endswith(rest) or rest == "/"
