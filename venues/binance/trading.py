"""Orders, cancels and leverage at Binance: the shared writes with Binance's dialect."""

from __future__ import annotations

from venues.binance.client import BinanceClient
from venues.binance.wire import paths_of
from venues.fapi.traded import TradedCoins
from venues.fapi.trading import FapiTrading, Keys


class BinanceTrading(FapiTrading):
    """Writes and lookups of all accounts at Binance."""

    def __init__(self, client: BinanceClient, keys: Keys, traded: TradedCoins) -> None:
        super().__init__(client, keys, paths_of, traded)
