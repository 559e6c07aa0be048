"""Postgres: synchronous psycopg under SQLAlchemy Core."""
