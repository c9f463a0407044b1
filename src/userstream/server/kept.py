"""Listen keys and accounts, which belong together: revoking an API key ends listen keys."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from userstream.core.listenkeys import KeyTable
from userstream.core.tokens import Minter
from userstream.server.accounts import AccountTable, Registry
from userstream.server.accountstore import Accounts
from userstream.server.clock import Clock
from userstream.server.committer import Committer
from userstream.server.folder import Folder
from userstream.server.keys import ListenKeys
from userstream.server.keystore import KeyStore
from userstream.venue import KeyPolicy


class Kept(NamedTuple):
    """Both, wherever they are kept."""

    keys: ListenKeys
    accounts: Registry


@contextlib.contextmanager
def kept_in(
    folder: Folder,
    committer: Committer,
    policies: Mapping[str, KeyPolicy],
    clock: Clock,
    reserved: Collection[str] = (),
) -> Iterator[Kept]:
    """Both in the store of this process. Keys expire until the block ends."""
    table = KeyTable(Minter(folder.secret), policies, folder.listen_keys())
    keys = KeyStore(table, committer, clock)
    known = AccountTable(folder.secret, folder.accounts(), reserved)
    keys.start()
    try:
        yield Kept(keys, Accounts(known, committer, keys.revoke_with))
    finally:
        keys.stop()
