"""Put the parts of Hyperliquid together."""

from __future__ import annotations

from dataclasses import dataclass

from venues.hyperliquid.accounts import HyperliquidAccounts
from venues.hyperliquid.client import HyperliquidClient
from venues.hyperliquid.config import HyperliquidConfig
from venues.hyperliquid.funding import HyperliquidFunding
from venues.hyperliquid.limits import RequestBudget
from venues.hyperliquid.market import HyperliquidMarket
from venues.hyperliquid.stream import HyperliquidStream
from venues.hyperliquid.trading import HyperliquidTrading
from venues.hyperliquid.wallets import HyperliquidWallets


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperliquidVenue:
    """One connection to Hyperliquid; every part shares its client and its request budget."""

    config: HyperliquidConfig
    client: HyperliquidClient
    trading: HyperliquidTrading
    accounts: HyperliquidAccounts
    market: HyperliquidMarket
    funding: HyperliquidFunding
    stream: HyperliquidStream
    wallets: HyperliquidWallets

    def close(self) -> None:
        """Close all connections."""
        self.client.close()


def connect(config: HyperliquidConfig, budget: RequestBudget | None = None) -> HyperliquidVenue:
    """Wire a venue; makes no request."""
    client = HyperliquidClient(config, budget)
    return HyperliquidVenue(
        config=config,
        client=client,
        trading=HyperliquidTrading(client),
        accounts=HyperliquidAccounts(client),
        market=HyperliquidMarket(client),
        funding=HyperliquidFunding(client),
        stream=HyperliquidStream(config),
        wallets=HyperliquidWallets(client),
    )
