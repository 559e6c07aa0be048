"""POST /info: which read answers which type."""

from __future__ import annotations

from typing import Any

from paper.engine.caps import largest_market_orders
from paper.engine.errors import Unparsable
from paper.engine.interest import is_capped
from paper.engine.venue import PaperVenue
from paper.hyperliquid import (
    info_account,
    info_fees,
    info_fills,
    info_market,
    info_people,
    info_portfolio,
    info_spot,
    info_twaps,
    info_vaults,
    multi_sig,
    wire,
)
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import cloid, typed
from paper.hyperliquid.reads import (
    Json,
    Read,
    coin_of,
    fixed,
    fixed_of_user,
    of_account,
    of_account_at,
    of_node,
    of_venue,
    times,
    user_of,
)


def answer(node: Node, body: Any, as_of: int | None = None) -> Any:
    """Answer a read, as a node that lags behind when `as_of` is set; raises Unparsable."""
    row = typed(body, dict)
    read = READS.get(typed(row.get("type"), str))
    if read is None:
        raise Unparsable(f"unknown type {row.get('type')}")
    if row.get("dex") and row["type"] in OF_DEX:
        # There is no other dex: nobody has anything there.
        return OF_DEX[row["type"]](node, row | {"user": NOBODY}, as_of)
    return read(node, row, as_of)


def _l2_book(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    figures, mantissa = row.get("nSigFigs"), row.get("mantissa")
    if figures is not None and figures not in {2, 3, 4, 5}:
        raise Unparsable("nSigFigs")
    if mantissa is not None and (mantissa not in {1, 2, 5} or figures != 5):
        raise Unparsable("mantissa")
    book = info_market.l2_book(node.venue, coin_of(row), figures, mantissa)
    # A book is market data: its time is market time, which clients take for their candles' clock.
    return None if book is None else book | {"time": node.market_ms()}


def _contexts(node: Node, row: Json, as_of: int | None) -> Any:
    del row, as_of
    contexts = [info_market.asset_context(node, market) for market in node.venue.perp_markets]
    return [info_market.meta(node.venue), contexts]


def _funding_history(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    start, end = times(row)
    return info_market.funding_history(node, coin_of(row), start, end)


def _recent_trades(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    market = node.venue.markets.get(coin_of(row))
    return [wire.trade(trade) for trade in list(market.tape)[::-1][:10]] if market else None


def _active_asset_data(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    coin = coin_of(row)
    market = node.venue.markets.get(coin)
    if market is None or market.perp.is_spot:
        return None
    return info_account.active_asset_data(node.venue, user_of(row), coin)


def _order_status(node: Node, row: Json, as_of: int | None) -> Any:
    key = row.get("oid")
    wanted = cloid(key) if isinstance(key, str) else typed(key, int)
    return info_account.order_status(node.venue, user_of(row), wanted, as_of)


def _margin_table(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    number = typed(row.get("id"), int)
    tables = dict(info_market.meta(node.venue)["marginTables"])
    if number in tables or not 1 <= number < info_market.FIRST_TABLE:
        return tables.get(number)
    # Below fifty the number is the one tier's leverage.
    return {"description": "", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": number}]}


def _exchange_status(node: Node, row: Json, as_of: int | None) -> Any:
    del row, as_of
    return {"time": node.venue.now(), "specialStatuses": None}


def _candles(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    return info_market.candle_snapshot(node, typed(row.get("req"), dict))


def capped_perps(venue: PaperVenue) -> list[str]:
    """Return `perpsAtOpenInterestCap`."""
    return [market.perp.coin for market in venue.perp_markets if is_capped(venue, market)]


def _market_order_caps(venue: PaperVenue) -> list[Any]:
    return [[leverage, wire.number(value)] for leverage, value in largest_market_orders(venue.settings)]


def _signers(node: Node, row: Json, as_of: int | None) -> Any:
    del as_of
    return multi_sig.signers_of(node, user_of(row))


_DELEGATOR_SUMMARY = {
    "delegated": "0.0",
    "undelegated": "0.0",
    "totalPendingWithdrawal": "0.0",
    "nPendingWithdrawals": 0,
}

NOBODY = "0x" + "0" * 40
OF_DEX: dict[str, Read] = {
    "clearinghouseState": of_account_at(info_account.clearinghouse_state),
    "openOrders": fixed([]),
    "frontendOpenOrders": fixed([]),
    "allMids": fixed({}),
    "perpsAtOpenInterestCap": fixed([]),
}

READS: dict[str, Read] = {
    "meta": of_venue(info_market.meta),
    "spotMeta": of_venue(info_spot.spot_meta),
    "metaAndAssetCtxs": _contexts,
    "spotMetaAndAssetCtxs": of_venue(info_spot.spot_contexts),
    "perpDexs": fixed([None]),
    "allMids": of_venue(info_market.all_mids),
    "l2Book": _l2_book,
    "candleSnapshot": _candles,
    "fundingHistory": _funding_history,
    "predictedFundings": of_node(info_market.predicted_fundings),
    "recentTrades": _recent_trades,
    "marginTable": _margin_table,
    "perpsAtOpenInterestCap": of_venue(capped_perps),
    "maxMarketOrderNtls": of_venue(_market_order_caps),
    "exchangeStatus": _exchange_status,
    "leaderboard": of_venue(info_portfolio.leaderboard),
    "clearinghouseState": of_account_at(info_account.clearinghouse_state),
    "spotClearinghouseState": of_account(info_spot.spot_state),
    "activeAssetData": _active_asset_data,
    "openOrders": of_account_at(info_account.open_orders),
    "frontendOpenOrders": of_account_at(info_account.frontend_open_orders),
    "orderStatus": _order_status,
    "historicalOrders": of_account_at(info_account.historical_orders),
    "userFills": info_fills.user_fills,
    "userFillsByTime": info_fills.fills_by_time,
    "userFunding": info_fills.user_funding,
    "userNonFundingLedgerUpdates": info_fills.ledger,
    "twapHistory": of_account(info_twaps.twap_history),
    "userTwapSliceFills": of_account(info_twaps.slice_fills),
    "userTwapSliceFillsByTime": info_twaps.slice_fills_by_time,
    "userFees": of_account(info_fees.user_fees),
    "userRateLimit": of_account(info_fees.user_rate_limit),
    "referral": of_account(info_fees.referral),
    "userRole": info_people.role,
    "extraAgents": info_people.extra_agents,
    "maxBuilderFee": info_people.max_builder_fee,
    "subAccounts": of_account(info_people.sub_accounts),
    "subAccounts2": of_account(info_people.sub_accounts_by_dex),
    "userAbstraction": of_account(info_people.abstraction),
    "userToMultiSigSigners": _signers,
    "userDexAbstraction": of_account(info_people.dex_abstraction),
    "portfolio": of_account(info_portfolio.portfolio),
    "vaultDetails": info_vaults.vault_details,
    "vaultSummaries": of_venue(info_vaults.vault_summaries),
    "leadingVaults": info_vaults.leading_vaults,
    "userVaultEquities": of_account(info_vaults.user_vault_equities),
    "delegations": fixed_of_user([]),
    "delegatorSummary": fixed_of_user(_DELEGATOR_SUMMARY),
    "delegatorHistory": fixed_of_user([]),
    "delegatorRewards": fixed_of_user([]),
}
