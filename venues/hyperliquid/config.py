"""Where Hyperliquid is and how it is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from domain.errors import Misconfigured

MAINNET_URL = "https://api.hyperliquid.xyz"
TESTNET_URL = "https://api.hyperliquid-testnet.xyz"
PAPER_URL = "http://localhost:3001"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Network(StrEnum):
    """Which Hyperliquid; it decides the text that is signed, so a signature never fits another network's main chain."""

    PAPER = "paper"
    TESTNET = "testnet"
    MAINNET = "mainnet"


_URLS = {Network.PAPER: PAPER_URL, Network.TESTNET: TESTNET_URL, Network.MAINNET: MAINNET_URL}


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperliquidConfig:
    """Settings of one connection; the network is never mainnet by default.

    `weight_per_minute` is this process's share of the venue's 1200 an address and minute; `order_retention` is how
    many orders the venue keeps for lookups; `clock_offset` is added wherever the adapter reads the local clock.
    """

    network: Network = Network.PAPER
    url: str = ""
    timeout: timedelta = timedelta(seconds=4)
    clock_offset: timedelta = timedelta()
    deadline: timedelta = timedelta(seconds=8)
    lag: timedelta = timedelta(seconds=10)
    weight_per_minute: int = 1200
    budget_wait: timedelta = timedelta(seconds=5)
    order_retention: int = 2000

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", Network(self.network))
        object.__setattr__(self, "url", (self.url or _URLS[self.network]).rstrip("/"))
        self._require_url_of_network()

    def _require_url_of_network(self) -> None:
        host = urlsplit(self.url).hostname or ""
        official = {urlsplit(MAINNET_URL).hostname: Network.MAINNET, urlsplit(TESTNET_URL).hostname: Network.TESTNET}
        if official.get(host, Network.PAPER) is not self.network or not self.url.startswith(("http://", "https://")):
            raise Misconfigured(
                "network_mismatch",
                f"The network is {self.network}, but {self.url} is not a {self.network} address.",
                action="Set HYPERLIQUID_NETWORK and HYPERLIQUID_URL to the same network, or leave the URL away.",
            )

    @property
    def is_mainnet(self) -> bool:
        """Whether signatures are for the main chain."""
        return self.network is Network.MAINNET

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine, where no proxy may stand between."""
        return (urlsplit(self.url).hostname or "") in _LOOPBACK

    @property
    def stream_url(self) -> str:
        """Address of the WebSocket."""
        return "ws" + self.url.removeprefix("http") + "/ws"

    def now(self) -> datetime:
        """Read the local clock, shifted by the offset."""
        return datetime.now(UTC) + self.clock_offset
