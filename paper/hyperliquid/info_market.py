"""Reads about markets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.changes import FundingRate
from paper.engine.errors import Unparsable
from paper.engine.funding import HOUR_MS, STAMP_MS, hourly_rate
from paper.engine.interest import open_interest
from paper.engine.market import Market
from paper.engine.orders import Order
from paper.engine.venue import PaperVenue
from paper.hyperliquid import wire
from paper.hyperliquid.node import Node
from paper.hyperliquid.wire import number, usd

Json = dict[str, Any]
MINUTE = 60_000
INTERVALS = {
    "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE, "1h": 60 * MINUTE,
    "2h": 120 * MINUTE, "4h": 240 * MINUTE, "8h": 480 * MINUTE, "12h": 720 * MINUTE, "1d": 1440 * MINUTE,
    "3d": 4320 * MINUTE, "1w": 10080 * MINUTE, "1M": 43200 * MINUTE,
}  # fmt: skip
CANDLES = 5000
FUNDING_ROWS = 500
FIRST_TABLE = 50
BOOK_LEVELS = 20
RATE_UNIT = Decimal("1e-10")
IMPACT = {"BTC": Decimal(20_000), "ETH": Decimal(20_000)}
IMPACT_DEFAULT = Decimal(6_000)
DAY_MS = 86_400_000


def meta(venue: PaperVenue) -> Json:
    """Return `meta`."""
    tables: dict[int, Json] = {}
    for perp in venue.perps:
        if perp.margin_table >= FIRST_TABLE:
            tiers = [{"lowerBound": number(t.lower_bound), "maxLeverage": t.max_leverage} for t in perp.tiers]
            tables[perp.margin_table] = {"description": f"tiered {perp.max_leverage}x", "marginTiers": tiers}
    universe = [_asset_meta(market) for market in venue.perp_markets]
    return {"universe": universe, "marginTables": [[key, table] for key, table in tables.items()], "collateralToken": 0}


def _asset_meta(market: Market) -> Json:
    perp = market.perp
    row: Json = {
        "szDecimals": perp.size_decimals,
        "name": perp.coin,
        "maxLeverage": perp.max_leverage,
        "marginTableId": perp.margin_table,
    }
    if perp.only_isolated:
        row |= {"onlyIsolated": True, "marginMode": "strictIsolated" if perp.is_strict else "noCross"}
    return row | {"isDelisted": True} if market.is_delisted else row


def asset_context(node: Node, market: Market) -> Json:
    """Return the context of a coin: prices, funding of the running hour, a day's volume."""
    venue, coin, now = node.venue, market.perp.coin, node.market_ms()
    premium = Decimal(f"{node.feed.premium(coin, now):.10f}")
    day = node.history.candles(coin, HOUR_MS, now - DAY_MS, now, now)
    base = Decimal(f"{sum(candle.volume for candle in day):.6f}").quantize(market.perp.lot)
    previous = Decimal(f"{day[0].open:.10g}") if day else market.mark
    return {
        "funding": number(hourly_rate(premium).quantize(RATE_UNIT)),
        "openInterest": number(open_interest(venue, coin)),
        "prevDayPx": wire.number(previous),
        "dayNtlVlm": usd(base * market.mid),
        "premium": number(premium.quantize(RATE_UNIT)),
        "oraclePx": number(market.oracle),
        "markPx": number(market.mark),
        "midPx": number(market.mid),
        "impactPxs": [number(impact_px(market, venue, is_bid=True)), number(impact_px(market, venue, is_bid=False))],
        "dayBaseVlm": number(base),
    }


def impact_px(market: Market, venue: PaperVenue, *, is_bid: bool) -> Decimal:
    """Return the average price at which the impact notional trades."""
    wanted = IMPACT.get(market.perp.coin, IMPACT_DEFAULT)
    spent, size = Decimal(0), Decimal(0)
    for level in market.liquidity.levels(is_bid=is_bid, now_ms=venue.now()):
        part = min(level.sz, (wanted - spent) / level.px)
        spent, size = spent + part * level.px, size + part
        if spent >= wanted:
            break
    return (spent / size).quantize(Decimal("1e-6")) if size else market.mid


def all_mids(venue: PaperVenue) -> Json:
    """Return `allMids`, spot pairs included."""
    return {coin: number(market.mid) for coin, market in venue.markets.items()}


