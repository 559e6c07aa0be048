"""Reads about one account; `as_of` (wall ms) makes them answer like a node that lags behind."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account, AccountBooks, Position, snapshot_at
from paper.engine.margin import (
    account_value,
    cross_maintenance,
    cross_value,
    liquidation_px,
    maximum_size,
    position_margin,
    total_notional,
    withdrawable,
)
from paper.engine.orders import LIVE, Order, OrderEvent
from paper.engine.venue import PaperVenue
from paper.hyperliquid import wire
from paper.hyperliquid.wire import number, usd

Json = dict[str, Any]
ZERO = Decimal(0)
ROWS = 2000


def _at(venue: PaperVenue, user: str, as_of: int | None) -> Account:
    """Return an account as of a time; an unknown one is empty."""
    account = venue.account(user) or Account(address=user)
    if as_of is None or user not in venue.books:
        return account
    seen = snapshot_at(venue.books[user], as_of)
    if seen is None:
        return Account(address=user)
    positions = {position.coin: position for position in seen.positions}
    return Account(address=user, cash=seen.cash, positions=positions, leverage=account.leverage)


def clearinghouse_state(venue: PaperVenue, user: str, as_of: int | None = None) -> Json:
    """Return `clearinghouseState`; an address without an account is an empty one."""
    account = _at(venue, user, as_of)
    # The money of a unified account stands in its spot state; here are its positions only.
    shown = replace(account, cash=ZERO) if account.is_unified else account
    return {
        "marginSummary": _summary(venue, account, account_value(venue, shown), cross_only=False),
        "crossMarginSummary": _summary(venue, account, cross_value(venue, shown), cross_only=True),
        "crossMaintenanceMarginUsed": usd(cross_maintenance(venue, account)),
        "withdrawable": usd(withdrawable(venue, shown)),
        "assetPositions": [
            {"type": "oneWay", "position": position_row(venue, account, position)}
            for position in account.positions.values()
        ],
        "time": venue.now() if as_of is None else min(as_of, venue.now()),
    }


def _summary(venue: PaperVenue, account: Account, value: Decimal, *, cross_only: bool) -> Json:
    positions = [p for p in account.positions.values() if p.is_cross or not cross_only]
    signed = sum((p.szi * venue.mark(p.coin) for p in positions), ZERO)
    used = sum((position_margin(venue, p) for p in positions), ZERO)
    return {
        "accountValue": usd(value),
        "totalNtlPos": usd(total_notional(venue, account, cross_only=cross_only)),
        "totalRawUsd": usd(value - signed),
        "totalMarginUsed": usd(used),
    }


def position_row(venue: PaperVenue, account: Account, position: Position) -> Json:
    """Return one position."""
    mark, perp = venue.mark(position.coin), venue.markets[position.coin].perp
    unrealized = position.unrealized(mark)
    leverage: Json = {"type": "cross" if position.is_cross else "isolated", "value": position.leverage}
    if not position.is_cross:
        leverage["rawUsd"] = usd(position.collateral - position.entry_px * position.szi)
    liquidation = liquidation_px(venue, account, position)
    entry_notional = abs(position.szi) * position.entry_px
    decimals = Decimal(1).scaleb(perp.size_decimals - 6)
    return {
        "coin": position.coin,
        "szi": number(position.szi),
        "leverage": leverage,
        "entryPx": number(position.entry_px.quantize(decimals)),
        "positionValue": usd(abs(position.szi) * mark),
        "unrealizedPnl": usd(unrealized),
        "returnOnEquity": number((unrealized * position.leverage / entry_notional).quantize(Decimal("1e-10"))),
        "liquidationPx": None if liquidation is None else number(liquidation.quantize(Decimal("1e-10"))),
        "marginUsed": usd(position_margin(venue, position)),
        "maxLeverage": perp.max_leverage,
        "cumFunding": {
            "allTime": usd(account.funding_all_time.get(position.coin, ZERO)),
            "sinceOpen": usd(position.funding_since_open),
            "sinceChange": usd(position.funding_since_change),
        },
    }


def active_asset_data(venue: PaperVenue, user: str, coin: str) -> Json:
    """Return `activeAssetData`."""
    account = venue.account(user) or Account(address=user)
    choice = venue.leverage(account, coin)
    mark, lot = venue.mark(coin), venue.markets[coin].perp.lot
    sizes = [maximum_size(venue, account, coin, is_buy=is_buy) for is_buy in (True, False)]
    return {
        "user": user,
        "coin": coin,
        "leverage": {"type": "cross" if choice.is_cross else "isolated", "value": choice.value},
        "maxTradeSzs": [number(size // lot * lot) for size in sizes],
        "availableToTrade": [usd(size * mark / choice.value) for size in sizes],
        "markPx": number(mark),
    }


def live_orders(venue: PaperVenue, user: str, as_of: int | None = None) -> list[tuple[Order, OrderEvent]]:
    """Return open orders with their present row, newest first."""
    books = venue.books.get(user)
    if books is None:
        return []
    oids = list(books.open_oids) if as_of is None else books.all_oids
    rows = ((venue.orders[oid], venue.orders[oid].last_event(as_of)) for oid in reversed(oids))
    return [(order, event) for order, event in rows if event is not None and event.status in LIVE]


def open_orders(venue: PaperVenue, user: str, as_of: int | None = None) -> list[Json]:
    """Return `openOrders`."""
    return [wire.open_order(order, event) for order, event in live_orders(venue, user, as_of)]


def frontend_open_orders(venue: PaperVenue, user: str, as_of: int | None = None) -> list[Json]:
    """Return `frontendOpenOrders`; waiting children stand in their parent and as rows of their own."""
    live = live_orders(venue, user, as_of)
    children: dict[int, list[Json]] = {}
    for order, event in live:
        if order.parent is not None:
            children.setdefault(order.parent, []).append(wire.frontend_order(order, event))
    return [wire.frontend_order(order, event, children.get(order.oid)) for order, event in live]


def _known_oids(venue: PaperVenue, books: AccountBooks) -> list[int]:
    """Return the order ids that the lookups still know: the latest ones by count."""
    retention = venue.settings.order_retention
    return books.all_oids[-retention:] if retention else []


def order_status(venue: PaperVenue, user: str, key: int | str, as_of: int | None = None) -> Json:
    """Return `orderStatus`, scoped to the user; a row as it was at the order's last change of status."""
    books = venue.books.get(user)
    unknown: Json = {"status": "unknownOid"}
    if books is None:
        return unknown
    oids = [key] if isinstance(key, int) else reversed(books.by_cloid.get(key, []))
    retained = _known_oids(venue, books)
    for oid in oids:
        order = venue.orders.get(oid)
        event = order.status_event(as_of) if order is not None and order.user == user else None
        if order is not None and event is not None and (order.is_live or (retained and oid >= retained[0])):
            row = {"order": wire.frontend_order(order, event), "status": event.status, "statusTimestamp": event.ms}
            return {"status": "order", "order": row}
    return unknown


def historical_orders(venue: PaperVenue, user: str, as_of: int | None = None) -> list[Json]:
    """Return `historicalOrders`: one row per change of status, newest first."""
    books = venue.books.get(user)
    if books is None:
        return []
    rows: list[tuple[int, int, Order, OrderEvent]] = []
    for oid in _known_oids(venue, books):
        order = venue.orders[oid]
        seen = (event for event in order.events if event.is_status and (as_of is None or event.ms <= as_of))
        rows.extend((event.ms, index, order, event) for index, event in enumerate(seen))
    rows.sort(key=lambda row: (row[0], row[2].oid, row[1]), reverse=True)
    return [
        {"order": wire.frontend_order(order, event), "status": event.status, "statusTimestamp": event.ms}
        for _, _, order, event in rows[:ROWS]
    ]
