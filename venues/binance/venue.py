"""Put the parts of Binance together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from venues.base import SigningKey
from venues.binance.accounts import BinanceAccounts
from venues.binance.client import BinanceClient, BinanceKeyFacts
from venues.binance.config import BinanceConfig
from venues.binance.market import BinanceMarket
from venues.binance.stream import BinanceStream
from venues.binance.trading import BinanceTrading
from venues.fapi.funding import FapiFunding
from venues.fapi.limits import RequestBudget
from venues.fapi.stream import Pace
from venues.fapi.traded import TradedCoins
from venues.fapi.trading import Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class BinanceVenue:
    """One connection to Binance; every part shares its client and its request budget."""

    config: BinanceConfig
    client: BinanceClient
    trading: BinanceTrading
    accounts: BinanceAccounts
    market: BinanceMarket
    funding: FapiFunding

    def stream_of(self, keys: Callable[[str], SigningKey], pace: Pace | None = None) -> BinanceStream:
        """Return a user stream for one reader, with the keys of addresses."""
        return BinanceStream(self.client, keys, pace)

    def close(self) -> None:
        """Close all connections."""
        self.client.close()


def connect(config: BinanceConfig, keys: Keys, budget: RequestBudget | None = None) -> BinanceVenue:
    """Wire a venue; makes no request. `keys` is called for each signed read and nothing keeps what it returns."""
    client = BinanceClient(config, budget)
    traded, market = TradedCoins(), BinanceMarket(client)
    return BinanceVenue(
        config=config,
        client=client,
        trading=BinanceTrading(client, keys, traded),
        accounts=BinanceAccounts(client, keys, BinanceKeyFacts(client, config), traded, market),
        market=market,
        funding=FapiFunding(client, market),
    )
