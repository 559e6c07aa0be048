"""Durable workflows: they decide, activities act."""
