"""``userstream serve`` as a process: stopped, killed, restarted, started wrongly."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.cli.command import FREE, TOKEN, Process, events, run, serving

AUTH = {"authorization": f"Bearer {TOKEN}"}
KEY = {"X-MBX-APIKEY": "alicekey"}


def post(server: Process, path: str, **request: Any) -> httpx.Response:
    return httpx.post(server.urls["admin"] + path, headers=AUTH, trust_env=False, **request)


def listen_key(server: Process) -> str:
    response = httpx.post(
        server.urls["rest"] + "/api/v1/userDataStream", headers=KEY, trust_env=False
    )
    key: str = response.json()["listenKey"]
    return key


def opened(server: Process, key: str) -> ClientConnection:
    return connect(f"{server.urls['stream']}/ws/{key}", proxy=None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_closes_streams_with_1001_and_exits_with_0(tmp_path: Path, number: int) -> None:
    with serving("--bus", f"file:{tmp_path / 'data'}") as server:
        post(server, "/_accounts", json={"account": "alice", "api_key": "alicekey"})
        with opened(server, listen_key(server)) as stream:
            began = time.monotonic()
            server.popen.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                stream.recv(timeout=10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        assert server.popen.wait(10) == 0
        assert time.monotonic() - began < 5
        assert server.popen.stderr is not None
        lines = [json.loads(text) for text in server.popen.stderr.read().splitlines()]
        assert lines[-1]["event"] == "stopped"


def test_a_killed_server_comes_back_with_keys_heads_events_and_epoch(tmp_path: Path) -> None:
    bus = ("--bus", f"file:{tmp_path / 'data'}")
    keys: set[str] = set()
    epochs: set[str] = set()
    acknowledged = 0
    for cycle in range(4):
        with serving(*bus) as server:
            epochs.add(server.epoch)
            if cycle == 0:
                post(server, "/_accounts", json={"account": "alice", "api_key": "alicekey"})
            else:
                with opened(server, next(iter(keys))):
                    pass
            keys.add(listen_key(server))
            stored = httpx.get(
                server.urls["admin"] + "/_events", params={"account": "alice"}, headers=AUTH,
                trust_env=False,
            ).text.splitlines()  # fmt: skip
            seqs = [json.loads(text)["seq"] for text in stored]
            assert seqs == list(range(1, len(seqs) + 1))
            assert len(seqs) >= acknowledged
            again = post(server, "/_events", content=events("alice", 1, 1)) if seqs else None
            assert again is None or again.json()["duplicate"]
            first = len(seqs) + 1
            killing = threading.Timer(0.05 * cycle, server.popen.kill)
            killing.start()
            try:
                for n in range(first, first + 100_000):
                    answer = post(server, "/_events", content=events("alice", n, n)).json()
                    acknowledged = answer["seq"]
                    assert acknowledged == n
            except httpx.TransportError:
                pass
            killing.join()
    assert len(keys) == len(epochs) == 1
    assert acknowledged


def test_a_revoked_key_stays_revoked_after_a_restart(tmp_path: Path) -> None:
    bus = ("--bus", f"file:{tmp_path / 'data'}")
    with serving(*bus) as server:
        post(server, "/_accounts", json={"account": "alice", "api_key": "alicekey"})
        key = listen_key(server)
        httpx.delete(server.urls["admin"] + "/_accounts/alice", headers=AUTH, trust_env=False)
        assert server.stop() == 0
    with serving(*bus) as server, pytest.raises(InvalidStatus), opened(server, key):
        pass


def test_settings_come_from_file_environment_and_options(tmp_path: Path) -> None:
    config = tmp_path / "userstream.toml"
    config.write_text(
        'bus = "memory:"\nvenue = "mexc"\nlog = "text"\n[hosts]\n"a.example" = "bhex"\n'
        '[venues.binance]\nkey_length = 64\n[symbols.XY]\nbase = "X"\nquote = "Y"\n'
        "[limits]\nsockets = 5\n"
    )
    env = {"USERSTREAM_LOG": "json", "USERSTREAM_VENUE": "bhex"}
    with serving("--config", str(config), "--venue", "binance", env=env) as server:
        post(server, "/_accounts", json={"account": "alice", "api_key": "alicekey"})
        assert len(listen_key(server)) == 64


def test_a_port_in_use_is_one_line_that_says_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for name in ("rest", "stream", "admin"):
            ended = run("serve", "--bus", "memory:", *FREE, f"--{name}", address)
            assert ended.returncode == 1
            assert f"{name} cannot listen on {address}" in ended.stderr
            assert f"--{name}" in ended.stderr
            assert ended.stderr.count("\n") == 1


BAD_SETTINGS = [
    ("rest = ", "is not TOML"),
    ("nonsense = 1", "nonsense"),
    ('venue = "nyse"', "bhex, binance, mexc, spacedex"),
    ('bus = "kafka:"', "file:DIR"),
    ('rest = "8080"', "HOST:PORT"),
    ('rest = "x:99999"', "HOST:PORT"),
    ('rest = "no.such.host.invalid:0"', "cannot listen"),
    ("[limits]\nsockets = 0", "above zero"),
    ("[limits]\nhandshake_s = nan", "above zero"),
    ("[limits]\nnonsense = 1", "nonsense"),
    ("clock_speed = 0.0", "clock_speed"),
    ('tls_cert = "x"', "go together"),
    ('tls_cert = "x"\ntls_key = "y"', "cannot be used"),
    ("[venues.binance]\nkey_length = 61", "venues.binance"),
    ("[venues.nyse]\nx = 1", "nyse"),
    ('[hosts]\n"x" = "nyse"', "nyse"),
    ('durability = "wishes"', "durability"),
    ('admin_token_file = "/no/such/file"', "admin_token_file"),
]


@pytest.mark.parametrize(("text", "why"), BAD_SETTINGS, ids=range(len(BAD_SETTINGS)))
def test_wrong_settings_are_one_line_and_exit_code_1(tmp_path: Path, text: str, why: str) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f'bus = "memory:"\n{text}' if "bus" not in text else text)
    options = FREE if "rest" not in text else FREE[2:]
    ended = run("serve", "--config", str(config), *options)
    assert ended.returncode == 1, ended.stderr
    assert why in ended.stderr
    assert ended.stderr.startswith("userstream: ")
    assert "Traceback" not in ended.stderr


def test_a_settings_file_or_token_that_is_not_there_is_said() -> None:
    assert "does not exist" in run("serve", "--config", "/no/such.toml").stderr
    assert "cannot be read" in run("serve", "--config", "/").stderr
    ended = run("serve", "--bus", "memory:", *FREE, env={"USERSTREAM_ADMIN_TOKEN": ""})
    assert "an admin token is needed" in ended.stderr


def test_a_token_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file\nsecond line\n")
    env = {"USERSTREAM_ADMIN_TOKEN": "", "USERSTREAM_ADMIN_TOKEN_FILE": str(file)}
    with serving("--bus", "memory:", env=env) as server:
        headers = {"authorization": "Bearer from-a-file"}
        url = server.urls["admin"] + "/_accounts"
        assert httpx.get(url, headers=headers, trust_env=False).status_code == 200


def test_a_data_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for folder in (file, file / "below", Path("/proc/nowhere")):
        ended = run("serve", *FREE, "--bus", f"file:{folder}")
        assert ended.returncode == 1
        assert ended.stderr.startswith("userstream: ")
        assert str(folder) in ended.stderr
        assert "Traceback" not in ended.stderr


def test_two_servers_on_one_folder_is_one_too_many(tmp_path: Path) -> None:
    with serving("--bus", f"file:{tmp_path}"):
        ended = run("serve", *FREE, "--bus", f"file:{tmp_path}")
        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr


def test_a_secret_that_others_can_read_or_that_is_gone_stops_the_start(tmp_path: Path) -> None:
    with serving("--bus", f"file:{tmp_path}") as server:
        assert server.stop() == 0
    secret = tmp_path / "key.secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    whole = secret.read_text()
    secret.chmod(0o644)
    assert "must be 0600" in run("serve", *FREE, "--bus", f"file:{tmp_path}").stderr
    secret.chmod(0o600)
    for damage, why in (("xyz", "cannot be used"), ("00", "32 bytes")):
        secret.write_text(damage)
        assert why in run("serve", *FREE, "--bus", f"file:{tmp_path}").stderr
    secret.unlink()
    assert "is missing" in run("serve", *FREE, "--bus", f"file:{tmp_path}").stderr
    secret.write_text(whole)
    os.chmod(secret, 0o600)  # noqa: PTH101
    with serving("--bus", f"file:{tmp_path}", "--durability", "process-kill") as server:
        assert server.stop() == 0
