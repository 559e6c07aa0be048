"""Venues: one package each, all behind the Protocols of base.py."""
