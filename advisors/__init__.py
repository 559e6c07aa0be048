"""Advisers that turn an observation into a decision."""
