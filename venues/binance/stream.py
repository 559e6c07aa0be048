"""User streams of Binance."""

from __future__ import annotations

from collections.abc import Callable

from venues.base import SigningKey
from venues.binance.client import BinanceClient
from venues.binance.wire import paths_of
from venues.fapi.stream import FapiStream, Pace


class BinanceStream(FapiStream):
    """Wake-ups of accounts at Binance; `keys` returns the API key of an address."""

    def __init__(
        self,
        client: BinanceClient,
        keys: Callable[[str], SigningKey],
        pace: Pace | None = None,
    ) -> None:
        super().__init__(client, keys, paths_of, pace)