def l2_book(venue: PaperVenue, coin: str, figures: int | None = None, mantissa: int | None = None) -> Json | None:
    """Return `l2Book`, None for an unknown coin."""
    market = venue.markets.get(coin)
    if market is None:
        return None
    levels = [_levels(market, venue.orders, venue.now(), is_bid, figures, mantissa) for is_bid in (True, False)]
    return {"coin": coin, "time": venue.now(), "levels": levels}


def _levels(
    market: Market, orders: dict[int, Order], now: int, is_bid: bool, figures: int | None, mantissa: int | None
) -> list[Json]:
    merged: dict[Decimal, tuple[Decimal, int]] = {}
    for px, size, count in market.depth(orders, now, is_bid=is_bid):
        shown = px if figures is None else _coarse(px, figures, mantissa or 1, is_bid=is_bid)
        total, number_of = merged.get(shown, (Decimal(0), 0))
        merged[shown] = (total + size, number_of + count)
    rows = list(merged.items())[:BOOK_LEVELS]
    return [{"px": number(px), "sz": number(size), "n": count} for px, (size, count) in rows]


def _coarse(px: Decimal, figures: int, mantissa: int, *, is_bid: bool) -> Decimal:
    step = Decimal(mantissa).scaleb(px.adjusted() - figures + 1)
    floor = px // step * step
    return floor if is_bid or floor == px else floor + step


def candle_snapshot(node: Node, request: Json) -> list[Json]:
    """Return `candleSnapshot`: bars that open within the times asked for, the forming one included."""
    coin, interval = request.get("coin"), request.get("interval")
    start, end = request.get("startTime"), request.get("endTime")
    if not isinstance(coin, str) or interval not in INTERVALS or not isinstance(start, int):
        raise Unparsable("candleSnapshot")
    market = node.venue.markets.get(coin)
    if market is None:
        return []
    length, now = INTERVALS[interval], node.market_ms()
    last = min(end if isinstance(end, int) else now, now)
    first = max(start, last - (CANDLES - 1) * length)
    # The reference shows the bar in which `startTime` lies too: clients ask from within a bar.
    rows = node.history.candles(coin, length, first // length * length, last, now)
    return [wire.candle(row, coin, interval, length, market.perp) for row in rows]


def funding_history(node: Node, coin: str, start: int, end: int) -> list[Json]:
    """Return `fundingHistory`, oldest first; hours before the venue was started come from the feed."""
    stored = node.venue.rates.get(coin, [])
    rows = [row for row in _earlier_rates(node, coin, start, end) if not stored or row.time < stored[0].time]
    rows = [*rows, *(row for row in stored if start <= row.time <= end)]
    return [
        {
            "coin": row.coin,
            "fundingRate": number(row.rate.quantize(RATE_UNIT)),
            "premium": number(row.premium.quantize(RATE_UNIT)),
            "time": row.time,
        }
        for row in rows[:FUNDING_ROWS]
    ]


def _earlier_rates(node: Node, coin: str, start: int, end: int) -> list[FundingRate]:
    if coin not in node.venue.markets or node.venue.markets[coin].perp.is_spot:
        return []
    first = max(-(-(start - STAMP_MS) // HOUR_MS), node.history.listed_ms() // HOUR_MS)
    rows: list[FundingRate] = []
    for hour in range(first, min(node.venue.funded_hour, (end - STAMP_MS) // HOUR_MS) + 1):
        # The payment of an hour goes by the premium of the one that has ended.
        premium = Decimal(f"{node.feed.premium(coin, (hour - 1) * HOUR_MS):.10f}")
        stamp = hour * HOUR_MS + STAMP_MS
        rows.append(FundingRate(coin=coin, time=stamp, rate=hourly_rate(premium), premium=premium))
        if len(rows) >= FUNDING_ROWS:
            break
    return rows


def predicted_fundings(node: Node) -> list[Any]:
    """Return `predictedFundings`: this venue's rate stands for the others, too."""
    following = (node.market_ms() // HOUR_MS + 1) * HOUR_MS
    rows: list[Any] = []
    for coin in (perp.coin for perp in node.venue.perps):
        rate = hourly_rate(Decimal(f"{node.feed.premium(coin, node.market_ms()):.10f}")).quantize(RATE_UNIT)
        row = {"fundingRate": number(rate), "nextFundingTime": following, "fundingIntervalHours": 1}
        rows.append([coin, [["HlPerp", row], ["BinPerp", None], ["BybitPerp", None]]])
    return rows
