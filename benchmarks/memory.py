"""Memory of a process, counted so that pages shared with others count once."""

from __future__ import annotations

import time
from pathlib import Path

_READINGS = 5
_APART_SECONDS = 1.0


def pss_mb(pid: int) -> float:
    """Read the proportional set size in MB (2**20 bytes); Linux only."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"No Pss of process {pid}.")


def settled_pss_mb(pid: int) -> float:
    """Read it a few times and take the least: what is in flight at the moment belongs to no agent."""
    readings: list[float] = []
    for _ in range(_READINGS):
        readings.append(pss_mb(pid))
        time.sleep(_APART_SECONDS)
    return min(readings)
