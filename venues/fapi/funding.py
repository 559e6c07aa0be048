"""Funding of Binance and AsterDEX: paid every eight hours, or as `fundingInfo` says (reference 4, "Funding").

`lastFundingRate` of `premiumIndex` is, whatever its name says, the running estimate of the settlement to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from domain.funding import HOUR, FundingOutlook, FundingRate, per_hour
from domain.money import parse_decimal
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.client import FapiClient, garbled
from venues.fapi.limits import Priority
from venues.fapi.market import FapiMarket
from venues.fapi.wire import from_millis, to_millis, to_symbol

PAGE = 1000
PAGES = 100
_LONGEST = timedelta(hours=8)


class FapiFunding:
    """Implements `venues.funding.FundingOracle`."""

    def __init__(self, client: FapiClient, market: FapiMarket) -> None:
        self._client = client
        self._market = market

    def outlook(self, coin: str) -> FundingOutlook:
        """Return the last settlement and the estimate of the next one; refuses an unknown coin."""
        self._market.instrument(coin)
        interval = self._interval(coin)
        params = (("symbol", to_symbol(coin)),)
        row = self._client.public("premiumIndex", 1, Priority.READ, params)
        paid = self._client.public("fundingRate", 1, Priority.READ, (*params, ("limit", "1")))
        try:
            return FundingOutlook(
                coin=coin,
                last=_rate(coin, paid[-1], interval) if paid else None,
                predicted=per_hour(parse_decimal(row["lastFundingRate"]), interval),
                next_at=from_millis(row["nextFundingTime"]),
                interval=interval,
            )
        except BAD_SHAPE as error:
            raise garbled("premiumIndex", error) from None

    def history(self, coin: str, since: datetime) -> tuple[FundingRate, ...]:
        """Return the settlements from an instant on, oldest first, paged to the end."""
        self._market.instrument(coin)
        interval, start, found = self._interval(coin), to_millis(since), list[FundingRate]()
        for _ in range(PAGES):
            params = (("symbol", to_symbol(coin)), ("startTime", str(start)), ("limit", str(PAGE)))
            rows = self._client.public("fundingRate", 1, Priority.READ, params)
            try:
                found += [_rate(coin, row, interval) for row in rows]
                if len(rows) < PAGE:
                    break
                start = int(rows[-1]["fundingTime"]) + 1
            except BAD_SHAPE as error:
                raise garbled("fundingRate", error) from None
        return _with_intervals(found)

    def _interval(self, coin: str) -> timedelta:
        return timedelta(hours=self._market.funding_hours(coin))


def _rate(coin: str, row: Mapping[str, Any], interval: timedelta) -> FundingRate:
    rate = parse_decimal(row["fundingRate"])
    return FundingRate(coin=coin, time=from_millis(row["fundingTime"]), rate=rate, interval=interval)


def _with_intervals(rows: list[FundingRate]) -> tuple[FundingRate, ...]:
    """Give each settlement the span since the one before: the venue changes intervals and tells today's alone."""
    if not rows:
        return ()
    spans = [rows[0].interval, *(_whole_hours(later.time - row.time) for row, later in pairwise(rows))]
    # A gap in the history is no interval.
    return tuple(replace(row, interval=min(span, _LONGEST)) for row, span in zip(rows, spans, strict=True))


def _whole_hours(span: timedelta) -> timedelta:
    return timedelta(hours=max(1, round(span / HOUR)))
