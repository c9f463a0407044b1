"""Accounts: which API key belongs to whom. API keys are stored as keyed hashes, secrets sealed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable
from typing import NamedTuple, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from userstream.core.publishing import RESERVED
from userstream.core.rest import Credentials, Identity
from userstream.core.signing import is_signed
from userstream.errors import InvalidSettings, StoreDamaged
from userstream.events import ACCOUNT
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


class AccountTable:
    """The accounts as one node knows them: who has which API key, and what a change makes of it."""

    def __init__(
        self,
        secret: bytes,
        records: Iterable[AccountRecord] = (),
        reserved: Collection[str] = (),
    ) -> None:
        self._reserved = frozenset(reserved)
        self._hash_key = hmac.digest(secret, b"userstream api key hash", hashlib.sha256)
        self._seal = AESGCM(hmac.digest(secret, b"userstream api secret seal", hashlib.sha256))
        self._records: dict[str, AccountRecord] = {}
        self._by_hash: dict[str, tuple[str, ApiKey]] = {}
        for record in records:
            self.put(record)

    def listed(self) -> list[AccountRecord]:
        """Every account, by name."""
        return [self._records[name] for name in sorted(self._records)]

    def at(self, name: str) -> AccountRecord | None:
        """The record of an account."""
        return self._records.get(name)

    def put(self, record: AccountRecord) -> None:
        """Takes a record as it is stored."""
        before = self._records.get(record.name)
        for key in before.api_keys if before else ():
            if self.owner(key) == record.name:
                del self._by_hash[key.hash]
        self._records[record.name] = record
        for key in record.api_keys:
            self._by_hash.setdefault(key.hash, (record.name, key))

    def owner(self, key: ApiKey) -> str | None:
        """The account that an API key belongs to: the first that it was given to."""
        found = self._by_hash.get(key.hash)
        return None if found is None else found[0]

    def key(self, name: str, api_key: str, api_secret: str | None) -> ApiKey:
        """A new API key of an account as it is stored.

        Raises:
            InvalidSettings: the name or key is not allowed.
        """
        if ACCOUNT.fullmatch(name) is None:
            raise InvalidSettings(f"account is {name[:70]!r}; allowed is {ACCOUNT.pattern}")
        if name in self._reserved or name.startswith(RESERVED):
            raise InvalidSettings(
                f"account is {name!r}, a name of the exchange itself; take another"
            )
        for what, value in (("API key", api_key), ("API secret", api_secret or "x")):
            if not (1 <= len(value) <= 128 and value.isascii() and value.isprintable()):
                raise InvalidSettings(f"an {what} is 1 to 128 printable ASCII characters")
        digest = self._hash(api_key)
        return ApiKey(digest, self._sealed(api_secret, digest) if api_secret else None)

    def with_key(self, name: str, key: ApiKey) -> AccountRecord:
        """The account's record with that API key.

        Raises:
            InvalidSettings: the key is another account's.
        """
        if self.owner(key) not in {None, name}:
            raise InvalidSettings("this API key belongs to another account")
        record = self._records.get(name, AccountRecord(name))
        others = tuple(k for k in record.api_keys if k.hash != key.hash)
        return msgspec.structs.replace(record, api_keys=(*others, key))

    def without(self, name: str, fingerprint: str | None) -> tuple[AccountRecord, list[ApiKey]]:
        """The account's record without that API key, or any, and the keys that are gone.

        Raises:
            InvalidSettings: no such account or key.
        """
        record = self._records.get(name)
        if record is None:
            raise InvalidSettings(f"there is no account {name[:70]!r}")
        gone = [k for k in record.api_keys if fingerprint in {None, k.fingerprint}]
        if not gone:
            which = "" if fingerprint is None else f" {fingerprint[:20]!r}"
            raise InvalidSettings(f"account {name} has no API key{which}")
        left = tuple(k for k in record.api_keys if k not in gone)
        return msgspec.structs.replace(record, api_keys=left), gone

    def verify(self, credentials: Credentials) -> Identity | Refusal:
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
