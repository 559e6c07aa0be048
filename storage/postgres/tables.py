"""Every table, in SQLAlchemy Core. Names that carry the promise are fixed; columns may be added.

Money and sizes are NUMERIC without scale, times TIMESTAMPTZ. Ids of ours are TEXT (uuid form) so that they compare with
workflow ids without casts.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

TIME = DateTime(timezone=True)
NUMBER = Numeric()


def _created() -> Column[object]:
    return Column("created_at", TIME, nullable=False, server_default=func.now())


users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("email", Text, unique=True),
    Column("is_admin", Boolean, nullable=False, server_default=text("false")),
    Column("data_key", LargeBinary),  # the user's data key, wrapped by the master key
    Column("data_key_id", Text),
    Column("disabled_at", TIME),
    _created(),
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
    _created(),
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
    _created(),
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
    _created(),
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
    _created(),
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
    _created(),
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

slots = Table(
    "slots",
    metadata,
    Column("account_id", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("owner_intent", Text, nullable=False),
    Column("taken_at", TIME, nullable=False, server_default=func.now()),
    Column("touched_at", TIME, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("account_id", "instrument"),
)

intents = Table(
    "intents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("agent_id", Text, nullable=False, server_default=""),
    Column("instrument", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("size", NUMBER),
    Column("policy", JSONB, nullable=False),  # the whole immutable Intent
    Column("not_after", TIME),
    Column("phase", Text, nullable=False),
    Column("reason_code", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("filled_size", NUMBER, nullable=False, server_default="0"),
    Column("average_px", NUMBER),
    Column("realised_pnl", NUMBER),
    Column("stop_px", NUMBER),
    Column("take_profit_px", NUMBER),
    Column("trace_id", Text, nullable=False, server_default=""),
    Column("decided_at", TIME, nullable=False),
    Column("first_fill_at", TIME),
    Column("protected_at", TIME),
    Column("finished_at", TIME),
    Column("touched_at", TIME, nullable=False, server_default=func.now()),
    _created(),
    Index("intents_by_account", "account_id", "instrument"),
    Index("intents_by_agent", "agent_id", "created_at"),
    Index("intents_by_user", "user_id", "created_at", "id"),
    Index("intents_finished", "account_id", "finished_at", postgresql_where=text("realised_pnl is not null")),
)

orders = Table(
    "orders",
    metadata,
    Column("intent_id", Text, nullable=False),
    Column("leg", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("client_id", Text, nullable=False, unique=True),
    Column("user_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("signer_id", Text),
    Column("nonce", BigInteger),
    Column("state", Text, nullable=False),
    Column("opening", Boolean, nullable=False),
    Column("side", Text, nullable=False),
    Column("size", NUMBER, nullable=False),
    Column("limit_px", NUMBER, nullable=False),
    Column("tif", Text, nullable=False),
    Column("reduce_only", Boolean, nullable=False),
    Column("trigger", JSONB),
    Column("reserved", NUMBER, nullable=False, server_default="0"),
    Column("approved", JSONB, nullable=False),  # the ApprovedOrder, so that a repeated approval gives the same one
    Column("stopped", Boolean, nullable=False, server_default=text("false")),  # cancelled before it was sent
    Column("not_after", TIME, nullable=False),
    Column("expires_at", TIME),
    Column("request_hash", Text),
    Column("attempt_token", Text),
    Column("decided_at", TIME, nullable=False),
    Column("approved_at", TIME, nullable=False, server_default=func.now()),
    Column("sent_at", TIME),
    Column("unknown_since", TIME),
    Column("resolved_at", TIME),
    Column("oid", Text, nullable=False, server_default=""),
    Column("filled_size", NUMBER, nullable=False, server_default="0"),
    Column("average_px", NUMBER),
    Column("code", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("looks", JSONB, nullable=False, server_default=text("'[]'")),  # the resolution log
    Column("absent_looks", Integer, nullable=False, server_default="0"),
    Column("absent_at", TIME),  # venue time of the last look past the deadline that found nothing
    Column("noop_state", Text, nullable=False, server_default=""),  # '' | sending | burned | duplicate
    Column("epoch", Text),
    Column("trace_id", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("intent_id", "leg", "step"),
    UniqueConstraint("signer_id", "nonce"),
    Index(
        "orders_live",
        "account_id",
        "instrument",
        postgresql_where=text("state in ('APPROVED','SENDING','UNKNOWN','WORKING')"),
    ),
    Index("orders_by_user", "user_id", "approved_at", "client_id"),
    Index("orders_sent", "account_id", "sent_at", postgresql_where=text("opening")),
    Index(
        "orders_opening_in_flight", "expires_at", postgresql_where=text("opening and state in ('SENDING','UNKNOWN')")
    ),
)

order_ids = Table(
    "order_ids",
    metadata,
    Column("client_id", Text, nullable=False),
    Column("venue_oid", Text, nullable=False),
    Column("seen_at", TIME, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("client_id", "venue_oid"),
    Index("order_ids_by_oid", "venue_oid"),
)

cancels = Table(
    "cancels",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("client_id", Text, nullable=False, index=True),
    Column("oid", Text, nullable=False),
    Column("signer_id", Text, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("verdict", Text, nullable=False, server_default="sending"),
    Column("text", Text, nullable=False, server_default=""),
    Column("sent_at", TIME, nullable=False, server_default=func.now()),
    UniqueConstraint("signer_id", "nonce"),
)

leverages = Table(
    "leverages",
    metadata,
    Column("account_id", Text, nullable=False),
    Column("coin", Text, nullable=False),
    Column("leverage", Integer, nullable=False),
    Column("is_cross", Boolean, nullable=False),
    Column("read_at", TIME, nullable=False),
    PrimaryKeyConstraint("account_id", "coin"),
)

fills = Table(
    "fills",
    metadata,
    Column("account_id", Text, nullable=False),
    Column("time", TIME, nullable=False),
    Column("coin", Text, nullable=False),
    Column("trade_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("oid", Text, nullable=False),
    Column("client_id", Text),
    Column("intent_id", Text),  # bound later when the fill came first; null: by hand or by another program
    Column("step", Text),
    Column("side", Text, nullable=False),
    Column("px", NUMBER, nullable=False),
    Column("size", NUMBER, nullable=False),
    Column("fee", NUMBER, nullable=False),
    Column("closed_pnl", NUMBER, nullable=False),
    Column("start_position", NUMBER, nullable=False),
    Column("is_taker", Boolean, nullable=False),
    Column("is_liquidation", Boolean, nullable=False),
    Column("recorded_at", TIME, nullable=False, server_default=func.now()),
    UniqueConstraint("account_id", "time", "coin", "trade_id", name="fills_key"),
    Index("fills_by_oid", "account_id", "oid"),
    Index("fills_by_intent", "intent_id"),
    Index("fills_by_user", "user_id", "time"),
)

transfers = Table(
    "transfers",
    metadata,
    Column("account_id", Text, nullable=False),
    Column("time", TIME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("coin", Text, nullable=False, server_default=""),
    Column("reference", Text, nullable=False, server_default=""),
    Column("amount", NUMBER, nullable=False),
    PrimaryKeyConstraint("account_id", "time", "kind", "coin", "reference"),
)

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

account_epochs = Table(
    "account_epochs",
    metadata,
    Column("account_id", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("cleared_at", TIME, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("account_id", "epoch"),
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
    ),  # manual_trade | missed_fill | transfer | funding | fee | order_unknown_to_us | unexplained
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

rate_windows = Table(
    "rate_windows",
    metadata,
    Column("bucket", Text, nullable=False),
    Column("window_at", TIME, nullable=False),
    Column("used", Integer, nullable=False),
    PrimaryKeyConstraint("bucket", "window_at"),
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
