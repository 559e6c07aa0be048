"""Reads of accounts at Aster."""

from __future__ import annotations

from venues.aster.client import AsterClient, AsterKeyFacts
from venues.aster.market import AsterMarket
from venues.aster.wire import paths_of, with_master
from venues.base import SigningKey
from venues.fapi.accounts import FapiAccounts
from venues.fapi.links import Links
from venues.fapi.traded import TradedCoins
from venues.fapi.trading import Keys
from venues.links import LinkReport


class AsterAccounts(FapiAccounts):
    """Balances, positions, orders, fills and transfers at Aster."""

    def __init__(
        self, client: AsterClient, keys: Keys, facts: AsterKeyFacts, traded: TradedCoins, market: AsterMarket
    ) -> None:
        links = Links(client, paths_of, facts)
        super().__init__(client, keys, paths_of, links, traded, market.note_brackets)

    def check_key(self, key: SigningKey, address: str = "") -> LinkReport:
        """Check a key before anything is stored; a wallet's is checked against the main wallet that it should act for."""
        return super().check_key(with_master(key, address), address)
