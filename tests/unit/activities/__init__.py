"""Tests of what activities share."""
