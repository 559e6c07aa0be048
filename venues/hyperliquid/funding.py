"""Funding of Hyperliquid: paid every hour; the API's rates are hourly (reference 5.6, docs "Funding")."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from domain.errors import Refused
from domain.funding import HOUR, FundingOutlook, FundingRate
from domain.money import parse_decimal
from venues.hyperliquid.client import HyperliquidClient, garbled
from venues.hyperliquid.rows import BAD_SHAPE
from venues.hyperliquid.wire import from_millis, to_millis

PAGE = 500
OUTLOOK_LIVE = 30.0
_OURS = "HlPerp"


class HyperliquidFunding:
    """Implements `venues.funding.FundingOracle`; the estimates of all coins are read together and shared for half a minute."""

    def __init__(self, client: HyperliquidClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = Lock()
        self._predicted: tuple[float, Mapping[str, Mapping[str, Any]]] | None = None

    def outlook(self, coin: str) -> FundingOutlook:
        """Return the last settlement and the estimate of the next one; refuses a coin that has none."""
        row = self._estimates().get(coin)
        if row is None:
            raise Refused("unknown_coin", f"Hyperliquid has no funding of {coin}.")
        try:
            next_at = from_millis(row["nextFundingTime"])
            history = self.history(coin, next_at - 3 * HOUR)
            return FundingOutlook(
                coin=coin,
                last=history[-1] if history else None,
                predicted=parse_decimal(row["fundingRate"]) / int(row.get("fundingIntervalHours") or 1),
                next_at=next_at,
                interval=HOUR,
            )
        except BAD_SHAPE as error:
            raise garbled("predictedFundings", error) from None

    def history(self, coin: str, since: datetime) -> tuple[FundingRate, ...]:
        """Return the settlements from an instant on, oldest first, paged to the end."""
        start, found = to_millis(since), list[FundingRate]()
        while True:
            rows = self._client.info("fundingHistory", coin=coin, startTime=start)
            try:
                found += [_rate(coin, row) for row in rows]
                if len(rows) < PAGE:
                    return tuple(found)
                start = int(rows[-1]["time"]) + 1
            except BAD_SHAPE as error:
                raise garbled("fundingHistory", error) from None

    def _estimates(self) -> Mapping[str, Mapping[str, Any]]:
        with self._lock:
            if self._predicted is None or self._clock() - self._predicted[0] >= OUTLOOK_LIVE:
                started, answer = self._clock(), self._client.info("predictedFundings")
                try:
                    rows = {coin: dict(venues).get(_OURS) for coin, venues in answer}
                except BAD_SHAPE as error:
                    raise garbled("predictedFundings", error) from None
                self._predicted = (started, {coin: row for coin, row in rows.items() if row is not None})
            return self._predicted[1]


def _rate(coin: str, row: Mapping[str, Any]) -> FundingRate:
    return FundingRate(coin=coin, time=from_millis(row["time"]), rate=parse_decimal(row["fundingRate"]), interval=HOUR)
