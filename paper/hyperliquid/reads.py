"""What the reads have in common: their shape and the fields that many of them take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paper.engine.venue import PaperVenue
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, typed

Json = dict[str, Any]
Read = Callable[[Node, Json, int | None], Any]
FOR_EVER = 1 << 62


def user_of(row: Json) -> str:
    """Return the user a read asks for."""
    return address(row.get("user"))


def coin_of(row: Json) -> str:
    """Return the coin a read asks for."""
    return typed(row.get("coin"), str)


def times(row: Json) -> tuple[int, int]:
    """Return the times between which a read asks, both included."""
    end = row.get("endTime")
    return typed(row.get("startTime"), int), FOR_EVER if end is None else typed(end, int)


def fixed(value: Any) -> Read:
    """Answer always the same."""

    def read(node: Node, row: Json, as_of: int | None) -> Any:
        del node, row, as_of
        return value

    return read


def fixed_of_user(value: Any) -> Read:
    """Answer the same for every well-formed address."""

    def read(node: Node, row: Json, as_of: int | None) -> Any:
        del node, as_of
        user_of(row)
        return value

    return read


def of_venue(compute: Callable[[PaperVenue], Any]) -> Read:
    """Answer from the venue's state."""

    def read(node: Node, row: Json, as_of: int | None) -> Any:
        del row, as_of
        return compute(node.venue)

    return read


def of_node(compute: Callable[[Node], Any]) -> Read:
    """Answer from the venue and its feed."""

    def read(node: Node, row: Json, as_of: int | None) -> Any:
        del row, as_of
        return compute(node)

    return read


def of_account(compute: Callable[[PaperVenue, str], Any]) -> Read:
    """Answer about one user."""

    def read(node: Node, row: Json, as_of: int | None) -> Any:
        del as_of
        return compute(node.venue, user_of(row))

    return read


def of_account_at(compute: Callable[[PaperVenue, str, int | None], Any]) -> Read:
    """Answer about one user, perhaps as a node that lags."""

    def read(node: Node, row: Json, as_of: int | None) -> Any:
        return compute(node.venue, user_of(row), as_of)

    return read
