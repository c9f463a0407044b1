"""All three listeners over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from tests.server.running import Running, rest_of, running, take, until
from tests.server.wire import dial
from tests.venues.orders import ORDER
from userstream.client.publisher import Publisher, line
from userstream.core.limits import Limits
from userstream.errors import InvalidSettings
from userstream.venues import names


class Papers(NamedTuple):
    """A certificate for 127.0.0.1, and who trusts it."""

    cert: str
    key: str
    ca: str
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    cert, key, ca = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    return Papers(str(cert), str(key), str(ca), ssl.create_default_context(cafile=ca))


def secure(
    papers: Papers, limits: Limits | None = None
) -> contextlib.AbstractAsyncContextManager[Running]:
    return running(tls_cert=papers.cert, tls_key=papers.key, ca=papers.context, limits=limits)


async def test_keys_streams_and_publishing_work_over_tls_on_every_venue(papers: Papers) -> None:
    async with secure(papers) as server, contextlib.AsyncExitStack() as exits:
        assert [u.partition("://")[0] for u in server.service.urls.values()] == [
            "https", "wss", "https",
        ]  # fmt: skip
        sockets = [(v, await exits.enter_async_context(server.stream(v))) for v in names()]
        answer = await server.publish()
        for venue, socket in sockets:
            expected = server.frames(venue, "alice", answer)
            assert await take(socket, len(expected)) == expected
        await server.admin.delete("/_accounts/alice")
        for _, socket in sockets:
            assert (await rest_of(socket))[1] == 1008


async def test_the_publisher_takes_a_file_of_authorities(papers: Papers) -> None:
    async with (
        secure(papers) as server,
        Publisher(
            server.service.urls["admin"], token="admin-token-of-the-tests", verify=papers.ca
        ) as publisher,
    ):
        (answer,) = await publisher.send([line("alice", ORDER, source="me", n=1)])
        assert answer.seq == 1


@pytest.mark.parametrize("listener", ["rest", "stream", "admin"])
@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"])
async def test_half_a_tls_handshake_is_dropped_in_time(
    papers: Papers, listener: str, sent: bytes
) -> None:
    async with (
        secure(papers, Limits(handshake_s=0.2)) as server,
        dial(server.service.urls[listener].replace("s://", "://")) as wire,
    ):
        began = time.monotonic()
        await wire.send(sent)
        await wire.rest(3)
        assert time.monotonic() - began < 2


async def test_a_refused_handshake_over_tls_is_answered_and_closed(papers: Papers) -> None:
    async with secure(papers) as server:
        async with dial(server.service.urls["stream"], papers.context) as wire:
            await wire.send(b"POST /ws HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")
        await until(lambda: server.service.edge.sockets == 0)


async def test_a_certificate_that_cannot_be_used_is_said_at_the_start(
    papers: Papers, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    for cert in (str(broken), str(tmp_path / "missing.pem")):
        with pytest.raises(InvalidSettings, match="tls_cert and tls_key cannot be used"):
            async with running(tls_cert=cert, tls_key=papers.key):
                pass


@pytest.mark.plain_loop
async def test_tls_on_asyncios_own_loop(papers: Papers) -> None:
    async with secure(papers) as server, server.stream("binance") as socket:
        await server.publish()
        assert await take(socket, 1)
        await asyncio.sleep(0)
