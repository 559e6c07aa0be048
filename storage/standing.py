"""What an approval desk knows before it weighs an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.accounts import Portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The newest synced portfolio and when (our clock) it was synced, the halt in force, and whether anybody could sign."""

    portfolio: Portfolio | None
    synced_at: datetime | None
    halted_by: str
    has_signer: bool
