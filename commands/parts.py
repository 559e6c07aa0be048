"""What is said of a part of the stack that does not run."""

import shutil
from pathlib import Path

from runtime.errors import SetupError
from runtime.processes import last_lines

FULL = 16_000_000
"""Bytes below which databases stop: they write files of that size."""


def part_died(what: str, log: Path) -> SetupError:
    """Say why a part does not run: its last words, or the full disk that keeps it from having any."""
    if shutil.disk_usage(log.parent).free < FULL:
        return SetupError(
            "disk_full",
            f"{what}: the disk of {log.parent} is full.",
            "Free some space and start again; nothing is lost.",
        )
    words = " ".join(last_lines(log, 3).split()) or "it says nothing"
    return SetupError("part_died", f"{what}: {words.rstrip('.')}.", f"See {log}.")
