"""Opens signing keys: in clear only inside the activity that signs, and never kept."""

from __future__ import annotations

from typing import Protocol

from storage.gate import SealedKey, Vault
from storage.journal import Signer
from venues.base import SigningKey


class Opener(Protocol):
    """Opens what the key service sealed; the user and the row are bound into the ciphertext."""

    def open(self, user_id: str, row: str, sealed: bytes) -> bytes:
        """Return the plaintext; raises when user, row or key do not fit."""


class KeyRing:
    """Turns a signer into a signing key. Sealed keys are kept in memory, opened ones are not."""

    def __init__(self, vault: Vault, opener: Opener) -> None:
        self._vault = vault
        self._opener = opener
        self._sealed: dict[str, SealedKey] = {}
        self._ready: set[str] = set()

    def make_ready(self, account_id: str) -> None:
        """Read an account's sealed key before a transaction asks for it, since that would need a second connection."""
        if account_id not in self._ready:
            sealed = self._vault.key_of(account_id)
            self._sealed[sealed.signer_id] = sealed
            self._ready.add(account_id)

    def open(self, signer: Signer) -> SigningKey:
        """Open the key of a signer."""
        sealed = self._sealed.get(signer.signer_id)
        if sealed is None:
            sealed = self._sealed[signer.signer_id] = self._vault.key(signer.signer_id)
        return opened(sealed, self._opener)


def opened(sealed: SealedKey, opener: Opener) -> SigningKey:
    """Open a sealed key; a wallet's names the account that it signs for."""
    secret = opener.open(sealed.user_id, sealed.signer_id, sealed.ciphertext).decode()
    master = sealed.account_address if sealed.account_address.startswith("0x") else ""
    return SigningKey(address=sealed.address, secret=secret, master=master)
