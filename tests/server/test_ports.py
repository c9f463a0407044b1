"""The ports of a server, from the moment at which they can be dialled."""

from __future__ import annotations

import contextlib
import socket

import pytest

from tests.server.running import TOKEN
from userstream.core.limits import Limits
from userstream.errors import InvalidSettings
from userstream.server.ports import bound
from userstream.server.settings import Settings

_FREE = dict.fromkeys(("rest", "stream", "admin"), "127.0.0.1:0")


def settings(**values: str) -> Settings:
    given = _FREE | {"bus": "memory:", "venue": "binance", "admin_token": TOKEN} | values
    return Settings(limits=Limits(send_buffer_bytes=8_192), **given)  # type: ignore[arg-type]


def test_a_stream_that_is_dialled_while_the_server_starts_is_bounded_too() -> None:
    with contextlib.ExitStack() as exits:
        listening = bound(exits, settings())["stream"]
        exits.enter_context(socket.create_connection(listening.getsockname()))
        listening.setblocking(True)
        accepted, _ = listening.accept()
        exits.callback(accepted.close)
        # The kernel counts its own bookkeeping, as much again.
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * 8_192
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_a_port_that_is_taken_is_named() -> None:
    with contextlib.ExitStack() as exits:
        host, port = bound(exits, settings())["stream"].getsockname()
        with pytest.raises(InvalidSettings, match=f"stream cannot listen on {host}:{port}: "):
            bound(exits, settings(stream=f"{host}:{port}"))
