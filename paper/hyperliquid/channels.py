"""Which channel carries what: normal forms of subscriptions, snapshots, pushes (reference 4.1 and 4.2)."""

from __future__ import annotations

import json
from typing import Any

from paper.engine.accounts import Fill, FundingPayment, LedgerUpdate
from paper.engine.changes import CancelledByVenue, Changes, Event, Liquidated, OrderChanged
from paper.engine.errors import Unparsable
from paper.engine.market import Trade
from paper.hyperliquid import info_account, info_fills, info_market, wire
from paper.hyperliquid.info_market import INTERVALS
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address

Json = dict[str, Any]
Message = tuple[str, str, Any]
COIN_CHANNELS = {"trades", "bbo", "activeAssetCtx"}
USER_CHANNELS = {"orderUpdates", "userEvents", "userFundings", "userNonFundingLedgerUpdates", "notification"}
SNAPSHOT_ROWS = 500
# These come with every push whether or not anything changed, so that a silent stream can be told from a still market.
STEADY = {"allMids", "l2Book"}


def normalised(node: Node, wanted: Any) -> Json:
    """Return a subscription with its defaults, as the acknowledgement echoes it; raises Unparsable."""
    if not isinstance(wanted, dict):
        raise Unparsable("subscription")
    kind = wanted.get("type")
    match kind:
        case "allMids":
            return {"type": kind, "dex": wanted["dex"]} if wanted.get("dex") else {"type": kind}
        case "l2Book":
            figures = {"nSigFigs": wanted.get("nSigFigs"), "mantissa": wanted.get("mantissa")}
            return {"type": kind, "coin": _coin(node, wanted), **figures, "fast": bool(wanted.get("fast"))}
        case "candle":
            if wanted.get("interval") not in INTERVALS:
                raise Unparsable("interval")
            return {"type": kind, "interval": wanted["interval"], "coin": _coin(node, wanted)}
        case "userFills":
            return {
                "type": kind,
                "user": address(wanted.get("user")),
                "aggregateByTime": bool(wanted.get("aggregateByTime")),
            }
        case "clearinghouseState" | "openOrders":
            return {"type": kind, "user": address(wanted.get("user")), "dex": wanted.get("dex") or ""}
        case "activeAssetData":
            return {"type": kind, "user": address(wanted.get("user")), "coin": _coin(node, wanted)}
        case str() if kind in COIN_CHANNELS:
            return {"type": kind, "coin": _coin(node, wanted)}
        case str() if kind in USER_CHANNELS:
            return {"type": kind, "user": address(wanted.get("user"))}
        case _:
            raise Unparsable("type")


def _coin(node: Node, wanted: Json) -> str:
    coin = wanted.get("coin")
    if not isinstance(coin, str) or coin not in node.venue.markets:
        raise Unparsable("coin")
    return coin


def _key(subscription: Json) -> str:
    return json.dumps(subscription, separators=(",", ":"))


def snapshot(node: Node, subscription: Json) -> list[tuple[str, Any]]:
    """Return the messages that follow an acknowledgement."""
    user = subscription.get("user", "")
    books = node.venue.books.get(user)
    match subscription["type"]:
        case "userFills":
            rows = info_fills.fills(node.venue, user)[-info_fills.ROWS :]
            return [("userFills", {"isSnapshot": True, "user": user, "fills": [wire.fill(row) for row in rows]})]
        case "userFundings":
            fundings = [_funding(row) for row in (books.fundings if books else [])[-SNAPSHOT_ROWS:]]
            return [("userFundings", {"isSnapshot": True, "user": user, "fundings": fundings})]
        case "userNonFundingLedgerUpdates":
            updates = [_update(row) for row in (books.ledger if books else [])[-SNAPSHOT_ROWS:]]
            data = {"isSnapshot": True, "user": user, "nonFundingLedgerUpdates": updates}
            return [("userNonFundingLedgerUpdates", data)]
        case "trades":
            return [("trades", [wire.trade(row) for row in list(node.venue.markets[subscription["coin"]].tape)[-10:]])]
        case _:
            first = periodic(node, subscription, with_books=True)
            return [first] if first is not None else []


