"""The shapes of answers to actions (reference 2.1)."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
OK: Json = {"status": "ok", "response": {"type": "default"}}


def made(kind: str, address: str) -> Json:
    """Answer with the address of what was made."""
    return {"status": "ok", "response": {"type": kind, "data": address}}


def statuses(kind: str, rows: list[Json | str]) -> Json:
    """Answer with a status per order or cancel."""
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": rows}}}


def status(kind: str, row: Json | str) -> Json:
    """Answer with the one status of a TWAP."""
    return {"status": "ok", "response": {"type": kind, "data": {"status": row}}}
