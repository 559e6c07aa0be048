"""User streams of AsterDEX."""

from __future__ import annotations

from collections.abc import Callable

from venues.aster.client import AsterClient
from venues.aster.wire import paths_of, with_master
from venues.base import SigningKey
from venues.fapi.stream import FapiStream, Pace


class AsterStream(FapiStream):
    """Wake-ups of accounts at Aster; `keys` returns the key of an address."""

    def __init__(
        self,
        client: AsterClient,
        keys: Callable[[str], SigningKey],
        pace: Pace | None = None,
    ) -> None:
        def named(address: str) -> SigningKey:
            return with_master(keys(address), address)

        super().__init__(client, named, paths_of, pace)
