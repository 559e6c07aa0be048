"""Open interest and its cap (reference 2.7)."""

from __future__ import annotations

from decimal import Decimal

from paper.engine.market import Market
from paper.engine.venue import PaperVenue


def open_interest(venue: PaperVenue, coin: str) -> Decimal:
    """Return the users' positions in a coin, long and short added up."""
    return sum((abs(account.szi(coin)) for account in venue.accounts.values()), Decimal(0))


def is_capped(venue: PaperVenue, market: Market) -> bool:
    """Tell whether a coin has reached its open-interest cap."""
    cap = market.open_interest_cap
    return cap is not None and open_interest(venue, market.perp.coin) * market.mark >= cap
