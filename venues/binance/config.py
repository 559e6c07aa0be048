"""Where Binance USD-M futures are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from venues.fapi.config import FapiConfig, Network

MAINNET_URL = "https://fapi.binance.com"
TESTNET_URL = "https://demo-fapi.binance.com"
PAPER_URL = "http://localhost:3002"
RESTRICTIONS_URL = "https://api.binance.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class BinanceConfig(FapiConfig):
    """Settings of one connection to Binance.

    `restrictions_url` is where a key's permissions are asked for: the spot address on mainnet; empty where there is none, as
    for demo keys.
    """

    URLS: ClassVar[dict[Network, str]] = {
        Network.PAPER: PAPER_URL,
        Network.TESTNET: TESTNET_URL,
        Network.MAINNET: MAINNET_URL,
    }
    STREAMS: ClassVar[dict[Network, str]] = {
        Network.PAPER: "ws://localhost:3002",
        Network.TESTNET: "wss://fstream.binancefuture.com",
        Network.MAINNET: "wss://fstream.binance.com",
    }
    VENUE: ClassVar[str] = "binance"

    @property
    def restrictions_url(self) -> str:
        """Address of the endpoint that tells what a key may do."""
        match self.network:
            case Network.MAINNET:
                return RESTRICTIONS_URL
            case Network.TESTNET:
                return ""
            case Network.PAPER:
                return self.url
