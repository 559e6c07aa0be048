"""Switches of these venues alone; where the real behaviour is not known for sure, the first alternative is the default."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(slots=True, kw_only=True)
class FapiSettings:
    """All of them take text, a boolean or a whole number."""

    algo_child_client_id: str = "same"
    """same | generated: the client id of the order that a fired algo order becomes."""
    duplicate_client_id: str = "reject"
    """reject | accept a client id that one of the account's open orders has."""
    close_position_when_flat: str = "keep"
    """keep | expire: what becomes of a close-all order when its position is gone."""
    second_close: str = "refuse"
    """refuse | accept a second open close-all stop (or take-profit) of a contract's side, where there is an algo order service."""
    cancel_is_found: bool = True
    """Whether an order that was cancelled without a fill is still found by a query."""
    account_inactive: bool = False
    """Orders are answered with -4109."""
    futures_disabled: bool = False
    """Keys have no futures permission: signed requests are answered with -2015."""
    connection_s: int = 86_400
    """How many seconds a connection of a stream may last; the venues end it after a day."""

    def change(self, name: str, value: Any) -> bool:
        """Set a switch; False when there is none of that name; raises ValueError for a value of the wrong kind."""
        if name not in {item.name for item in fields(self)}:
            return False
        kind = type(getattr(self, name))
        if type(value) is not kind:
            raise ValueError(f"Setting {name!r} wants {kind.__name__}, not {value!r}.")
        setattr(self, name, value)
        return True

    def as_json(self) -> dict[str, Any]:
        """Return all switches as JSON values."""
        return {item.name: getattr(self, item.name) for item in fields(self)}