def periodic(node: Node, subscription: Json, *, with_books: bool) -> tuple[str, Any] | None:
    """Return the present state that a subscription shows, None where it only tells of events."""
    venue, coin = node.venue, subscription.get("coin", "")
    match subscription["type"]:
        case "allMids" if with_books:
            return "allMids", {"mids": info_market.all_mids(venue)}
        case "l2Book" if with_books:
            book = info_market.l2_book(venue, coin, subscription["nSigFigs"], subscription["mantissa"])
            book = book and book | {"time": node.market_ms()}
            if book is not None and subscription["fast"]:
                book = book | {"levels": [side[:5] for side in book["levels"]], "fast": True}
            return "l2Book", book
        case "bbo":
            book = info_market.l2_book(venue, coin) or {"time": 0, "levels": [[], []]}
            best = [side[0] if side else None for side in book["levels"]]
            return "bbo", {"coin": coin, "time": node.market_ms(), "bbo": best}
        case "candle":
            interval = subscription["interval"]
            now = node.market_ms()
            rows = info_market.candle_snapshot(
                node, {"coin": coin, "interval": interval, "startTime": now, "endTime": now}
            )
            return ("candle", rows[-1]) if rows else None
        case "activeAssetCtx" if with_books:
            return "activeAssetCtx", {"coin": coin, "ctx": info_market.asset_context(node, venue.markets[coin])}
        case "clearinghouseState" if with_books:
            user = subscription["user"]
            state = info_account.clearinghouse_state(venue, user)
            return "clearinghouseState", {"dex": "", "user": user, "clearinghouseState": state}
        case "openOrders":
            user = subscription["user"]
            return "openOrders", {"dex": "", "user": user, "orders": info_account.frontend_open_orders(venue, user)}
        case "activeAssetData" if with_books:
            return "activeAssetData", info_account.active_asset_data(venue, subscription["user"], coin)
        case _:
            return None


def without_time(data: Any) -> Any:
    """Return a message without the clock in it, to tell whether anything else changed."""
    if not isinstance(data, dict):
        return data
    return {key: without_time(value) for key, value in data.items() if key != "time"}


def messages(changes: Changes) -> list[Message]:
    """Return (subscription, channel, data) for everything that happened; fills of one user go together."""
    found: list[Message] = []
    fills: dict[str, list[Json]] = {}
    trades: dict[str, list[Json]] = {}
    updates: dict[str, list[Json]] = {}
    for event in changes.events:
        match event:
            case Fill():
                fills.setdefault(event.user, []).append(wire.fill(event))
            case Trade():
                trades.setdefault(event.coin, []).append(wire.trade(event))
            case OrderChanged():
                updates.setdefault(event.order.user, []).append(_order_update(event))
            case _:
                found.extend(_single(event))
    for coin, rows in trades.items():
        found.append((_key({"type": "trades", "coin": coin}), "trades", rows))
    for user, rows in updates.items():
        found.append((_key({"type": "orderUpdates", "user": user}), "orderUpdates", rows))
    for user, rows in fills.items():
        found.append((_key({"type": "userEvents", "user": user}), "user", {"fills": rows}))
        for aggregated in (False, True):
            key = _key({"type": "userFills", "user": user, "aggregateByTime": aggregated})
            found.append((key, "userFills", {"user": user, "fills": rows}))
    return found


def _single(event: Event) -> list[Message]:
    match event:
        case FundingPayment():
            row = _funding(event)
            return [
                (
                    _key({"type": "userFundings", "user": event.user}),
                    "userFundings",
                    {"user": event.user, "fundings": [row]},
                ),
                (_key({"type": "userEvents", "user": event.user}), "user", {"funding": row}),
            ]
        case LedgerUpdate():
            data = {"user": event.user, "nonFundingLedgerUpdates": [_update(event)]}
            key = _key({"type": "userNonFundingLedgerUpdates", "user": event.user})
            return [(key, "userNonFundingLedgerUpdates", data)]
        case CancelledByVenue():
            row = {"nonUserCancel": [{"coin": event.coin, "oid": event.oid}]}
            return [(_key({"type": "userEvents", "user": event.user}), "user", row)]
        case Liquidated():
            row = {
                "lid": event.lid,
                "liquidator": "0x" + "0" * 40,
                "liquidated_user": event.user,
                "liquidated_ntl_pos": wire.usd(event.notional),
                "liquidated_account_value": wire.usd(event.account_value),
            }
            return [(_key({"type": "userEvents", "user": event.user}), "user", {"liquidation": row})]
        case _:
            return []


def _order_update(event: OrderChanged) -> Json:
    row = wire.open_order(event.order, event.event)
    return {"order": row, "status": event.event.status, "statusTimestamp": event.event.ms}


def _funding(row: FundingPayment) -> Json:
    return {"time": row.time, **wire.funding_delta(row)}


def _update(row: LedgerUpdate) -> Json:
    return {"time": row.time, "hash": row.hash, "delta": row.delta}
