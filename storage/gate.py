"""What stands between a claim and a send: the halt flags and the sealed keys, as Protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Gate(Protocol):
    """The halt flags, read after the write-ahead and immediately before a send."""

    def closed_by(self, *, venue: str, user_id: str, agent_id: str) -> str:
        """Return why opening orders may not leave, '' when they may. Unreadable means closed."""

    def switched_off(self) -> str:
        """Return that the kill-switch file closes the gate, '' when it does not; a desk reads the halts by itself."""


class Vault(Protocol):
    """Opens sealed keys; each use is audited."""

    def key(self, signer_id: str) -> SealedKey:
        """Read a signer's sealed key."""

    def key_of(self, account_id: str) -> SealedKey:
        """Read the sealed key in use of an account; raises Misconfigured(signer_missing)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A signer's key as it rests."""

    signer_id: str
    user_id: str
    address: str
    ciphertext: bytes
    key_id: str
    account_address: str = ""
