"""Every table, in SQLAlchemy Core. Names that carry the promise are fixed; columns may be added.

Money and sizes are NUMERIC without scale, times TIMESTAMPTZ. Ids of ours are TEXT (uuid form) so that they compare with
workflow ids without casts.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.postgres.columns import NUMBER, TIME, metadata
from storage.postgres.journal_tables import cancels, fills, intents, leverages, order_ids, orders, slots, transfers
from storage.postgres.owner_tables import accounts, agents, api_keys, idempotency, key_uses, settings, signers, users

__all__ = [
    "TRADE_LOGS_VIEW",
    "accounts",
    "agents",
    "api_keys",
    "audit_log",
    "breakers",
    "cancels",
    "day_records",
    "decisions",
    "differences",
    "epochs",
    "equity_points",
    "events",
    "fills",
    "halts",
    "idempotency",
    "intents",
    "key_uses",
    "leverages",
    "metadata",
    "order_ids",
    "orders",
    "portfolios",
    "request_counts",
    "risk_decisions",
    "schema_revisions",
    "settings",
    "signers",
    "slots",
    "transfers",
    "users",
]

portfolios = Table(
    "portfolios",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("as_of", TIME, nullable=False),  # the venue's clock
    Column("synced_at", TIME, nullable=False),  # ours
    Column("equity", NUMBER, nullable=False),
    Column("available", NUMBER, nullable=False),
    Column("margin_used", NUMBER, nullable=False),
    Column("body", JSONB, nullable=False),  # domain.accounts.Portfolio
    Column("is_flat", Boolean, nullable=False, server_default=text("false")),
)

equity_points = Table(
    "equity_points",
    metadata,
    Column("account_id", Text, nullable=False),
    Column("time", TIME, nullable=False),
    Column("equity", NUMBER, nullable=False),
    Column("unrealised", NUMBER, nullable=False, server_default="0"),  # the part of the equity that is no cash
    PrimaryKeyConstraint("account_id", "time"),
)

day_records = Table(
    "day_records",
    metadata,
    Column("account_id", Text, nullable=False),
    Column("zone", Text, nullable=False),  # two agents of an account may count their days differently
    Column("day", Text, nullable=False),  # the local date of the day zone
    Column("started_at", TIME, nullable=False),  # when the equity was seen; transfers count from there
    Column("start_equity", NUMBER, nullable=False),
    PrimaryKeyConstraint("account_id", "zone", "day"),
)

request_counts = Table(
    "request_counts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("used", BigInteger, nullable=False),
    Column("allowed", BigInteger, nullable=False),
    Column("read_at", TIME, nullable=False),
)

breakers = Table(
    "breakers",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("numbers", JSONB, nullable=False, server_default=text("'{}'")),
    Column("tripped_at", TIME, nullable=False, server_default=func.now()),
    Column("until", TIME),
    Column("reset_at", TIME),
    Column("reset_by", Text),
)

halts = Table(
    "halts",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("scope", Text, nullable=False),  # platform | venue | user | agent
    Column("key", Text, nullable=False),  # '' for the platform
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", TIME, nullable=False, server_default=func.now()),
    Column("drained_at", TIME),
    Column("released_by", Text),
    Column("released_at", TIME),
    Index("halts_open", "scope", "key", unique=True, postgresql_where=text("released_at is null")),
)

epochs = Table(
    "epochs",
    metadata,
    Column("epoch", Text, primary_key=True),  # "{system_identifier}/{timeline}/{started_at}"
    Column("system_identifier", Text, nullable=False),
    Column("timeline", Integer, nullable=False),
    Column("started_at", TIME, nullable=False),
    Column("seen_at", TIME, nullable=False, server_default=func.now()),
    Column("deployment_id", Text, nullable=False),
    Column("confirmed_by", Text),  # null: opens wait for a person
    Column("asserted_at", TIME),  # null: PlatformWorkflow has not put its halt flags back yet
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("agent_id", Text, nullable=False),
    Column("cycle", BigInteger, nullable=False),
    Column("adviser", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("situation", JSONB, nullable=False),  # everything that the adviser was shown
    Column("advice", JSONB, nullable=False),
    Column("outcome", JSONB, nullable=False, server_default=text("'{}'")),
    Column("trace_id", Text, nullable=False, server_default=""),
    UniqueConstraint("agent_id", "cycle"),
    Index("decisions_by_user", "user_id", "at", "id"),
)

risk_decisions = Table(
    "risk_decisions",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("user_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("intent_id", Text, nullable=False, index=True),
    Column("step", Text, nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("numbers", JSONB, nullable=False),
    Column("at", TIME, nullable=False, server_default=func.now()),
)

differences = Table(
    "differences",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("coin", Text, nullable=False),
    Column(
        "kind", Text, nullable=False
    ),  # manual_trade | missed_fill | transfer | funding | fee | order_unknown_to_us | order_overfilled | unexplained
    Column("amount", NUMBER, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("first_seen_at", TIME, nullable=False, server_default=func.now()),
    Column("counted_at", TIME),  # seen by two syncs ten seconds apart with no live row
    Column("repaired_at", TIME),
    Column("repair", Text, nullable=False, server_default=""),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("user_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", TIME, nullable=False, server_default=func.now()),
    Column("body", JSONB, nullable=False),
    Index("events_by_user", "user_id", "id"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("at", TIME, nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

schema_revisions = Table(
    "schema_revisions",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("applied_at", TIME, nullable=False, server_default=func.now()),
)

TRADE_LOGS_VIEW = """
create view trade_logs as
select f.account_id, f.user_id, f.coin as asset, f.side, f.oid, f.intent_id, i.agent_id, f.step,
       sum(f.size) as size, sum(f.px * f.size) / sum(f.size) as price, sum(f.closed_pnl) as realised_pnl,
       sum(f.fee) as fee, min(f.time) as time, count(*) as fills
from fills f left join intents i on i.id = f.intent_id
group by f.account_id, f.user_id, f.coin, f.side, f.oid, f.intent_id, i.agent_id, f.step
"""
