"""The files of the page on clusters, with the addresses and paths of this machine in them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.docs.snippets import ROOT, fences
from tests.server.nats.servers import BINARY, Node, Nodes, free_ports

PAGE = ROOT / "docs" / "how-to" / "run-a-cluster.md"
PASSWORDS = {"NATS_USERSTREAM": "one-password", "NATS_OPERATOR": "another-password"}
TOKEN = "token-of-the-tests"
BIN = Path(sys.executable).parent


def block(language: str, name: str = "") -> str:
    """The page's one block of a language, or the one that names itself on its first line."""
    found = [f.code for f in fences(PAGE.read_text("utf-8")) if f.language == language]
    (code,) = [code for code in found if code.startswith(f"# {name}\n") or not name]
    return code


def replaced(code: str, *pairs: tuple[str, str]) -> str:
    """Code with parts of it replaced; each must be there."""
    for there, here in pairs:
        assert there in code, there
        code = code.replace(there, here)
    return code


class PageNode(Node):
    """A NATS node that has the page's configuration."""

    def launch(self) -> None:
        """Starts the process; it may not be ready yet."""
        config = self.folder / "nats.conf"
        config.write_text(self.options)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "-c", config], stdout=log, stderr=log, env=PASSWORDS,
                start_new_session=True,
            )  # fmt: skip


@dataclass
class Machines:
    """Three NATS nodes of the page, and settings of processes on them."""

    folder: Path
    nodes: Nodes
    ports: dict[str, int]
    """Of an edge and a front, as the page has them: 9443, 8082, 8080, 8081."""

    def settings(self, name: str) -> Path:
        """``edge.toml`` or ``front.toml``, written."""
        code = replaced(
            block("toml", name),
            ("/etc/", f"{self.folder}/"),
            ("PASSWORD", PASSWORDS["NATS_USERSTREAM"]),
            ("nats1.internal,nats2.internal,nats3.internal", self.hosts),
        )
        for port, here in self.ports.items():
            code = code.replace(f"10.0.0.1:{port}", f"127.0.0.1:{here}")
        assert "10.0.0.1" not in code
        file = self.folder / name
        file.write_text(code)
        return file

    @property
    def hosts(self) -> str:
        """Where the nodes are, as a bus setting has it."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes.nodes)

    def balancer(self) -> Path:
        """The balancer's configuration, written, with one machine in it."""
        code = block("haproxy")
        kept = [line for line in code.splitlines() if "10.0.0.2" not in line]
        code = "\n".join(line for line in kept if "10.0.0.3" not in line) + "\n"
        for port, here in self.ports.items():
            code = code.replace(f"10.0.0.1:{port}", f"127.0.0.1:{here}")
            code = code.replace(f"check port {port}", f"check port {here}")
        code = replaced(
            code,
            ("bind :443", f"bind 127.0.0.1:{self.ports['443']}"),
            ("bind :8443", f"bind 127.0.0.1:{self.ports['8443']}"),
            ("/etc/haproxy/site.pem", f"{self.folder / 'site.pem'}"),
        )
        file = self.folder / "haproxy.cfg"
        file.write_text(code)
        return file


def machines(folder: Path) -> Machines:
    """The page's files under a folder, with certificates, secrets and a token."""
    etc = folder / "nats"
    etc.mkdir()
    ours = folder / "userstream"
    ours.mkdir()
    ca = trustme.CA()
    cert = ca.issue_cert("127.0.0.1", "localhost")
    ca.cert_pem.write_to_path(etc / "ca.pem")
    cert.private_key_pem.write_to_path(etc / "node.key")
    cert.cert_chain_pems[0].write_to_path(etc / "node.pem")
    cert.private_key_and_cert_chain_pem.write_to_path(folder / "site.pem")
    (ours / "admin.token").write_text(TOKEN)
    clients, monitors, routes = (free_ports(3) for _ in range(3))
    nodes: list[Node] = []
    for i in range(3):
        own = folder / f"node{i + 1}"
        own.mkdir()
        pairs = [
            ("server_name: nats1", f"server_name: nats{i + 1}"),
            ("0.0.0.0:4222", f"127.0.0.1:{clients[i]}"),
            ("127.0.0.1:8222", f"127.0.0.1:{monitors[i]}"),
            ("0.0.0.0:6222", f"127.0.0.1:{routes[i]}"),
            ("/var/lib/nats", str(own / "store")),
            ("/etc/nats/", f"{etc}/"),
        ]
        pairs += [(f"nats{n + 1}.internal:6222", f"127.0.0.1:{routes[n]}") for n in range(3)]
        options = replaced(block("conf"), *pairs)
        nodes.append(PageNode(f"nats{i + 1}", own, clients[i], monitors[i], options))
    names = ("9443", "8082", "8080", "8081", "443", "8443")
    return Machines(folder, Nodes(nodes), dict(zip(names, free_ports(6), strict=True)))
