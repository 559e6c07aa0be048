"""Public market data of Binance."""

from __future__ import annotations

from venues.fapi.market import FapiMarket


class BinanceMarket(FapiMarket):
    """Instruments, marks and candles of Binance."""
