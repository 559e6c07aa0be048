"""Reads about spot: tokens, pairs, balances (reference 1.1, 1.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account
from paper.engine.margin import cross_maintenance, cross_value, required_margin
from paper.engine.market import Market
from paper.engine.spot import FIRST_SPOT_ASSET, QUOTE, USDC, Token, balance, held
from paper.engine.venue import PaperVenue
from paper.hyperliquid.token_moves import tokens
from paper.hyperliquid.wire import number, usd

Json = dict[str, Any]
ZERO = Decimal(0)


def spot_meta(venue: PaperVenue) -> Json:
    """Return `spotMeta`: every token that a listed pair names; token indices are sparse."""
    by_name = {token.name: token for token in tokens(venue)}
    universe = [
        {
            "tokens": [by_name[market.perp.base].index, QUOTE.index],
            "name": market.perp.coin,
            "index": market.perp.asset - FIRST_SPOT_ASSET,
            "isCanonical": market.perp.coin == "PURR/USDC",
        }
        for market in venue.spot_markets
    ]
    return {"universe": universe, "tokens": [_token(token) for token in by_name.values()]}


def _token(token: Token) -> Json:
    return {
        "name": token.name,
        "szDecimals": token.size_decimals,
        "weiDecimals": token.wei_decimals,
        "index": token.index,
        "tokenId": token.token_id,
        "isCanonical": token.name in {USDC, "PURR"},
        "evmContract": None,
        "fullName": None,
        "deployerTradingFeeShare": "0.0",
    }


def spot_context(market: Market) -> Json:
    """Return the context of a pair; the volume is that of the tape."""
    base = sum((trade.sz for trade in market.tape), ZERO)
    notional = sum((trade.sz * trade.px for trade in market.tape), ZERO)
    previous = market.tape[0].px if market.tape else market.mark
    return {
        "prevDayPx": number(previous),
        "dayNtlVlm": usd(notional),
        "markPx": number(market.mark),
        "midPx": number(market.mid),
        "circulatingSupply": "1000000000.0",
        "coin": market.perp.coin,
        "totalSupply": "1000000000.0",
        "dayBaseVlm": number(base),
    }


def spot_contexts(venue: PaperVenue) -> list[Any]:
    """Return `spotMetaAndAssetCtxs`."""
    return [spot_meta(venue), [spot_context(market) for market in venue.spot_markets]]


def spot_state(venue: PaperVenue, user: str) -> Json:
    """Return `spotClearinghouseState`; `hold` is what resting orders need."""
    account = venue.account(user)
    if account is None:
        return {"balances": []}
    amounts = {USDC: balance(account, USDC), **account.tokens}
    costs = account.token_costs
    after_maintenance: Json = {}
    if account.is_unified:
        free = max(cross_value(venue, account) - cross_maintenance(venue, account), ZERO)
        after_maintenance = {"tokenToAvailableAfterMaintenance": [[QUOTE.index, usd(free)]]}
    return after_maintenance | {
        "balances": [
            {
                "coin": token.name,
                "token": token.index,
                "total": number(amounts[token.name]),
                "hold": number(_hold(venue, account, token.name)),
                "entryNtl": number(costs.get(token.name, ZERO)),
            }
            for token in tokens(venue)
            if amounts.get(token.name)
        ]
    }


def _hold(venue: PaperVenue, account: Account, token: str) -> Decimal:
    if token == USDC and account.is_unified:
        return required_margin(venue, account)
    return held(venue, account, token)


def spot_mids(venue: PaperVenue) -> Json:
    """Return the mids of the pairs."""
    return {market.perp.coin: number(market.mid) for market in venue.spot_markets}
