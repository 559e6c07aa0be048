"""Recorded histories, replayed by today's code; `python -m tests.replay.record` records them anew."""
