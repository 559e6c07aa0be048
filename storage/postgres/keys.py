"""Agent keys as they rest: sealed, bound to user and row, each reading counted."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.errors import Misconfigured, Refused
from storage.access import Sealer
from storage.gate import SealedKey
from storage.postgres.accounts import canonical_address
from storage.postgres.engine import transaction
from storage.postgres.tables import accounts, signers
from storage.records import SignerRecord

# Losing a count in a crash is allowed, so nobody waits for the disk.
_NO_WAIT = text("set local synchronous_commit = off")
_COUNT = text(
    "insert into key_uses (signer_id, hour, uses, last_at) values (:id, date_trunc('hour', now()), 1, now())"
    " on conflict (signer_id, hour) do update set uses = key_uses.uses + 1, last_at = now()"
)


class PostgresSignerBook:
    """Agent keys; a `SignerBook`, and the journal's `Vault`."""

    def __init__(self, engine: Engine, sealer: Sealer) -> None:
        self._engine = engine
        self._sealer = sealer

    def add(
        self, account_id: str, *, address: str, secret: str, name: str = "", valid_until: datetime | None = None
    ) -> SignerRecord:
        """Seal and store a key, retiring the ones before; raises Refused(signer_used) for a known address."""
        signer_id = str(uuid.uuid4())
        with transaction(self._engine) as connection:
            owner = connection.scalar(select(accounts.c.user_id).where(accounts.c.id == account_id).with_for_update())
            if owner is None:
                raise Refused(
                    "account_unknown", "There is no such account.", action="List them with `holdfast account`."
                )
            sealed = self._sealer.seal(owner, signer_id, secret.encode())
            values = {
                "id": signer_id,
                "account_id": account_id,
                # An API key is told apart by its case, an address is not.
                "address": canonical_address(address),
                "name": name,
                "sealed_key": sealed,
                "key_id": self._sealer.key_id(sealed),
                "valid_until": valid_until,
            }
            mine = (signers.c.account_id == account_id, signers.c.retired_at.is_(None))
            connection.execute(update(signers).where(*mine).values(retired_at=func.now()))
            made = connection.execute(upsert(signers).values(values).on_conflict_do_nothing()).rowcount
            if made == 0:
                signer_id = self._revive(connection, values, owner, secret)
            return _signer(connection.execute(_select().where(signers.c.id == signer_id)).one())

    def _revive(self, connection: Connection, values: dict[str, Any], owner: str, secret: str) -> str:
        """Take an API key of the same account into use again; an agent's address never is.

        A venue forgets the nonces of a removed agent, so an old signature of its address could run again. The requests of an API
        key die with their windows.
        """
        mine = (signers.c.account_id == values["account_id"], signers.c.address == values["address"])
        known = None if values["address"].startswith("0x") else connection.scalar(select(signers.c.id).where(*mine))
        if known is None:
            raise Refused("signer_used", "This key was used before.", action="Make a new one at the venue.")
        sealed = self._sealer.seal(owner, known, secret.encode())
        changes = {"sealed_key": sealed, "key_id": self._sealer.key_id(sealed), "retired_at": None}
        kept = {name: values[name] for name in ("name", "valid_until")}
        connection.execute(update(signers).where(signers.c.id == known).values({**kept, **changes}))
        return str(known)

    def signers(self, user_id: str, account_id: str) -> tuple[SignerRecord, ...]:
        """List the keys of an account, newest first."""
        statement = _select().where(accounts.c.user_id == user_id, accounts.c.id == account_id)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement.order_by(signers.c.created_at.desc())).all()
        return tuple(_signer(row) for row in rows)

    def expiring(self, before: datetime) -> tuple[SignerRecord, ...]:
        """List keys in use that expire before an instant."""
        statement = _select().where(signers.c.retired_at.is_(None), signers.c.valid_until < before)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement.order_by(signers.c.valid_until)).all()
        return tuple(_signer(row) for row in rows)

    def renew(self, signer_id: str, valid_until: datetime | None) -> None:
        """Remember until when the venue accepts a key."""
        with transaction(self._engine) as connection:
            connection.execute(update(signers).where(signers.c.id == signer_id).values(valid_until=valid_until))

    def retire(self, user_id: str, signer_id: str) -> bool:
        """Never use a key again."""
        of_user = select(accounts.c.id).where(accounts.c.user_id == user_id)
        mine = (signers.c.id == signer_id, signers.c.retired_at.is_(None), signers.c.account_id.in_(of_user))
        with transaction(self._engine) as connection:
            return connection.execute(update(signers).where(*mine).values(retired_at=func.now())).rowcount == 1

    def key(self, signer_id: str) -> SealedKey:
        """Read a signer's sealed key and count the reading; raises Misconfigured(signer_missing)."""
        with transaction(self._engine) as connection:
            connection.execute(_NO_WAIT)
            row = connection.execute(_select().where(signers.c.id == signer_id)).one_or_none()
            if row is None or row.retired_at is not None:
                raise Misconfigured(
                    "signer_missing", "The agent key is gone or retired.", action="Add one with `holdfast account`."
                )
            connection.execute(_COUNT, {"id": signer_id})
        return _sealed(row)

    def key_of(self, account_id: str) -> SealedKey:
        """Read the sealed key in use of an account and count the reading; raises Misconfigured(signer_missing)."""
        return self._live(accounts.c.id == account_id)

    def key_at(self, venue: str, network: str, address: str) -> SealedKey:
        """Read the sealed key in use of the account at an address and count the reading."""
        place = (accounts.c.venue == venue, accounts.c.network == network)
        return self._live(*place, accounts.c.address == canonical_address(address))

    def _live(self, *conditions: ColumnElement[bool]) -> SealedKey:
        statement = _select().where(*conditions, signers.c.retired_at.is_(None))
        with transaction(self._engine) as connection:
            connection.execute(_NO_WAIT)
            row = connection.execute(statement.order_by(signers.c.created_at.desc()).limit(1)).one_or_none()
            if row is None:
                raise Misconfigured(
                    "signer_missing", "The account has no key.", action="Add one with `holdfast account key`."
                )
            connection.execute(_COUNT, {"id": row.id})
        return _sealed(row)


def _select() -> Select[Any]:
    columns = (accounts.c.user_id, accounts.c.address.label("account_address"))
    return select(signers, *columns).join(accounts, accounts.c.id == signers.c.account_id)


def _sealed(row: Row[Any]) -> SealedKey:
    return SealedKey(
        signer_id=row.id,
        user_id=row.user_id,
        address=row.address,
        ciphertext=bytes(row.sealed_key),
        key_id=row.key_id,
        account_address=row.account_address,
    )


def _signer(row: Row[Any]) -> SignerRecord:
    return SignerRecord(
        signer_id=row.id,
        account_id=row.account_id,
        user_id=row.user_id,
        address=row.address,
        name=row.name,
        created_at=row.created_at,
        valid_until=row.valid_until,
        retired_at=row.retired_at,
    )
