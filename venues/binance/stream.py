"""User streams of Binance."""

from __future__ import annotations

from collections.abc import Callable

from venues.base import SigningKey
from venues.binance.client import BinanceClient
from venues.binance.config import BinanceConfig
from venues.binance.wire import paths_of
from venues.fapi.stream import FapiStream, Pace


class BinanceStream(FapiStream):
    """Wake-ups of accounts at Binance; `keys` returns the API key of an address."""

    def __init__(
        self,
        config: BinanceConfig,
        keys: Callable[[str], SigningKey],
        *,
        pace: Pace | None = None,
        client: BinanceClient | None = None,
    ) -> None:
        super().__init__(client or BinanceClient(config), keys, paths_of, pace)
