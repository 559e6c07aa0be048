"""Where the costs of holding a perpetual come from."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from domain.funding import FundingOutlook, FundingRate


class FundingOracle(Protocol):
    """Funding of perpetuals. All raise Retryable when the venue did not answer and Refused for an unknown coin."""

    def outlook(self, coin: str) -> FundingOutlook:
        """Return the last settlement and the venue's estimate of the next one."""

    def history(self, coin: str, since: datetime) -> tuple[FundingRate, ...]:
        """Return the settlements from an instant on (inclusive), oldest first, paged to the end."""
