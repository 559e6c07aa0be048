"""Keys of accounts whose reads are signed: found by account, kept sealed for a while, opened for each call."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from sqlalchemy import Engine

from activities.keys import Opener, opened
from domain.accounts import AccountRef
from runtime.secrets import KeyRing, Vault
from storage.gate import SealedKey
from storage.postgres.keys import PostgresSignerBook
from venues.base import SigningKey

FRESH_SECONDS = 15.0
"""Age at which a sealed key is read again: a key that was replaced is used for reads no longer than that."""


class AccountKeys:
    """Implements `wiring.venues.Keys`. Safe to use from many threads."""

    def __init__(
        self,
        book: PostgresSignerBook,
        opener: Opener,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._book = book
        self._opener = opener
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._sealed: dict[tuple[str, ...], tuple[SealedKey, float]] = {}
        self._lock = Lock()

    def of_account(self, account: AccountRef) -> SigningKey:
        """Open the key in use of an account."""
        return self._open((account.account_id,), lambda: self._book.key_of(account.account_id))

    def of_address(self, venue: str, network: str, address: str) -> SigningKey:
        """Open the key in use of the account that has an address at a venue."""
        return self._open((venue, network, address), lambda: self._book.key_at(venue, network, address))

    def _open(self, name: tuple[str, ...], read: Callable[[], SealedKey]) -> SigningKey:
        with self._lock:
            known = self._sealed.get(name)
        if known is None or self._clock() - known[1] >= self._fresh_seconds:
            known = (read(), self._clock())
            with self._lock:
                self._sealed[name] = known
        return opened(known[0], self._opener)


def account_keys(engine: Engine, keys: KeyRing, *, fresh_seconds: float = FRESH_SECONDS) -> AccountKeys:
    """Find keys in a database."""
    sealer = Vault(keys)
    return AccountKeys(PostgresSignerBook(engine, sealer), sealer, fresh_seconds=fresh_seconds)
