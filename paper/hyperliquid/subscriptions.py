"""The normal forms of subscriptions (reference 4.1 and 4.2)."""

from __future__ import annotations

import json
from typing import Any

from paper.engine.errors import Unparsable
from paper.hyperliquid.info_market import INTERVALS
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address

Json = dict[str, Any]
COIN_CHANNELS = {"trades", "bbo", "activeAssetCtx"}
USER_CHANNELS = {
    "orderUpdates", "userEvents", "userFundings", "userNonFundingLedgerUpdates", "notification", "spotState",
    "allDexsClearinghouseState", "userTwapSliceFills", "userTwapHistory", "userHistoricalOrders", "webData3",
}  # fmt: skip
DEX_CHANNELS = {"clearinghouseState", "openOrders", "twapStates"}
PLAIN_CHANNELS = {"allDexsAssetCtxs", "spotAssetCtxs"}


def normalised(node: Node, wanted: Any) -> Json:
    """Return a subscription with its defaults, as the acknowledgement echoes it; raises Unparsable."""
    if not isinstance(wanted, dict) or not isinstance(wanted.get("type"), str):
        raise Unparsable("subscription")
    kind = wanted["type"]
    if kind in PLAIN_CHANNELS:
        return {"type": kind}
    if kind in COIN_CHANNELS:
        return {"type": kind, "coin": _coin(node, wanted)}
    is_old = kind == "webData2" and node.venue.settings.web_data2
    if kind in USER_CHANNELS or is_old:
        return {"type": kind, "user": address(wanted.get("user"))}
    if kind in DEX_CHANNELS:
        return {"type": kind, "user": address(wanted.get("user")), "dex": wanted.get("dex") or ""}
    return _special(node, kind, wanted)


def _special(node: Node, kind: str, wanted: Json) -> Json:
    match kind:
        case "allMids":
            return {"type": kind, "dex": wanted["dex"]} if wanted.get("dex") else {"type": kind}
        case "assetCtxs":
            return {"type": kind, "dex": wanted.get("dex") or ""}
        case "l2Book":
            figures = {"nSigFigs": wanted.get("nSigFigs"), "mantissa": wanted.get("mantissa")}
            return {"type": kind, "coin": _coin(node, wanted), **figures, "fast": bool(wanted.get("fast"))}
        case "candle" if wanted.get("interval") in INTERVALS:
            return {"type": kind, "interval": wanted["interval"], "coin": _coin(node, wanted)}
        case "userFills":
            is_aggregated = bool(wanted.get("aggregateByTime"))
            return {"type": kind, "user": address(wanted.get("user")), "aggregateByTime": is_aggregated}
        case "activeAssetData":
            coin = _coin(node, wanted)
            if not node.venue.markets[coin].perp.is_spot:
                return {"type": kind, "user": address(wanted.get("user")), "coin": coin}
    raise Unparsable("type")


def _coin(node: Node, wanted: Json) -> str:
    coin = wanted.get("coin")
    if not isinstance(coin, str) or coin not in node.venue.markets:
        raise Unparsable("coin")
    return coin


def key(subscription: Json) -> str:
    """Return the text by which a subscription is known."""
    return json.dumps(subscription, separators=(",", ":"))
