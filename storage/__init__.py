"""Storage: Protocols in base.py, one package an engine."""
