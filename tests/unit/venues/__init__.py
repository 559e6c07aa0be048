"""Tests of the venue adapters without a venue."""
