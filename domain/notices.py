"""What a user is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How loud a notice is: an alarm wants a person to act."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell a user (all users when `user_id` is empty); what has the same `key` is told once an hour."""

    kind: str
    title: str
    text: str
    user_id: str = ""
    severity: Severity = Severity.INFO
    key: str = ""
    details: dict[str, str] = field(default_factory=dict)
