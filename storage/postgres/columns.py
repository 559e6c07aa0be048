"""The metadata of all tables, and the types that they share."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, Numeric, func

metadata = MetaData()

TIME = DateTime(timezone=True)
NUMBER = Numeric()


def created() -> Column[object]:
    """Make the column that says when a row was made."""
    return Column("created_at", TIME, nullable=False, server_default=func.now())
