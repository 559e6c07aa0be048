"""Storage on a real Postgres."""
