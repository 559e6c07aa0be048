"""Reads of accounts at Aster."""

from __future__ import annotations

from venues.aster.client import AsterClient, AsterKeyFacts
from venues.aster.market import AsterMarket
from venues.aster.wire import paths_of
from venues.fapi.accounts import FapiAccounts
from venues.fapi.links import Links
from venues.fapi.traded import TradedCoins
from venues.fapi.trading import Keys


class AsterAccounts(FapiAccounts):
    """Balances, positions, orders, fills and transfers at Aster."""

    def __init__(
        self, client: AsterClient, keys: Keys, facts: AsterKeyFacts, traded: TradedCoins, market: AsterMarket
    ) -> None:
        links = Links(client, paths_of, facts)
        super().__init__(client, keys, paths_of, links, traded, market.note_brackets)
