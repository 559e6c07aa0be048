"""What the feed asks of one coin's prices, however they came about."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from paper.feeds.bars import Bar, Ladder, Print


class Source(Protocol):
    """Prices of one coin over market time; every answer about the past stays the same."""

    @property
    def start_ms(self) -> int:
        """The market time at which the replay begins."""
        ...

    def price(self, market_ms: int) -> Decimal:
        """Return the mid at a market time."""
        ...

    def edge_after(self, market_ms: int) -> int:
        """Return the market time up to which one slice may reach."""
        ...

    def slice(self, start: int, end: int) -> Bar:
        """Return what happened in [start, end), which crosses no edge."""
        ...

    def turns(self, start: int, end: int) -> list[int]:
        """Return the market times within (start, end) between which the price goes straight or stands still."""
        ...

    def ladder(self, market_ms: int) -> Ladder | None:
        """Return the book at a market time, None where none is known."""
        ...

    def prints(self, start: int, end: int) -> list[Print] | None:
        """Return the public trades in (start, end]; None where they are not known and may be made up."""
        ...

    def premium(self, market_ms: int) -> float | None:
        """Return the premium of the hour, None where it is not known and may be made up."""
        ...
