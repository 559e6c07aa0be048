"""Tables of users and of what they own: keys, settings, accounts, agents. Use them through `tables`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.postgres.columns import NUMBER, TIME, created, metadata

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("email", Text, unique=True),
    Column("is_admin", Boolean, nullable=False, server_default=text("false")),
    Column("disabled_at", TIME),
    created(),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("prefix", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", JSONB, nullable=False),
    Column("last_used_at", TIME),
    Column("revoked_at", TIME),
    created(),
)

settings = Table(
    "settings",
    metadata,
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("value", JSONB, nullable=False),
    PrimaryKeyConstraint("user_id", "key"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("status", Integer),
    Column("answer", JSONB),
    created(),
    PrimaryKeyConstraint("user_id", "key"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False, index=True),
    Column("venue", Text, nullable=False),
    Column("network", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("egress", Text, nullable=False, server_default="default"),
    Column("manual_trades", Text, nullable=False, server_default="flag"),  # flag | adopt
    Column("fills_cursor", TIME),  # fills and transfers before it have been read
    Column("exposed_at", TIME),  # last time that it was not flat
    Column("shard", Integer, nullable=False, server_default="0"),  # which StreamShardWorkflow of its egress keeps it
    created(),
    UniqueConstraint("venue", "network", "address"),
)

signers = Table(
    "signers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("address", Text, nullable=False, unique=True),  # an agent address is never used again
    Column("name", Text, nullable=False, server_default=""),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("last_nonce", BigInteger, nullable=False, server_default="0"),
    Column("valid_until", TIME),
    Column("retired_at", TIME),
    created(),
)

key_uses = Table(
    "key_uses",
    metadata,
    Column("signer_id", Text, ForeignKey("signers.id"), nullable=False),
    Column("hour", TIME, nullable=False),
    Column("uses", BigInteger, nullable=False),
    Column("last_at", TIME, nullable=False),
    PrimaryKeyConstraint("signer_id", "hour"),
)

agents = Table(
    "agents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False, index=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("adviser", Text, nullable=False),
    Column("settings", JSONB, nullable=False, server_default=text("'{}'")),
    Column("risk_profile", Text, nullable=False),
    Column("limits", JSONB, nullable=False),
    Column("allowed_assets", JSONB, nullable=False),
    Column("interval", Text, nullable=False, server_default="5m"),
    Column("cycle_seconds", NUMBER, nullable=False, server_default="300"),
    Column("mode", Text, nullable=False, server_default="simulate"),
    Column("active", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False, server_default="stopped"),
    Column("status_reason", Text, nullable=False, server_default=""),
    Column("cycle", BigInteger, nullable=False, server_default="0"),
    Column("last_cycle_at", TIME),
    created(),
)
