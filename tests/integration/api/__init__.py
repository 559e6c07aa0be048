"""The API over a real Postgres and a real Temporal, with stand-ins under the real workflow names."""
