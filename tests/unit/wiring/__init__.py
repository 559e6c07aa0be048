"""Tests of what the composition roots put together."""
