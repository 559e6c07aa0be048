"""Migrations: Alembic, forward only; the first one is the tables of storage.postgres.tables as they were then."""
