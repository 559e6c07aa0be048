"""TWAP orders as the venue keeps them (reference 5.9)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class TwapStatus(StrEnum):
    """How far a TWAP is, in the venue's spelling."""

    ACTIVATED = "activated"
    TERMINATED = "terminated"
    FINISHED = "finished"
    ERROR = "error"


@dataclass(slots=True, kw_only=True)
class Twap:
    """A size that is traded in slices over minutes; times are block time, `executed_ntl` is in USD."""

    twap_id: int
    user: str
    coin: str
    asset: int
    is_buy: bool
    sz: Decimal
    minutes: int
    reduce_only: bool
    randomize: bool
    created_ms: int
    next_ms: int
    executed_sz: Decimal = ZERO
    executed_ntl: Decimal = ZERO
    slices_done: int = 0
    status: TwapStatus = TwapStatus.ACTIVATED
    description: str = ""
    ended_ms: int = 0

    @property
    def is_live(self) -> bool:
        """Whether slices are still to come."""
        return self.status is TwapStatus.ACTIVATED
