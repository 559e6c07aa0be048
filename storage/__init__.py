"""The journal and the read models behind the Protocols of base.py."""
