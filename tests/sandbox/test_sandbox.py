"""``userstream sandbox``: what it prints works when it is pasted."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.cli.command import BIN, ENVIRONMENT, FREE, read_line, run
from userstream.venues import names

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def sandbox(
    *arguments: str, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A sandbox on free ports."""
    popen = subprocess.Popen(
        [str(BIN / "userstream"), "sandbox", *arguments, *FREE], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT | (env or {}),
    )  # fmt: skip
    try:
        yield popen
    finally:
        popen.kill()
        popen.communicate()


def page_of(popen: subprocess.Popen[bytes]) -> str:
    """All that it prints before it waits."""
    page = b""
    while b"userstream publish" not in page:
        page += read_line(popen, popen.stdout)
    return page.decode()


def pasted(page: str) -> tuple[str, str, str, str]:
    """The four lines of a page that are there to be pasted."""
    lines = [text.strip() for text in page.splitlines()]
    (make,) = (x for x in lines if x.startswith("KEY="))
    (listen,) = (x for x in lines if "-m websockets" in x)
    (order,) = (x for x in lines if "userstream sandbox order" in x)
    (publish,) = (x for x in lines if "userstream publish" in x)
    return make, listen, order, publish


def bash(script: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["bash", "-c", script], cwd=ROOT, env=ENVIRONMENT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
    )  # fmt: skip


@pytest.mark.parametrize("venue", names())
def test_the_printed_lines_work_when_pasted(venue: str) -> None:
    with sandbox("--venue", venue) as running:
        make, listen, order, publish = pasted(page_of(running))
        stream = bash(f"{make}\n{listen}")
        try:
            key = read_line(stream, stream.stdout).decode().strip()
            assert re.fullmatch(r"[A-Za-z0-9]{60,64}", key)
            read_line(stream, stream.stdout, b"Connected to")
            if venue == "mexc":
                assert stream.stdin is not None
                channel = "spot@private.orders.v3.api.pb"
                stream.stdin.write(
                    json.dumps({"method": "SUBSCRIPTION", "params": [channel]}).encode() + b"\n"
                )
                stream.stdin.flush()
                read_line(stream, stream.stdout, b'"code":0')
            placing = bash(order)
            output, _ = placing.communicate(timeout=20)
            assert placing.returncode == 0, output
            assert f"{venue} answered".encode() in output
            assert b"SELL BTCUSDT is FILLED" in output
            publishing = bash(publish)
            output, _ = publishing.communicate(timeout=20)
            assert publishing.returncode == 0, output
            assert b"7 stored" in output
            mark = b"orders.v3.api.pb" if venue == "mexc" else b'"executionReport"'
            read_line(stream, stream.stdout, mark)
        finally:
            stream.kill()
            stream.communicate()
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0


def test_its_accounts_and_urls_come_as_json_too() -> None:
    account = ("--account", "carol:carolkey:carolsecret", "--json", "--clock-speed", "3600")
    with sandbox("run", *account) as running:
        page = json.loads(read_line(running, running.stdout))
        assert page["venues"] == list(names())
        assert page["root"] == "binance"
        assert page["accounts"] == [
            {"name": "carol", "api_key": "carolkey", "api_secret": "carolsecret"}
        ]
        url = page["urls"]["rest"] + "/api/v1/userDataStream"
        response = httpx.post(url, headers={"X-MBX-APIKEY": "carolkey"}, trust_env=False)
        began = time.monotonic()
        with connect(
            f"{page['urls']['stream']}/ws/{response.json()['listenKey']}", proxy=None
        ) as s:
            assert "listenKeyExpired" in str(s.recv(timeout=10))
        assert time.monotonic() - began < 5
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 0


def test_it_needs_no_proxy_to_talk_to_itself() -> None:
    nowhere = "http://127.0.0.1:9"
    proxies = {"HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "ALL_PROXY": nowhere}
    with sandbox("--json", env=proxies) as running:
        assert json.loads(read_line(running, running.stdout))["accounts"]


def test_a_sandbox_with_a_folder_comes_back_with_its_events(tmp_path: Path) -> None:
    for run_number in (1, 2):
        with sandbox("--data", str(tmp_path / "data"), "--json") as running:
            page = json.loads(read_line(running, running.stdout))
            stored = httpx.get(
                page["urls"]["admin"] + "/_events?account=alice", trust_env=False,
                headers={"authorization": "Bearer sandbox"},
            )  # fmt: skip
            snapshots = [json.loads(line)["event"] for line in stored.text.splitlines()]
            assert [s["type"] for s in snapshots] == ["account_snapshot"] * run_number
            running.send_signal(signal.SIGTERM)
            assert running.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("--account nonsense", "NAME:API_KEY:API_SECRET"),
        ("--account a:b:", "NAME:API_KEY:API_SECRET"),
        ("--account a~b:key:secret", "account is 'a~b'"),
        ("--venue nyse", "allowed are bhex, binance, mexc, spacedex"),
        ("--rest nonsense", "HOST:PORT"),
    ],
)
def test_what_it_cannot_do_is_one_line(arguments: str, why: str) -> None:
    options = FREE if "--rest" not in arguments else FREE[2:]
    ended = run("sandbox", *options, *arguments.split())
    assert ended.returncode == 1
    assert why in ended.stderr
    assert "Traceback" not in ended.stderr
