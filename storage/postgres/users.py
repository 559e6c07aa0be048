"""Users and API keys. A key is `hf_<prefix>_<secret>`; only its SHA-256 is kept, since 256 random bits need no slow hash."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.errors import Refused
from storage.postgres.engine import transaction
from storage.postgres.paging import page
from storage.postgres.tables import api_keys, users
from storage.records import ApiKey, Caller, IssuedKey, Page, Scope, User

_USED_EVERY = timedelta(minutes=1)
_PREFIX_BYTES = 4
_SECRET_BYTES = 32


class PostgresUsers:
    """Users and their API keys; a `Users`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, name: str, *, email: str = "", is_admin: bool = False) -> User:
        """Add a user; raises Refused(user_exists)."""
        values = {"id": str(uuid.uuid4()), "name": name, "email": email or None, "is_admin": is_admin}
        with transaction(self._engine) as connection:
            statement = upsert(users).values(values).on_conflict_do_nothing().returning(*users.c)
            row = connection.execute(statement).one_or_none()
        if row is None:
            raise Refused("user_exists", f"There is a user {name} or one with this email.", action="Choose another.")
        return _user(row)

    def user(self, user_id: str) -> User | None:
        """Read a user."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(users).where(users.c.id == user_id)).one_or_none()
        return None if row is None else _user(row)

    def named(self, name: str) -> User | None:
        """Find a user by name."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
        return None if row is None else _user(row)

    def users(self, *, cursor: str = "", limit: int = 50) -> Page[User]:
        """List users, newest first."""
        keys = (users.c.created_at, users.c.id)
        with transaction(self._engine) as connection:
            return page(connection, select(users), keys, _user, cursor=cursor, limit=limit)

    def disable(self, user_id: str) -> bool:
        """Refuse every key of a user from now on; False when it was so already."""
        statement = update(users).where(users.c.id == user_id, users.c.disabled_at.is_(None))
        with transaction(self._engine) as connection:
            return connection.execute(statement.values(disabled_at=func.now())).rowcount == 1

    def issue(self, user_id: str, *, name: str = "", scopes: tuple[Scope, ...] = (Scope.TRADE,)) -> IssuedKey:
        """Make an API key; its secret is in the answer and nowhere else."""
        prefix = secrets.token_hex(_PREFIX_BYTES)
        secret = f"hf_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        values = {
            "id": str(uuid.uuid4()),
            "user_id": user_id,
            "name": name,
            "prefix": prefix,
            "hash": _hash(secret),
            "scopes": [scope.value for scope in scopes],
        }
        with transaction(self._engine) as connection:
            if connection.execute(select(users.c.id).where(users.c.id == user_id)).first() is None:
                raise Refused("user_unknown", "There is no such user.", action="Make one with `holdfast user create`.")
            row = connection.execute(insert(api_keys).values(values).returning(*api_keys.c)).one()
        return IssuedKey(secret=secret, key=_key(row))

    def authenticate(self, secret: str) -> Caller | None:
        """Find who a key belongs to; None for a wrong, revoked or disabled one."""
        # Looking up the hash leaks no timing about the secret, only about a hash that nobody can steer.
        statement = (
            select(api_keys, users.c.name.label("user_name"), users.c.is_admin, func.now().label("now"))
            .join(users, users.c.id == api_keys.c.user_id)
            .where(api_keys.c.hash == _hash(secret), api_keys.c.revoked_at.is_(None), users.c.disabled_at.is_(None))
        )
        with transaction(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
            if row is not None and _is_stale(row):
                used = update(api_keys).where(api_keys.c.id == row.id)
                connection.execute(used.values(last_used_at=func.now()))
        return None if row is None else _caller(row)

    def revoke(self, user_id: str, key_id: str) -> bool:
        """Revoke a key of a user; False when there was none to revoke."""
        mine = (api_keys.c.id == key_id, api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
        with transaction(self._engine) as connection:
            return connection.execute(update(api_keys).where(*mine).values(revoked_at=func.now())).rowcount == 1

    def api_keys(self, user_id: str) -> tuple[ApiKey, ...]:
        """List a user's keys, newest first."""
        statement = select(api_keys).where(api_keys.c.user_id == user_id)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement.order_by(api_keys.c.created_at.desc(), api_keys.c.id)).all()
        return tuple(_key(row) for row in rows)


def _is_stale(row: Row[Any]) -> bool:
    """Say whether the use is worth noting: once a minute, so that reading costs no write."""
    return row.last_used_at is None or bool(row.now - row.last_used_at >= _USED_EVERY)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _scopes(row: Row[Any]) -> tuple[Scope, ...]:
    return tuple(Scope(scope) for scope in row.scopes)


def _user(row: Row[Any]) -> User:
    return User(
        user_id=row.id,
        name=row.name,
        email=row.email or "",
        is_admin=row.is_admin,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.id,
        user_id=row.user_id,
        name=row.name,
        prefix=row.prefix,
        scopes=_scopes(row),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _caller(row: Row[Any]) -> Caller:
    return Caller(user_id=row.user_id, name=row.user_name, key_id=row.id, scopes=_scopes(row), is_admin=row.is_admin)
