"""Who may do what, and the traces of it, as Protocols: users, keys, settings, idempotency and the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from domain.halts import HaltScope
from storage.records import (
    ApiKey,
    AuditEntry,
    AuditVerdict,
    Caller,
    IssuedKey,
    Page,
    Scope,
    SignerRecord,
    StoredAnswer,
    User,
)


class Sealer(Protocol):
    """Seals secrets; user and row are bound into the ciphertext."""

    def seal(self, user_id: str, row: str, plaintext: bytes) -> bytes:
        """Return the ciphertext."""

    def open(self, user_id: str, row: str, sealed: bytes) -> bytes:
        """Return the plaintext; raises when user, row or key do not fit."""

    def key_id(self, sealed: bytes) -> str:
        """Name the master key that a ciphertext needs."""


class Users(Protocol):
    """Users and their API keys."""

    def add(self, name: str, *, email: str = "", is_admin: bool = False) -> User:
        """Add a user; raises Refused(user_exists)."""

    def user(self, user_id: str) -> User | None:
        """Read a user."""

    def named(self, name: str) -> User | None:
        """Find a user by name."""

    def users(self, *, cursor: str = "", limit: int = 50) -> Page[User]:
        """List users, newest first."""

    def disable(self, user_id: str) -> bool:
        """Refuse every key of a user from now on; False when it was so already."""

    def issue(self, user_id: str, *, name: str = "", scopes: tuple[Scope, ...] = (Scope.TRADE,)) -> IssuedKey:
        """Make an API key; its secret is in the answer and nowhere else."""

    def authenticate(self, secret: str) -> Caller | None:
        """Find who a key belongs to; None for a wrong, revoked or disabled one."""

    def revoke(self, user_id: str, key_id: str) -> bool:
        """Revoke a key of a user; False when there was none to revoke."""

    def api_keys(self, user_id: str) -> tuple[ApiKey, ...]:
        """List a user's keys, newest first."""


class SignerBook(Protocol):
    """Agent keys: sealed here, opened by the activity that signs."""

    def add(
        self, account_id: str, *, address: str, secret: str, name: str = "", valid_until: datetime | None = None
    ) -> SignerRecord:
        """Seal and store a key, retiring the ones before; raises Refused(signer_used) for a known address."""

    def signers(self, user_id: str, account_id: str) -> tuple[SignerRecord, ...]:
        """List the keys of an account, newest first."""

    def expiring(self, before: datetime) -> tuple[SignerRecord, ...]:
        """List keys in use that expire before an instant."""

    def renew(self, signer_id: str, valid_until: datetime | None) -> None:
        """Remember until when the venue accepts a key."""

    def retire(self, user_id: str, signer_id: str) -> bool:
        """Never use a key again."""


class Names(Protocol):
    """Who is meant by an id or a name, over all users."""

    def ids(self, scope: HaltScope, text: str) -> tuple[str, ...]:
        """Find the users or agents with an id, or else those with a name; a venue and the platform are their own."""


class Audit(Protocol):
    """The audit log."""

    def append(self, actor: str, action: str, object_: str, body: Mapping[str, str] | None = None) -> AuditEntry:
        """Append an act, chained to the one before."""

    def entries(self, *, object_: str = "", cursor: str = "", limit: int = 50) -> Page[AuditEntry]:
        """List acts, newest first."""

    def verify(self) -> AuditVerdict:
        """Walk the whole chain."""


class Idempotency(Protocol):
    """Answers by idempotency key."""

    def claim(self, user_id: str, key: str, request_hash: str) -> StoredAnswer | None:
        """Return the stored answer, or None when the request is the caller's to carry out.

        Raises Refused: idempotency_mismatch (other request), idempotency_in_progress.
        """

    def finish(self, user_id: str, key: str, status: int, body: object) -> None:
        """Store the answer."""

    def abandon(self, user_id: str, key: str) -> None:
        """Let the request be tried again (it had no effect)."""

    def prune(self, before: datetime) -> int:
        """Forget old answers; returns how many."""


class UserSettings(Protocol):
    """Settings of users."""

    def read(self, user_id: str) -> dict[str, object]:
        """All settings of a user."""

    def put(self, user_id: str, values: Mapping[str, object]) -> None:
        """Set some."""

    def delete(self, user_id: str, key: str = "") -> int:
        """Forget one, or all; returns how many there were."""
