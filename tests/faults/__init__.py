"""The fault suite: whole stacks, real kills, one oracle. `python -m tests.faults --help`."""
