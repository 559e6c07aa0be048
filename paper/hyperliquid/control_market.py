"""Operating the markets: prices and rules."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from paper.engine.cancelling import cancel_all
from paper.engine.instruments import tick_near
from paper.engine.orders import Status
from paper.engine.spot import followed
from paper.hyperliquid.control_input import BadControl, coin_of, decimal_of
from paper.hyperliquid.node import Node
from paper.hyperliquid.ticking import run_market, update_prices
from paper.hyperliquid.wire import number

Json = dict[str, Any]
RULES = {"coin", "open_interest_cap", "open_interest_growth", "is_delisted", "only_isolated", "is_strict"}


def set_price(node: Node, body: Json) -> Json:
    """Jump mid and mark to a price, hold them, or let them go on from where they are."""
    coin = coin_of(node.venue, body)
    market, now = node.venue.markets[coin], node.market_ms()
    px = tick_near(decimal_of(body, "px"), market.perp.tick_decimals) if "px" in body else market.mid
    if px <= 0:
        raise BadControl("px must be above zero.")
    if market.perp.is_spot and followed(market.perp) is not None:
        raise BadControl(f"{coin} follows the oracle of {followed(market.perp)}; set that price.")
    if market.perp.is_spot:
        pass
    elif body.get("freeze"):
        node.feed.freeze(coin, px, now)
    else:
        node.feed.jump(coin, px, now)
    update_prices(node)
    # Rounding in the feed must not turn the price asked for into its neighbour.
    market.mid = market.mark = px
    if market.perp.is_spot:
        market.oracle = px
    market.liquidity.move(px)
    run_market(node)
    node.save_meta()
    node.venue.changes.is_meta = True
    node.commit()
    return {"coin": coin, "px": number(market.mark), "frozen": bool(body.get("freeze"))}


def set_rules(node: Node, body: Json) -> Json:
    """Change a perpetual's rules: open-interest cap and largest growth by one order (USD, null lifts them), delisting,
    isolated margin only."""
    coin = coin_of(node.venue, body)
    market = node.venue.markets[coin]
    if unknown := set(body) - RULES:
        raise BadControl(f"A market has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(RULES))}.")
    if market.perp.is_spot:
        raise BadControl(f"{coin} is a spot pair and has no such rules.")
    if "open_interest_cap" in body:
        cap = body["open_interest_cap"]
        market.open_interest_cap = None if cap is None else decimal_of(body, "open_interest_cap")
    if "open_interest_growth" in body:
        growth = body["open_interest_growth"]
        market.open_interest_growth = None if growth is None else decimal_of(body, "open_interest_growth")
    if "is_delisted" in body:
        market.is_delisted = bool(body["is_delisted"])
    isolated = bool(body.get("only_isolated", market.perp.only_isolated))
    market.perp = replace(market.perp, only_isolated=isolated, is_strict=bool(body.get("is_strict")) and isolated)
    if market.is_delisted:
        for user in list(node.venue.accounts):
            cancel_all(node.venue, user, Status.DELISTED_CANCELED, coin=coin)
    node.save_meta()
    node.venue.changes.is_meta = True
    node.commit()
    return {
        "coin": coin,
        "open_interest_cap": _shown(market.open_interest_cap),
        "open_interest_growth": _shown(market.open_interest_growth),
        "is_delisted": market.is_delisted,
        "only_isolated": market.perp.only_isolated,
        "is_strict": market.perp.is_strict,
    }


def _shown(value: Decimal | None) -> str | None:
    return None if value is None else number(value)
