"""What every store of listen keys and accounts does, on three nodes of NATS: the same tests."""

from __future__ import annotations

from tests.server.keystores import test_accounts, test_listen_keys

for _module in (test_accounts, test_listen_keys):
    globals().update({n: t for n, t in vars(_module).items() if n.startswith("test_")})
