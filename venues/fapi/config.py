"""Where a venue is and how it is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from urllib.parse import urlsplit

from domain.errors import Misconfigured

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Network(StrEnum):
    """Which of a venue's worlds."""

    PAPER = "paper"
    TESTNET = "testnet"
    MAINNET = "mainnet"


@dataclass(frozen=True, slots=True, kw_only=True)
class FapiConfig:
    """Settings of one connection; the network is never mainnet by default.

    `weight_per_minute` is this process's share of what the venue allows an address; `deadline` and `lag` are what the fence
    relies on; `clock_offset` is added wherever the adapter reads the local clock; `max_leverage` holds until the brackets of
    an account have been read.
    """

    URLS: ClassVar[dict[Network, str]] = {}
    STREAMS: ClassVar[dict[Network, str]] = {}
    VENUE: ClassVar[str] = ""

    network: Network = Network.PAPER
    url: str = ""
    ws_url: str = ""
    timeout: timedelta = timedelta(seconds=4)
    clock_offset: timedelta = timedelta()
    deadline: timedelta = timedelta(seconds=8)
    lag: timedelta = timedelta(seconds=15)
    weight_per_minute: int = 2400
    budget_wait: timedelta = timedelta(seconds=5)
    max_leverage: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", Network(self.network))
        object.__setattr__(self, "url", (self.url or self.URLS[self.network]).rstrip("/"))
        object.__setattr__(self, "ws_url", (self.ws_url or self._stream_of_url()).rstrip("/"))
        self._require_network(self.url, self.URLS, ("http://", "https://"))
        self._require_network(self.ws_url, self.STREAMS, ("ws://", "wss://"))

    def _stream_of_url(self) -> str:
        if self.url == self.URLS[self.network] and self.network is not Network.PAPER:
            return self.STREAMS[self.network]
        # A paper server serves its streams where it serves its requests.
        return "ws" + self.url.removeprefix("http")

    def _require_network(self, url: str, official: dict[Network, str], schemes: tuple[str, ...]) -> None:
        hosts = {urlsplit(known).hostname: network for network, known in official.items()}
        host = urlsplit(url).hostname or ""
        known = Network.PAPER if host in _LOOPBACK else hosts.get(host, Network.PAPER)
        if known is not self.network or not url.startswith(schemes):
            name = self.VENUE.upper()
            raise Misconfigured(
                "network_mismatch",
                f"The network is {self.network}, but {url} is not a {self.network} address.",
                action=f"Set {name}_NETWORK and {name}_URL to the same network, or leave the URL away.",
            )

    @property
    def is_mainnet(self) -> bool:
        """Whether money is real."""
        return self.network is Network.MAINNET

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine, where no proxy may stand between."""
        return (urlsplit(self.url).hostname or "") in _LOOPBACK

    def now(self) -> datetime:
        """Read the local clock, shifted by the offset."""
        return datetime.now(UTC) + self.clock_offset
