"""Alembic's entry: migrates the connection that `upgrade` hands over and remembers each revision."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy.dialects.postgresql import insert

from storage.postgres.tables import metadata, schema_revisions


def remember(ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]) -> None:
    """Note an applied revision beside alembic_version, which holds the newest one only."""
    del heads, run_args
    assert ctx.connection is not None
    statement = insert(schema_revisions).values(revision=step.up_revision_id)
    ctx.connection.execute(statement.on_conflict_do_nothing())


context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, on_version_apply=remember
)
with context.begin_transaction():
    context.run_migrations()
