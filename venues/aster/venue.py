"""Put the parts of AsterDEX together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.accounts import AccountRef
from venues.aster.accounts import AsterAccounts
from venues.aster.client import AsterClient, AsterKeyFacts
from venues.aster.config import AsterConfig
from venues.aster.market import AsterMarket
from venues.aster.stream import AsterStream
from venues.aster.trading import AsterTrading
from venues.aster.wire import with_master
from venues.base import SigningKey
from venues.fapi.funding import FapiFunding
from venues.fapi.limits import RequestBudget
from venues.fapi.stream import Pace
from venues.fapi.traded import TradedCoins
from venues.fapi.trading import Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class AsterVenue:
    """One connection to AsterDEX; every part shares its client and its request budget."""

    config: AsterConfig
    client: AsterClient
    trading: AsterTrading
    accounts: AsterAccounts
    market: AsterMarket
    funding: FapiFunding

    def stream_of(self, keys: Callable[[str], SigningKey], pace: Pace | None = None) -> AsterStream:
        """Return a user stream for one reader, with the keys of addresses."""
        return AsterStream(self.client, keys, pace)

    def close(self) -> None:
        """Close all connections."""
        self.client.close()


def connect(config: AsterConfig, keys: Keys, budget: RequestBudget | None = None) -> AsterVenue:
    """Wire a venue; makes no request. `keys` is called for each signed read and nothing keeps what it returns."""

    def named(account: AccountRef) -> SigningKey:
        return with_master(keys(account), account.address)

    client = AsterClient(config, budget)
    traded, market = TradedCoins(), AsterMarket(client)
    return AsterVenue(
        config=config,
        client=client,
        trading=AsterTrading(client, named, traded),
        accounts=AsterAccounts(client, named, AsterKeyFacts(client), traded, market),
        market=market,
        funding=FapiFunding(client, market),
    )
