"""Unit tests of the advisers."""
