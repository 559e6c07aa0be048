"""Orders, cancels and leverage at Aster: the shared writes with Aster's dialect."""

from __future__ import annotations

from venues.aster.client import AsterClient
from venues.aster.wire import paths_of
from venues.fapi.traded import TradedCoins
from venues.fapi.trading import FapiTrading, Keys


class AsterTrading(FapiTrading):
    """Writes and lookups of all accounts at Aster."""

    def __init__(self, client: AsterClient, keys: Keys, traded: TradedCoins) -> None:
        super().__init__(client, keys, paths_of, traded)
