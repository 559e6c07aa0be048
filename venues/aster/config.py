"""Where AsterDEX is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from venues.fapi.config import FapiConfig, Network

MAINNET_URL = "https://fapi.asterdex.com"
TESTNET_URL = "https://fapi.asterdex-testnet.com"
PAPER_URL = "http://localhost:3003"
MAINNET_CHAIN, TESTNET_CHAIN = 1666, 714


@dataclass(frozen=True, slots=True, kw_only=True)
class AsterConfig(FapiConfig):
    """Settings of one connection to AsterDEX.

    There is no true deadline for requests of wallets: a nonce is taken for some seconds around the venue's clock (10 in one
    place of the documentation, 60 in another) and what is taken may wait in a queue. `deadline` counts from the nonce and
    covers the wider window, `lag` the queue.
    """

    URLS: ClassVar[dict[Network, str]] = {
        Network.PAPER: PAPER_URL,
        Network.TESTNET: TESTNET_URL,
        Network.MAINNET: MAINNET_URL,
    }
    STREAMS: ClassVar[dict[Network, str]] = {
        Network.PAPER: "ws://localhost:3003",
        Network.TESTNET: "wss://fstream.asterdex-testnet.com",
        Network.MAINNET: "wss://fstream.asterdex.com",
    }
    VENUE: ClassVar[str] = "aster"

    deadline: timedelta = timedelta(seconds=70)
    lag: timedelta = timedelta(seconds=60)

    @property
    def chain_id(self) -> int:
        """Chain of the signatures; a paper server's is the testnet's, so that no paper signature fits the main chain."""
        return MAINNET_CHAIN if self.is_mainnet else TESTNET_CHAIN
