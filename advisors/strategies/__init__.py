"""Deterministic advisers."""
