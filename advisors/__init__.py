"""Advisers: strategies and models behind one Protocol."""
