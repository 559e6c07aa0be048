"""What venues have counted of accounts' requests, and an index for the few orders that were refused for their number."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both; the index reads every order once, some seconds for a million."""
    op.execute(
        "create table request_counts ("
        " account_id text not null primary key, used bigint not null, allowed bigint not null,"
        " read_at timestamp with time zone not null)"
    )
    op.execute("create index orders_limited on orders (account_id, resolved_at) where code = 'address_budget'")
