"""Which channel carries what: snapshots and present states (reference 4.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import AccountKind
from paper.engine.changes import OrderChanged
from paper.hyperliquid import (
    info_account,
    info_fills,
    info_market,
    info_people,
    info_spot,
    info_twaps,
    info_vaults,
    wire,
)
from paper.hyperliquid.info import capped_perps
from paper.hyperliquid.info_portfolio import net_deposits
from paper.hyperliquid.node import Node
from paper.hyperliquid.pushes import funding, ledger_update, order_update
from paper.hyperliquid.wire import usd

Json = dict[str, Any]
SNAPSHOT_ROWS = 500
# These come with every push whether or not anything changed, so that a silent stream can be told from a still market.
STEADY = {"allMids", "l2Book"}


def snapshot(node: Node, subscription: Json) -> list[tuple[str, Any]]:
    """Return the messages that follow an acknowledgement."""
    user = subscription.get("user", "")
    venue = node.venue
    books = venue.books.get(user)
    match subscription["type"]:
        case "userFills":
            fills = info_fills.fills(venue, user)
            if subscription["aggregateByTime"]:
                fills = info_fills.aggregated(fills)
            return [
                (
                    "userFills",
                    {"isSnapshot": True, "user": user, "fills": [wire.fill(row) for row in fills[-info_fills.ROWS :]]},
                )
            ]
        case "userFundings":
            fundings = [funding(row) for row in (books.fundings if books else [])[-SNAPSHOT_ROWS:]]
            return [("userFundings", {"isSnapshot": True, "user": user, "fundings": fundings})]
        case "userNonFundingLedgerUpdates":
            updates = [ledger_update(row) for row in (books.ledger if books else [])[-SNAPSHOT_ROWS:]]
            data = {"isSnapshot": True, "user": user, "nonFundingLedgerUpdates": updates}
            return [("userNonFundingLedgerUpdates", data)]
        case "userTwapSliceFills":
            rows = info_twaps.slice_fills(venue, user)[::-1]
            return [("userTwapSliceFills", {"isSnapshot": True, "user": user, "twapSliceFills": rows})]
        case "userTwapHistory":
            history = info_twaps.twap_history(venue, user)
            return [("userTwapHistory", {"isSnapshot": True, "user": user, "history": history})]
        case "userHistoricalOrders":
            orders = info_account.historical_orders(venue, user)
            return [("userHistoricalOrders", {"isSnapshot": True, "user": user, "orderHistory": orders})]
        case "orderUpdates" if venue.settings.order_updates_snapshot:
            live = info_account.live_orders(venue, user)[::-1]
            return [("orderUpdates", [order_update(OrderChanged(order=order, event=event)) for order, event in live])]
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
            return _asset_context(node, coin)
        case "assetCtxs" | "allDexsAssetCtxs" | "spotAssetCtxs" | "webData2" if with_books:
            return _all_contexts(node, subscription)
        case "spotState" | "twapStates" | "allDexsClearinghouseState" | "webData3" if with_books:
            return _user_state(node, subscription["type"], subscription["user"])
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


def _asset_context(node: Node, coin: str) -> tuple[str, Any]:
    market = node.venue.markets[coin]
    if market.perp.is_spot:
        return "activeSpotAssetCtx", {"coin": coin, "ctx": info_spot.spot_context(market)}
    return "activeAssetCtx", {"coin": coin, "ctx": info_market.asset_context(node, market)}


def _all_contexts(node: Node, subscription: Json) -> tuple[str, Any]:
    kind = subscription["type"]
    if kind == "spotAssetCtxs":
        return kind, [info_spot.spot_context(market) for market in node.venue.spot_markets]
    contexts = [info_market.asset_context(node, market) for market in node.venue.perp_markets]
    match kind:
        case "assetCtxs":
            return kind, {"dex": subscription["dex"], "ctxs": contexts}
        case "allDexsAssetCtxs":
            return kind, {"ctxs": [["", contexts]]}
        case _:
            return kind, _web_data2(node, subscription["user"], contexts)


def _web_data2(node: Node, user: str, contexts: list[Json]) -> Json:
    venue = node.venue
    return {
        "clearinghouseState": info_account.clearinghouse_state(venue, user),
        "leadingVaults": [],
        "totalVaultEquity": _vault_equity(node, user),
        "openOrders": info_account.frontend_open_orders(venue, user),
        "agentAddress": None,
        "agentValidUntil": None,
        "cumLedger": "0.0",
        "meta": info_market.meta(venue),
        "assetCtxs": contexts,
        "serverTime": venue.now(),
        "isVault": user in venue.vaults,
        "user": user,
        "twapStates": info_twaps.running(venue, user),
        "spotState": info_spot.spot_state(venue, user),
        "spotAssetCtxs": [info_spot.spot_context(market) for market in venue.spot_markets],
        "perpsAtOpenInterestCap": capped_perps(venue),
    }


def _vault_equity(node: Node, user: str) -> str:
    rows = info_vaults.user_vault_equities(node.venue, user)
    return usd(sum((Decimal(row["equity"]) for row in rows), Decimal(0)))


def _user_state(node: Node, kind: str, user: str) -> tuple[str, Any]:
    venue = node.venue
    match kind:
        case "spotState":
            return kind, {"user": user, "spotState": info_spot.spot_state(venue, user)}
        case "twapStates":
            return kind, {"dex": "", "user": user, "states": info_twaps.running(venue, user)}
        case "allDexsClearinghouseState":
            states = [["", info_account.clearinghouse_state(venue, user)]]
            return kind, {"user": user, "clearinghouseStates": states}
        case _:
            return kind, _web_data3(node, user)


def _web_data3(node: Node, user: str) -> Json:
    """Return `webData3`: the frame of an account's page, without positions and orders."""
    venue = node.venue
    account = venue.account(user)
    unnamed = next((agent for agent in node.agents.of(user, venue.now()) if not agent.name), None)
    state = {
        "agentAddress": unnamed.address if unnamed else None,
        "agentValidUntil": unnamed.valid_until if unnamed else None,
        "cumLedger": "0.0" if account is None else usd(net_deposits(venue.books[user])),
        "serverTime": venue.now(),
        "isVault": account is not None and account.kind is AccountKind.VAULT,
        "user": user,
        "abstraction": info_people.abstraction(venue, user),
    }
    leading = [{"address": v.address, "name": v.name} for v in venue.vaults.values() if v.leader == user]
    dex: Json = {
        "totalVaultEquity": _vault_equity(node, user),
        "perpsAtOpenInterestCap": capped_perps(venue),
        "leadingVaults": leading,
    }
    return {"userState": state, "perpDexStates": [dex]}


def without_time(data: Any) -> Any:
    """Return a message without the clock in it, to tell whether anything else changed."""
    if not isinstance(data, dict):
        return data
    return {key: without_time(value) for key, value in data.items() if key not in {"time", "serverTime"}}
