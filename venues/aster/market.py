"""Public market data of Aster."""

from __future__ import annotations

from venues.fapi.market import FapiMarket


class AsterMarket(FapiMarket):
    """Instruments, marks and candles of Aster."""
