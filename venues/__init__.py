"""Adapters of trading venues behind the Protocols of base.py."""
