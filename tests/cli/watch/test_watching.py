"""A watch of a real sandbox and of a server, in every dialect."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.cli.command import BIN, ENVIRONMENT
from tests.cli.inside import command
from tests.client.test_sandbox import HASTY
from tests.sandbox.bots import bots, limit, market_sell
from tests.server.running import running
from userstream import UserStream
from userstream.cli.watch.board import Board
from userstream.cli.watch.shown import AsLines
from userstream.cli.watch.watching import Watching
from userstream.errors import NotLive
from userstream.venues import names


class Watched:
    """What a watch in another process has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, condition: Callable[[str], object]) -> str:
        """Reads up to a line that fulfils a condition."""
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            while True:
                line = (await self.process.stdout.readline()).decode()
                assert line, f"it ended after {self.lines}"
                self.lines.append(line.rstrip("\n"))
                if condition(self.lines[-1]):
                    return self.lines[-1]

    async def record(self, condition: Callable[[Any], object]) -> Any:
        """The same for records."""
        return json.loads(await self.until(lambda line: condition(json.loads(line))))

    async def stop(self) -> int:
        """Ends it as Ctrl-C does; its exit code."""
        self.process.send_signal(2)
        out, _ = await self.process.communicate()
        self.lines += out.decode().splitlines()
        assert self.process.returncode is not None
        return self.process.returncode


@contextlib.asynccontextmanager
async def watching(urls: dict[str, str], *arguments: str) -> AsyncIterator[Watched]:
    env = ENVIRONMENT | {
        "USERSTREAM_REST_URL": urls["rest"],
        "USERSTREAM_STREAM_URL": urls["stream"],
    }
    process = await asyncio.create_subprocess_exec(
        str(BIN / "userstream"), "watch", *arguments,
        env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield Watched(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("venue", names())
async def test_a_program_reads_what_happens_in_a_sandbox(venue: str) -> None:
    async with bots() as market:
        urls = market.sandbox.service.urls
        async with watching(urls, venue, "--sandbox", "--json", "--every", "0.2") as seen:
            await seen.record(lambda r: r["type"] == "status" and r["state"] == "live")
            await market.place(venue, **limit(venue, "BUY", "0.02", "100"))
            event = await seen.record(lambda r: r["type"] == "event" and r["origin"] == "stream")
            assert event["event"]["order_id"]
            assert event["latency_ms"] is not None
            assert event["latency_margin_ms"] >= 1
            status = await seen.record(lambda r: r.get("orders") and "USDT" in r["balances"])
            assert float(status["balances"]["USDT"]["locked"]) == 2
            assert 0 <= status["key_age_s"] < 60
            assert 60 < status["key_due_s"] <= 900
            assert status["clock_margin_ms"] is not None
            assert await seen.stop() == 0
        assert "alicesecret" not in "".join(seen.lines)


async def test_lines_tell_of_a_break_and_its_repair() -> None:
    async with bots() as market, watching(market.sandbox.service.urls, "mexc", "--sandbox") as seen:
        await seen.until(lambda line: " status      live " in line)
        await market.place("mexc", **market_sell())
        await seen.until(lambda line: " filled  " in line and "SELL BTCUSDT" in line)
        await market.server.admin.post("/_sandbox/faults", json={"kind": "reset", "venue": "mexc"})
        await seen.until(lambda line: " state       live to " in line)
        await seen.until(lambda line: " state       replaying to live: repaired" in line)
        assert await seen.stop() == 0


async def test_the_log_of_a_watch_can_be_verified(tmp_path: Any) -> None:
    async with bots() as market:
        urls = market.sandbox.service.urls
        async with watching(urls, "binance", "--sandbox", "--json") as seen:
            await seen.record(lambda r: r["type"] == "status" and r["state"] == "live")
            await market.place("binance", **market_sell())
            await seen.record(lambda r: r.get("event", {}).get("status") == "FILLED")
            await seen.record(lambda r: r.get("event", {}).get("type") == "account_update")
            await seen.stop()
        truth = await market.server.admin.get("/_sandbox/truth/alice?venue=binance")
    files = tmp_path / "truth", tmp_path / "log"
    files[0].write_text(truth.text)
    streamed = [line for line in seen.lines if '"origin":"rest"' not in line]
    files[1].write_text("\n".join(streamed))
    ended = await command("verify", *map(str, files), "--from-seq", "2", "--json")
    report = json.loads(ended.out)
    assert report["matched"] > 1
    assert report["invented"]["count"] == 0


@pytest.mark.parametrize("venue", ["binance", "mexc"])
async def test_a_server_proves_its_stream(venue: str) -> None:
    async with running() as server:
        urls = {name: f"{server.service.urls[name]}/{venue}" for name in ("rest", "stream")}
        arguments = (venue, "--api-key", "alicekey", "--extension", "--json", "--every", "0.2")
        async with watching(urls, *arguments) as seen:
            await seen.record(lambda r: r["type"] == "status" and r["state"] == "live")
            await server.publish()
            event = await seen.record(lambda r: r["type"] == "event")
            assert event["cursor"] is not None
            assert await seen.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("nyse", "--sandbox"), "allowed are bhex, binance, mexc, spacedex"),
        (("binance",), "there is no API key: set USERSTREAM_API_KEY, or name --api-key"),
        (("binance", "--sandbox", "--api-key", "x"), "the API key is read from USERSTREAM_API_KEY"),
        (
            ("bhex", "--sandbox", "--api-key", "alicekey", "--api-secret", "x"),
            "HTTP 401, code -1022; the API key is read from",
        ),
        (
            ("binance", "--sandbox", "--rest-url", "http://127.0.0.1:1", "--wait", "0.5"),
            "is the server running? (--rest-url, --wait)",
        ),
        (
            ("binance", "--sandbox", "--stream-url", "ws://127.0.0.1:1", "--wait", "1"),
            "is the address of the streams right? (--stream-url, --wait)",
        ),
        (("binance", "--sandbox", "--stream-url", "http://x"), "is no base URL"),
    ],
)
async def test_what_cannot_be_watched_is_one_line(arguments: tuple[str, ...], why: str) -> None:
    async with bots() as market:
        urls = market.sandbox.service.urls
        env = {"USERSTREAM_REST_URL": urls["rest"], "USERSTREAM_STREAM_URL": urls["stream"]}
        ended = await command("watch", *arguments, env=env)
    assert ended.code == 1
    assert why in ended.why
    assert "\n" not in ended.why


async def test_a_secret_that_is_wrong_is_said_where_only_repairs_need_it() -> None:
    async with bots() as market:
        urls = market.sandbox.service.urls
        stream = UserStream(
            "binance", key="alicekey", secret="x", rest_url=f"{urls['rest']}/binance",
            stream_url=f"{urls['stream']}/binance", bounds=HASTY, states=True,
        )  # fmt: skip
        watch = Watching(stream, Board("binance", "", 0), AsLines(60), 1.5)
        with pytest.raises(NotLive, match=r"blind: .* code -1022; is the API secret right\?"):
            await watch.run(asyncio.Event().wait)


async def test_who_reads_no_more_ends_it_without_a_word() -> None:
    async with bots() as market:
        urls = market.sandbox.service.urls
        async with watching(urls, "binance", "--sandbox", "--json", "--every", "0.1") as seen:
            await seen.record(lambda r: r["type"] == "status")
            seen.process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
            assert await asyncio.wait_for(seen.process.wait(), 20) == 1


async def test_help_has_a_line_to_paste() -> None:
    ended = await command("watch", "--help")
    assert "userstream watch binance --sandbox" in ended.out
    assert "alicesecret" not in ended.out
