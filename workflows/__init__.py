"""Workflows: one package each, with messages.py and workflow.py."""
