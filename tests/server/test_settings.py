"""Settings and data folders: what is allowed, what is refused, and in which words."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import until
from userstream.core.limits import Limits
from userstream.errors import InvalidSettings, StoreDamaged, StoreTooNew
from userstream.server.clock import Alarm, Clock
from userstream.server.folder import open_folder
from userstream.server.records import decode, decode_event
from userstream.server.settings import (
    Address,
    Settings,
    address_of,
    admin_token_of,
    folder_of,
    key_secret_file,
    load_settings,
    markets_of,
)


def load(**arguments: Any) -> Any:
    return load_settings(None, {}, arguments)


def test_the_later_of_file_environment_and_arguments_wins(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('rest = "a:1"\nstream = "a:2"\nadmin = "a:3"\n[limits]\nsockets = 5\n')
    env = {"USERSTREAM_STREAM": "b:2", "USERSTREAM_ADMIN": "b:3", "USERSTREAM_LIMITS": "x"}
    settings = load_settings(file, env, {"admin": "c:3", "venue": None})
    assert (settings.rest, settings.stream, settings.admin) == ("a:1", "b:2", "c:3")
    assert settings.limits.sockets == 5


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"rest": "8080"}, "HOST:PORT"),
        ({"stream": "x:70000"}, "HOST:PORT"),
        ({"admin": "x:\u00b2"}, "HOST:PORT"),
        ({"bus": "file:"}, "file:DIR"),
        ({"bus": "kafka:x"}, "file:DIR"),
        ({"tls_key": "x"}, "go together"),
        ({"clock_speed": 0}, "clock_speed"),
        ({"clock_speed": "nan"}, "clock_speed"),
        ({"clock_speed": "inf"}, "clock_speed"),
        ({"nonsense": 1}, "nonsense"),
        ({"bus": "nats://a", "roles": ""}, "roles has ''; allowed are one or more of rest, stream"),
        ({"bus": "nats://a", "roles": []}, "roles has ''; allowed are one or more of rest, stream"),
        ({"bus": "nats://a", "roles": "rest,edge"}, "roles has 'edge'"),
        ({"bus": "nats://a", "roles": "rest,rest"}, "twice"),
        ({"roles": "rest"}, "roles is rest; without a NATS one process does everything"),
        ({"bus": "nats://a", "roles": "rest,writer"}, "keys must be shared with them"),
        ({"bus": "nats://"}, "bus has '' where a server should be"),
        (
            {"bus": "nats://a", "keys": "b"},
            "keys is 'b'; allowed are file:DIR, memory: and nats:FILE",
        ),
        ({"bus": "nats://:secret@a"}, r"bus is not an address of NATS; allowed is nats://\["),
        (
            {"bus": "ntas://us:secret@a"},
            "bus is 'ntas://a'; allowed are file:DIR, memory:, nats://",
        ),
        ({"bus": "us:secret@a"}, "bus is 'a'; allowed are"),
        ({"bus": "nats://a:port"}, "bus has 'a:port'"),
        ({"bus": "nats://a", "nats": {"replicas": 2}}, r"nats\.replicas is 2"),
        ({"bus": "nats://a", "nats": {"shards": 0}}, r"nats\.shards is 0"),
        ({"bus": "nats://a", "nats": {"prefix": "a.b"}}, r"nats\.prefix is 'a\.b'"),
        ({"bus": "nats://a", "nats": {"max_bytes": 1}}, r"nats\.max_bytes is 1"),
        ({"bus": "nats://a", "nats": {"cert": "x"}}, r"nats\.cert and nats\.key"),
        ({"bus": "nats://a", "nats": {"ca": "/none"}}, r"nats\.ca '/none' cannot be used"),
        ({"bus": "nats://a", "nats": {"credentials": "/none"}}, r"nats\.credentials cannot be"),
        ({"limits": {"sockets": 0}}, r"limits\.sockets"),
        ({"limits": {"close_s": float("inf")}}, r"limits\.close_s"),
    ],
)
def test_wrong_values_are_named(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidSettings, match=why):
        load(**arguments)


def test_addresses_and_buses_are_read() -> None:
    assert address_of("rest", "[::1]:80") == Address("::1", 80)
    assert folder_of(load(bus="memory:")) is None
    assert folder_of(load(bus="file:a/b")) == Path("a/b")
    assert folder_of(load(bus="nats://somewhere", keys="file:a/c")) == Path("a/c")
    shared = load(bus="nats://somewhere", keys="nats:a/key.secret")
    assert (folder_of(shared), key_secret_file(shared)) == (None, Path("a/key.secret"))
    assert key_secret_file(load(bus="memory:", keys="nats:a")) is None


def test_markets_come_from_the_settings() -> None:
    markets = markets_of(
        load(symbols={"XY": {"base": "X", "quote": "Y"}}, coin_ids={"X": "0" * 32})
    )
    assert markets.symbol("XY").base == "X"
    assert markets.coin_id("X") == "0" * 32


def test_a_token_is_needed_and_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret \nmore")
    assert admin_token_of(load(admin_token="x")) == "x"
    assert admin_token_of(load(admin_token_file=str(file))) == "secret"
    for arguments in ({}, {"admin_token": "\u00e9"}, {"admin_token_file": str(tmp_path)}):
        with pytest.raises(InvalidSettings, match="admin"):
            admin_token_of(load(**arguments))


def test_a_folder_keeps_its_secret_and_its_epoch(tmp_path: Path) -> None:
    first = open_folder(tmp_path / "a" / "b", synced=False)
    first.close()
    again = open_folder(tmp_path / "a" / "b", synced=True)
    assert (again.secret, again.run.epoch) == (first.secret, first.run.epoch)
    assert first.secret.hex() not in repr(again)
    assert not list(again.accounts())
    assert not list(again.listen_keys())
    again.close()


def test_a_secret_that_is_damaged_open_or_gone_is_refused(tmp_path: Path) -> None:
    open_folder(tmp_path, synced=False).close()
    secret = tmp_path / "key.secret"
    secret.chmod(0o640)
    with pytest.raises(InvalidSettings, match="0600"):
        open_folder(tmp_path, synced=False)
    secret.chmod(0o600)
    for text, why in (("zz", "cannot be used"), ("00" * 31, "32 bytes")):
        secret.write_text(text)
        with pytest.raises(StoreDamaged, match=why):
            open_folder(tmp_path, synced=False)
    secret.unlink()
    with pytest.raises(StoreDamaged, match="is missing"):
        open_folder(tmp_path, synced=False)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidSettings, match="cannot be made"):
        open_folder(tmp_path / "file" / "below", synced=False)


def test_stored_values_that_are_damaged_or_too_new_are_refused() -> None:
    key = b"e\0alice\0" + (7).to_bytes(8, "big")
    with pytest.raises(StoreDamaged):
        decode_event(key, b"{")
    newer = (
        b'{"v":99,"epoch":"epoch000","time_ms":1,"source":"x","n":1,'
        b'"event":{"type":"account_update","time_ms":1}}'
    )
    with pytest.raises(StoreTooNew, match="version 99"):
        decode_event(key, newer)
    with pytest.raises(StoreDamaged):
        decode(b"\xff", Limits)


def test_server_time_does_not_follow_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    before = clock.ms()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert before <= clock.ms() < before + 1_000


async def test_the_earliest_of_several_alarms_rings() -> None:
    clock = Clock(speed=100)
    rung: list[int] = []
    alarm = Alarm(clock, lambda: rung.append(clock.ms()))
    start = clock.ms()
    for wait_ms in (90_000_000, 2_000, 80_000_000):
        alarm.set(start + wait_ms)
    alarm.set(None)

    await until(lambda: rung)
    await asyncio.sleep(0)
    assert len(rung) == 1
    # A loop's timer may be a millisecond early, which is a hundred here.
    assert start + 1_800 <= rung[0] < start + 80_000_000
    alarm.cancel()


def test_a_secret_without_its_log_is_no_new_folder(tmp_path: Path) -> None:
    open_folder(tmp_path, synced=False).close()
    shutil.rmtree(tmp_path / "log")
    with pytest.raises(StoreDamaged, match="log is missing beside"):
        open_folder(tmp_path, synced=False)


def test_an_admin_token_of_other_characters_is_named() -> None:
    with pytest.raises(InvalidSettings, match="printable ASCII"):
        admin_token_of(Settings(admin_token="tökén"))


def test_roles_are_words_in_the_environment_and_all_by_default() -> None:
    assert load().roles == ("rest", "stream", "writer")
    shared = {"bus": "nats://a", "keys": "nats:/f"}
    assert load_settings(None, {"USERSTREAM_ROLES": "stream, writer"}, shared).roles == (
        "stream", "writer",
    )  # fmt: skip
    assert load(bus="nats://a", roles=["rest", "stream"]).roles == ("rest", "stream")
