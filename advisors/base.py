"""What an adviser is: a function of a situation."""

from __future__ import annotations

from typing import Protocol

from domain.decisions import Advice, Situation


class Advisor(Protocol):
    """Advises; it neither sizes nor places. The same situation gives the same advice for deterministic advisers."""

    name: str
    candles_needed: int

    def advise(self, situation: Situation) -> Advice:
        """Return proposals for the coins shown; raises Refused for data that it cannot use."""
