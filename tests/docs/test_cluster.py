"""The files on the page on clusters are what their programs take."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.x509 import DNSName, load_pem_x509_certificate
from cryptography.x509.verification import PolicyBuilder, Store

from tests.docs.cluster import BIN, PASSWORDS, block, machines, replaced
from tests.server.nats.servers import BINARY
from userstream.server.settings import key_secret_file, load_settings, on_nats


def test_nats_takes_its_configuration(tmp_path: Path) -> None:
    for node in machines(tmp_path).nodes.nodes:
        config = node.folder / "nats.conf"
        config.write_text(node.options)
        ended = subprocess.run(
            [BINARY, "-t", "-c", config], env=PASSWORDS, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr


def test_the_certificates_are_of_servers_and_clients_on_each_machine(tmp_path: Path) -> None:
    ended = subprocess.run(
        ["bash", "-e", "-c", block("bash", "certificates")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    names = [f"nats{n}.internal" for n in (1, 2, 3)]
    routes = re.findall(r"tls://([a-z0-9.]+):6222", block("conf"))
    assert routes == names
    store = Store([load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())])
    for n, name in enumerate(names, 1):
        cert = load_pem_x509_certificate((tmp_path / f"nats{n}.pem").read_bytes())
        PolicyBuilder().store(store).build_server_verifier(DNSName(name)).verify(cert, [])
        PolicyBuilder().store(store).build_client_verifier().verify(cert, [])
        assert (tmp_path / f"nats{n}.key").stat().st_mode & 0o077 == 0


def test_both_settings_are_of_nodes_on_that_nats(tmp_path: Path) -> None:
    at = machines(tmp_path)
    edge, front = (load_settings(at.settings(name), {}, {}) for name in ("edge.toml", "front.toml"))
    assert {*edge.roles, *front.roles} == {"stream", "rest", "writer"}
    assert edge.nats == front.nats
    assert on_nats(edge)
    assert key_secret_file(edge) == key_secret_file(front) == tmp_path / "userstream" / "keys"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("name", ["nats.service", "userstream@.service"])
def test_systemd_takes_the_units(name: str, tmp_path: Path) -> None:
    code = replaced(block("ini", name), ("/opt/userstream/bin/", f"{BIN}/"))
    if "EnvironmentFile" in code:
        (tmp_path / "passwords").touch()
        code = replaced(code, ("/etc/nats/passwords", str(tmp_path / "passwords")))
    unit = tmp_path / name.replace("@.", "@edge.")
    unit.write_text(code)
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    # It says what it does not know, and succeeds: then our unit is named.
    assert unit.name not in ended.stderr, ended.stderr


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="no haproxy here")
def test_the_balancer_takes_its_configuration(tmp_path: Path) -> None:
    config = machines(tmp_path).balancer()
    ended = subprocess.run(
        ["haproxy", "-c", "-f", config], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
