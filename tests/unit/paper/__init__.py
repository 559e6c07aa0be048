"""Unit tests of the paper venues."""
