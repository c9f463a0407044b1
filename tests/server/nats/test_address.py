"""How a process proves who it is, and what is said where it is not let in."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.server.nats.servers import Nodes, one_node, running
from tests.server.nats.test_link import NONE, linked, works
from userstream.errors import InvalidSettings, StoreUnavailable
from userstream.server.nats.address import NatsSettings, read_address, shown
from userstream.server.nats.bucket import Bucket


async def test_users_passwords_and_tokens_open_the_door(tmp_path: Path) -> None:
    login = 'authorization { users: [{user: "us", password: "p@ss:word"}] }'
    with running(one_node(tmp_path / "user", login)) as nodes:
        host = nodes.url[7:]
        async with linked(f"nats://us:p%40ss%3Aword@{host}") as link:
            assert await works(link)
        for wrong in ("nats://us:other@", "nats://"):
            why = "Authorization Violation: no such user and password as bus has"
            with pytest.raises(InvalidSettings, match=why) as refused:
                async with linked(wrong + host):
                    pass
            assert "other" not in str(refused.value)
    with running(one_node(tmp_path / "token", 'authorization { token: "t0k" }')) as nodes:
        async with linked(f"nats://t0k@{nodes.url[7:]}") as link:
            assert await works(link)
    address = read_address("nats://us:secret@a,b:1", NONE)
    assert repr(address) == "<Address a:4222,b:1>"


async def test_tls_is_spoken_and_certificates_are_checked(tmp_path: Path) -> None:
    ca, other = trustme.CA(), trustme.CA()
    cert = ca.issue_cert("127.0.0.1")
    cert.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    other.cert_pem.write_to_path(tmp_path / "other.pem")
    pem = tmp_path / "server.pem"
    options = (
        f'tls {{ cert_file: "{pem}", key_file: "{pem}", ca_file: "{tmp_path}/ca.pem", '
        "verify: true }"
    )
    mine = str(pem)
    with running(one_node(tmp_path / "tls", options)) as nodes:
        url = f"tls://{nodes.url[7:]}"
        known = NatsSettings(ca=str(tmp_path / "ca.pem"), cert=mine, key=mine)
        async with linked(url, known) as link:
            assert await works(link)
        with pytest.raises(InvalidSettings, match="asks for TLS"):
            async with linked(nodes.url):
                pass
        wrong = NatsSettings(ca=str(tmp_path / "other.pem"), cert=mine, key=mine)
        with pytest.raises(StoreUnavailable, match=r"verify failed: .*; nats\.ca names"):
            async with linked(url, wrong, within_s=0.5):
                pass


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
    return crc & 0xFFFF


def _nkey(prefix: bytes, raw: bytes) -> str:
    body = prefix + raw
    return base64.b32encode(body + _crc16(body).to_bytes(2, "little")).decode().rstrip("=")


async def test_a_credentials_file_proves_who_it_is(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    seed = _nkey(bytes([0x90 | 0x05, 0x00]), private.private_bytes_raw())  # SU…
    file = tmp_path / "user.creds"
    file.write_text(
        "-----BEGIN NATS USER JWT-----\nab-c.d_ef.gh\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    address = read_address("nats://a", NatsSettings(credentials=str(file)))
    proof = address.proof("nonce")
    assert proof["jwt"] == "ab-c.d_ef.gh"
    signature = base64.urlsafe_b64decode(proof["sig"] + "==")
    private.public_key().verify(signature, b"nonce")
    assert seed not in repr(address)
    file.write_text("nothing")
    with pytest.raises(InvalidSettings, match="does not hold a JWT and a seed"):
        read_address("nats://a", NatsSettings(credentials=str(file)))


@pytest.mark.parametrize(
    ("info", "why"),
    [
        (b'{"version":"2.11.9","jetstream":true,"headers":true}', "version 2.11.9; at least 2.12"),
        (b'{"version":"2.15.1","headers":true}', "JetStream is off"),
    ],
)
async def test_a_server_that_cannot_do_it_is_refused(info: bytes, why: str) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO " + info + b"\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(InvalidSettings, match=why):
            async with linked(f"nats://127.0.0.1:{port}"):
                pass


def test_ssl_is_not_asked_for_without_a_reason() -> None:
    assert read_address("nats://a", NONE).tls is None
    assert isinstance(read_address("tls://a", NONE).tls, ssl.SSLContext)


@pytest.mark.parametrize(
    ("bus", "text"),
    [
        ("tls://us:pw@a,b:1", "tls://a,b:1"),
        ("nats://t0k@a", "nats://a"),
        ("nats://us:p@w@a", "nats://a"),
        ("us:pw@a", "a"),
        ("nats://a", "nats://a"),
        ("file:/data/us@a", "file:/data/us@a"),
        ("memory:", "memory:"),
    ],
)
def test_a_bus_is_shown_without_a_password(bus: str, text: str) -> None:
    assert shown(bus) == text


async def test_a_stream_for_which_there_are_too_few_servers_names_the_setting(
    nats_node: Nodes,
) -> None:
    async with linked(nats_node.url) as link:
        settings = NatsSettings(prefix="few", replicas=5)
        with pytest.raises(InvalidSettings, match=r"nats\.replicas = 5 servers with \d+ bytes"):
            await Bucket(link, settings, 2.0).make()
