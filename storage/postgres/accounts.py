"""Venue accounts: unique by (venue, network, address), each kept in sync by one stream shard."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.accounts import AccountRef
from domain.errors import Refused
from domain.orders import LIVE_STATES
from storage.postgres.engine import transaction
from storage.postgres.tables import accounts, agents, orders, portfolios
from storage.records import AccountRecord

USERS_PER_SHARD = 10
"""Hyperliquid streams ten users an address; a shard is one address's load."""

_ONE_ASSIGNMENT = 4_851_650_002
_FREE_SHARD = text(
    "select shard from generate_series(0, (select count(*) from accounts)) as shards (shard)"
    " where (select count(*) from accounts a where a.shard = shards.shard and a.active"
    " and a.venue = :venue and a.network = :network and a.egress = :egress) < :size order by shard limit 1"
)
_MANUAL = ("flag", "adopt")


class PostgresAccounts:
    """Venue accounts; an `Accounts`."""

    def __init__(self, engine: Engine, *, per_shard: int = USERS_PER_SHARD) -> None:
        self._engine = engine
        self._per_shard = per_shard
        self._refs: dict[str, AccountRef] = {}

    def add(
        self, user_id: str, *, venue: str, network: str, address: str, name: str = "", egress: str = "default"
    ) -> AccountRecord:
        """Add an account; raises Refused(account_exists) when any user has it."""
        place = {"venue": venue, "network": network, "egress": egress}
        with transaction(self._engine) as connection:
            values = {
                **place,
                "id": str(uuid.uuid4()),
                "user_id": user_id,
                "address": canonical_address(address),
                "name": name,
                "shard": self._free_shard(connection, **place),
            }
            statement = upsert(accounts).values(values).on_conflict_do_nothing().returning(*accounts.c)
            row = connection.execute(statement).one_or_none()
        if row is None:
            raise Refused(
                "account_exists",
                f"The account {address} on {venue} {network} is already connected.",
                action="Use the one that is there; two owners would trade against each other.",
            )
        return _account(row)

    def account(self, user_id: str, account_id: str) -> AccountRecord | None:
        """Read an account of a user."""
        found = self._list(select(accounts).where(accounts.c.user_id == user_id, accounts.c.id == account_id))
        return found[0] if found else None

    def accounts(self, user_id: str) -> tuple[AccountRecord, ...]:
        """List a user's accounts, oldest first."""
        return self._list(select(accounts).where(accounts.c.user_id == user_id))

    def update(
        self,
        user_id: str,
        account_id: str,
        *,
        name: str | None = None,
        manual_trades: str | None = None,
        active: bool | None = None,
    ) -> AccountRecord:
        """Change an account; raises Refused(account_unknown), and Refused(account_in_use) while it trades."""
        if manual_trades not in {None, *_MANUAL}:
            raise Refused("bad_manual_trades", f"{manual_trades!r} is neither flag nor adopt.", action="Choose one.")
        given = {"name": name, "manual_trades": manual_trades, "active": active}
        changes = {column: value for column, value in given.items() if value is not None}
        with transaction(self._engine) as connection:
            mine = (accounts.c.user_id == user_id, accounts.c.id == account_id)
            row = connection.execute(select(accounts).where(*mine).with_for_update()).one_or_none()
            if row is None:
                raise Refused(
                    "account_unknown", "There is no such account.", action="List them with GET /api/accounts."
                )
            if active is False:
                _require_idle(connection, account_id)
            if changes:
                row = connection.execute(update(accounts).where(*mine).values(changes).returning(*accounts.c)).one()
            return _account(row)

    def ref(self, account_id: str) -> AccountRef:
        """Read which account it is, once: that never changes; raises Refused(account_unknown)."""
        known = self._refs.get(account_id)
        if known is not None:
            return known
        found = self._list(select(accounts).where(accounts.c.id == account_id))
        if not found:
            raise Refused("account_unknown", "There is no such account.", action="List them with GET /api/accounts.")
        return self._refs.setdefault(account_id, found[0].ref)

    def active(self, venue: str = "", network: str = "") -> tuple[AccountRecord, ...]:
        """List every account that is kept in sync."""
        statement = select(accounts).where(accounts.c.active)
        if venue:
            statement = statement.where(accounts.c.venue == venue)
        if network:
            statement = statement.where(accounts.c.network == network)
        return self._list(statement)

    def shard(self, venue: str, network: str, egress: str, shard: int) -> tuple[AccountRecord, ...]:
        """List the accounts that one StreamShardWorkflow keeps."""
        place = (accounts.c.venue == venue, accounts.c.network == network, accounts.c.egress == egress)
        return self._list(select(accounts).where(*place, accounts.c.shard == shard, accounts.c.active))

    def shards(self) -> tuple[tuple[str, str, str, int], ...]:
        """List (venue, network, egress, shard) of every stream that has to run."""
        columns = (accounts.c.venue, accounts.c.network, accounts.c.egress, accounts.c.shard)
        with transaction(self._engine) as connection:
            rows = connection.execute(select(*columns).where(accounts.c.active).distinct().order_by(*columns)).all()
        return tuple((row.venue, row.network, row.egress, row.shard) for row in rows)

    def _list(self, statement: Select[Any]) -> tuple[AccountRecord, ...]:
        with transaction(self._engine) as connection:
            rows = connection.execute(statement.order_by(accounts.c.created_at, accounts.c.id)).all()
        return tuple(_account(row) for row in rows)

    def _free_shard(self, connection: Connection, **place: str) -> int:
        connection.execute(select(func.pg_advisory_xact_lock(_ONE_ASSIGNMENT)))
        return int(connection.execute(_FREE_SHARD, {**place, "size": self._per_shard}).scalar_one())


def canonical_address(address: str) -> str:
    """Lower-case a hexadecimal address, so that a checksummed spelling is the same account."""
    text_ = address.strip()
    return text_.lower() if text_[:2].lower() == "0x" else text_


def account_ref(row: Row[Any]) -> AccountRef:
    """Read which account it is from a row of accounts."""
    return AccountRef(account_id=row.id, user_id=row.user_id, venue=row.venue, network=row.network, address=row.address)


def _require_idle(connection: Connection, account_id: str) -> None:
    """Refuse to leave an account that could still change: an order may fill after everything looks over."""
    busy = {
        "an active agent": exists().where(agents.c.account_id == account_id, agents.c.active),
        "a live order": exists().where(
            orders.c.account_id == account_id, orders.c.state.in_([state.value for state in LIVE_STATES])
        ),
        "a position or a resting order": exists().where(portfolios.c.account_id == account_id, ~portfolios.c.is_flat),
    }
    for what, is_there in busy.items():
        if connection.execute(select(is_there)).scalar_one():
            raise Refused(
                "account_in_use", f"The account has {what}.", action="Stop its agents and close its positions first."
            )


def _account(row: Row[Any]) -> AccountRecord:
    return AccountRecord(
        ref=account_ref(row),
        name=row.name,
        active=row.active,
        egress=row.egress,
        shard=row.shard,
        manual_trades=row.manual_trades,
        created_at=row.created_at,
        exposed_at=row.exposed_at,
    )
