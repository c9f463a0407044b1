"""Accounts: which API key belongs to whom. API keys are stored as keyed hashes, secrets sealed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from userstream.core.rest import Credentials, Identity
from userstream.core.signing import is_signed
from userstream.errors import InvalidSettings, StoreDamaged, StoreError
from userstream.events import ACCOUNT
from userstream.server.committer import Committer
from userstream.server.records import account_key, encode
from userstream.venue import Refusal

_NONCE_BYTES = 12


class ApiKey(msgspec.Struct, frozen=True):
    """One API key as it is stored."""

    hash: str
    """HMAC-SHA256 of the API key under the server's secret, in hex."""
    sealed_secret: str | None = None
    """The API secret, sealed with AES-GCM; absent for an account that is known by key only."""

    @property
    def fingerprint(self) -> str:
        """What stands for the key in records, logs and lists."""
        return self.hash[:12]


class AccountRecord(msgspec.Struct, frozen=True):
    """One account and its API keys, the oldest first."""

    name: str
    api_keys: tuple[ApiKey, ...] = ()
    v: int = 1


class Revoked(NamedTuple):
    """Fingerprints of the API keys that were taken back, and how many listen keys ended."""

    api_keys: list[str]
    listen_keys: int


EndKeys = Callable[[Sequence[str], tuple[bytes, bytes]], Awaitable[int]]
"""Ends the listen keys of API keys and stores that, together with one more record."""


class Verifier(Protocol):
    """Who knows API keys: this server's own accounts, or an exchange's own system."""

    async def verify(self, credentials: Credentials) -> Identity | Refusal:
        """The account of these credentials, or why there is none.

        A signature that is given is checked; ``signature_required`` says that it must be
        checkable. May take time; cancellation has no effect on the account.
        """
        ...


class Registry(Verifier, Protocol):
    """The server's own accounts, wherever they are kept."""

    def listed(self) -> list[AccountRecord]:
        """Every account, by name."""
        ...

    async def add(self, name: str, api_key: str, api_secret: str | None) -> ApiKey:
        """Gives an account an API key; without a secret it is known by the key alone.

        Raises:
            InvalidSettings: the name or key is not allowed, or the key is another account's.
            StoreError: nothing was stored.
        """
        ...

    async def revoke(self, name: str, fingerprint: str | None) -> Revoked:
        """Takes back one API key of an account, or all, with the listen keys that they were given.

        They are refused from now on, by every node within a second.

        Raises:
            InvalidSettings: no such account or key.
            StoreError: it may not hold: revoke again. Streams may have ended all the same.
        """
        ...


class Accounts:
    """The accounts of one process, and their verifier."""

    def __init__(
        self,
        secret: bytes,
        committer: Committer,
        end_keys: EndKeys,
        records: Iterable[AccountRecord] = (),
        reserved: Collection[str] = (),
    ) -> None:
        self._reserved = frozenset(reserved)
        self._hash_key = hmac.digest(secret, b"userstream api key hash", hashlib.sha256)
        self._seal = AESGCM(hmac.digest(secret, b"userstream api secret seal", hashlib.sha256))
        self._committer = committer
        self._end_keys = end_keys
        # A change builds on what the one before it stored.
        self._changing = asyncio.Lock()
        self._records: dict[str, AccountRecord] = {}
        self._by_hash: dict[str, tuple[str, ApiKey]] = {}
        for record in records:
            self._put(record)

    def __len__(self) -> int:
        return len(self._records)

    def listed(self) -> list[AccountRecord]:
        """Every account, by name."""
        return [self._records[name] for name in sorted(self._records)]

    async def add(self, name: str, api_key: str, api_secret: str | None) -> ApiKey:
        """Gives an account an API key."""
        if ACCOUNT.fullmatch(name) is None:
            raise InvalidSettings(f"account is {name[:70]!r}; allowed is {ACCOUNT.pattern}")
        if name in self._reserved:
            raise InvalidSettings(
                f"account is {name!r}, a name of the exchange itself; take another"
            )
        for what, value in (("API key", api_key), ("API secret", api_secret or "x")):
            if not (1 <= len(value) <= 128 and value.isascii() and value.isprintable()):
                raise InvalidSettings(f"an {what} is 1 to 128 printable ASCII characters")
        digest = self._hash(api_key)
        key = ApiKey(digest, self._sealed(api_secret, digest) if api_secret else None)
        async with self._changing:
            owner = self._by_hash.get(digest)
            if owner is not None and owner[0] != name:
                raise InvalidSettings("this API key belongs to another account")
            record = self._records.get(name, AccountRecord(name))
            others = tuple(k for k in record.api_keys if k.hash != digest)
            await self._store(msgspec.structs.replace(record, api_keys=(*others, key)))
        return key

    async def revoke(self, name: str, fingerprint: str | None) -> Revoked:
        """Takes back one API key of an account, or all.

        API keys and listen keys are stored in one commit, so that no crash leaves a listen key
        of a revoked API key behind. Where it fails nothing was revoked.
        """
        async with self._changing:
            record = self._records.get(name)
            if record is None:
                raise InvalidSettings(f"there is no account {name[:70]!r}")
            gone = [k for k in record.api_keys if fingerprint in {None, k.fingerprint}]
            if not gone:
                raise InvalidSettings(f"account {name} has no API key {str(fingerprint)[:20]!r}")
            left = tuple(k for k in record.api_keys if k not in gone)
            after = msgspec.structs.replace(record, api_keys=left)
            fingerprints = [k.fingerprint for k in gone]
            self._put(after)
            try:
                ended = await self._end_keys(fingerprints, (account_key(name), encode(after)))
            except StoreError:
                self._put(record)
                raise
        return Revoked(fingerprints, ended)

    async def verify(self, credentials: Credentials) -> Identity | Refusal:
        """The account of an API key, its signature checked where there is one."""
        found = self._by_hash.get(self._hash(credentials.api_key))
        if found is None:
            return Refusal.API_KEY_REJECTED
        name, key = found
        if credentials.signature is not None and not self._is_signed(key, credentials):
            return Refusal.SIGNATURE
        return Identity(name, key.fingerprint)

    def _is_signed(self, key: ApiKey, credentials: Credentials) -> bool:
        if key.sealed_secret is None:  # nothing to check it with
            return not credentials.signature_required
        return is_signed(
            self._opened(key),
            credentials.message,
            credentials.signature or "",
            lower_case_only=credentials.lower_case_only,
        )

    async def _store(self, record: AccountRecord) -> None:
        await self._committer.write([(account_key(record.name), encode(record))])
        self._put(record)

    def _put(self, record: AccountRecord) -> None:
        before = self._records.get(record.name)
        for key in before.api_keys if before else ():
            self._by_hash.pop(key.hash, None)
        self._records[record.name] = record
        for key in record.api_keys:
            self._by_hash[key.hash] = (record.name, key)

    def _hash(self, api_key: str) -> str:
        return hmac.digest(self._hash_key, api_key.encode(), hashlib.sha256).hex()

    def _sealed(self, api_secret: str, digest: str) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return (nonce + self._seal.encrypt(nonce, api_secret.encode(), digest.encode())).hex()

    def _opened(self, key: ApiKey) -> str:
        data = bytes.fromhex(key.sealed_secret or "")
        nonce, sealed = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        try:
            return self._seal.decrypt(nonce, sealed, key.hash.encode()).decode()
        except (InvalidTag, ValueError):
            raise StoreDamaged(
                f"the secret of API key {key.fingerprint} does not open with this key secret"
            ) from None
