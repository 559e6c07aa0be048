"""Binance USD-M: an API key that may trade futures and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.contracts.rigs.base import Connection
from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.fapi import QUICK, FapiRig
from venues.base import SigningKey
from venues.binance.config import BinanceConfig
from venues.binance.stream import BinanceStream
from venues.binance.venue import connect

NO_NONCES = "requests carry a time and no nonce: two may have the same"


class BinanceRig(FapiRig):
    """The adapter of Binance."""

    name = "binance"
    absent: ClassVar[Mapping[int, str]] = {
        61: NO_NONCES,
        62: "there is no request that burns a nonce; the deadline (timestamp and recvWindow) is the proof",
        63: "there is no request that burns a nonce; the deadline (timestamp and recvWindow) is the proof",
    }

    def new_key(self, user: str) -> SigningKey:
        """Make a user with a fresh key."""
        made = self.server.post("account", user=user, permissions={"trade": True, "withdraw": False})
        return SigningKey(address=made["api_key"], secret=made["api_secret"])

    def strange_key(self) -> SigningKey:
        """Make 64 random characters twice."""
        return SigningKey(address=secrets.token_hex(32), secret=secrets.token_hex(32))

    def broken_key(self) -> SigningKey:
        """Make a key with a space in it, as copied in two pieces."""
        return SigningKey(address="abc def", secret="short")

    def connect(self, keys: Mapping[str, SigningKey], url: str, **settings: Any) -> Connection:
        """Connect."""
        budget = self.budget(settings)
        return connect(BinanceConfig(url=url, **settings), lambda account: keys[account.address], budget)

    def stream_of(self, desk: Desk, keys: Mapping[str, SigningKey]) -> BinanceStream:
        """The user streams."""
        venue: Any = desk.venue
        return venue.stream_of(lambda address: keys[address], QUICK)
