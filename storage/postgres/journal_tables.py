"""Tables of the journal: intents, orders, fills and what belongs to them. Use them through `tables`."""

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

from storage.postgres.columns import NUMBER, TIME, created, metadata

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
    Column("opens", Boolean, nullable=False, server_default=text("true")),  # false: no further opening step is approved
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
    created(),
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
    Column(
        "noop_state", Text, nullable=False, server_default=""
    ),  # '' | sending | burned | duplicate | unknown | skipped
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
    Index("orders_limited", "account_id", "resolved_at", postgresql_where=text("code = 'address_budget'")),
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
