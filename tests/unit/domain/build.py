"""Builders for the tests of the domain: one sensible value each, changed by keyword."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.accounts import HeldPosition, Portfolio
from domain.approvals import ApprovalRequest
from domain.candles import INTERVALS, Candle, CandleSeries
from domain.days import DayRecord
from domain.instruments import Instrument
from domain.intents import Intent, IntentKind
from domain.money import Price, money, price, quantity
from domain.orders import Side

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BTC = Instrument(venue="hyperliquid", coin="BTC", asset_id=0, size_decimals=5, price_decimals=1, max_leverage=40)
ETH = Instrument(venue="hyperliquid", coin="ETH", asset_id=1, size_decimals=4, price_decimals=2, max_leverage=25)
DOGE = Instrument(venue="hyperliquid", coin="DOGE", asset_id=12, size_decimals=0, price_decimals=6, max_leverage=10)


def an_intent(**changes: Any) -> Intent:
    """A buy of BTC for 1,000 USDC at the market."""
    values: dict[str, Any] = {
        "intent_id": "intent-1",
        "user_id": "user-1",
        "account_id": "account-1",
        "venue": "hyperliquid",
        "coin": "BTC",
        "kind": IntentKind.OPEN,
        "side": Side.BUY,
        "decided_at": NOW,
    }
    if not {"size", "notional", "conviction"} & changes.keys():
        values["notional"] = money("1000")
    return Intent(**(values | changes))


def a_request(intent: Intent | None = None, **changes: Any) -> ApprovalRequest:
    """The first step of an intent, decided now and good for thirty seconds."""
    request = ApprovalRequest(
        intent=intent or an_intent(), step="open", decided_at=NOW, not_after=NOW + timedelta(seconds=30)
    )
    return replace(request, **changes)


def a_portfolio(*positions: HeldPosition, **changes: Any) -> Portfolio:
    """10,000 USDC, all of it available."""
    portfolio = Portfolio(
        account_id="account-1", as_of=NOW, equity=money("10000"), available=money("10000"), positions=positions
    )
    return replace(portfolio, **changes)


def a_position(coin: str = "BTC", size: str = "0.1", mark: str = "50000", **changes: Any) -> HeldPosition:
    """0.1 BTC worth 5,000 USDC."""
    held = HeldPosition(coin=coin, size=quantity(size), entry_px=price(mark), mark_px=price(mark))
    return replace(held, **changes)


def a_day(**changes: Any) -> DayRecord:
    """A day that began with 10,000 USDC."""
    return replace(DayRecord(day="2026-03-01", start_equity=money("10000")), **changes)


def d(text: str) -> Any:
    """A decimal that compares with whatever a test compares it with."""
    return Decimal(text)


def a_series(
    closes: Sequence[float | str], *, coin: str = "BTC", wick: str = "0.001", interval: str = "5m"
) -> CandleSeries:
    """Closed five-minute bars with these closes; each opens at the close before and has a wick on both sides."""
    step = INTERVALS[interval]
    prices = [price(str(close)) for close in closes]
    bars = []
    for number, close in enumerate(prices):
        before = prices[max(number - 1, 0)]
        margin = close * d(wick)
        bars.append(
            Candle(
                time=NOW + step * number,
                open=before,
                high=Price(max(before, close) + margin),
                low=Price(min(before, close) - margin),
                close=close,
                volume=quantity("10"),
            )
        )
    return CandleSeries(coin=coin, interval=interval, candles=tuple(bars), as_of=NOW + step * len(prices))
