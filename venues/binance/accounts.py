"""Reads of accounts at Binance."""

from __future__ import annotations

from venues.binance.client import BinanceClient, BinanceKeyFacts
from venues.binance.market import BinanceMarket
from venues.binance.wire import paths_of
from venues.fapi.accounts import FapiAccounts
from venues.fapi.links import Links
from venues.fapi.traded import TradedCoins
from venues.fapi.trading import Keys


class BinanceAccounts(FapiAccounts):
    """Balances, positions, orders, fills and transfers at Binance."""

    def __init__(
        self, client: BinanceClient, keys: Keys, facts: BinanceKeyFacts, traded: TradedCoins, market: BinanceMarket
    ) -> None:
        links = Links(client, paths_of, facts)
        super().__init__(client, keys, paths_of, links, traded, market.note_brackets)
