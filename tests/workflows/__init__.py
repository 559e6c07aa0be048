"""Workflows on the time-skipping server, with fakes that fail after acting."""
