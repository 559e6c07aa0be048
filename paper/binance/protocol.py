"""Binance's own: API keys alone, the algo order service, the permissions of a key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.fapi.account_api import account_table
from paper.fapi.algo_api import algo_table
from paper.fapi.calls import Call, Endpoint, Security
from paper.fapi.dialect import Dialect
from paper.fapi.market_api import market_table
from paper.fapi.node import Node
from paper.fapi.orders_api import order_table
from paper.fapi.security import Asked, Sender, by_hmac, by_key
from paper.fapi.server import Protocol
from paper.fapi.streams_api import stream_table

Json = dict[str, Any]
DIALECT = Dialect(
    name="binance",
    port=3002,
    has_algo_service=True,
    taker=Decimal("0.0005"),
    maker=Decimal("0.0002"),
    order_limits=(("10S", 10, 300), ("1M", 60, 1200)),
)


def authenticate(node: Node, asked: Asked, endpoint: Endpoint, version: str) -> Sender | None:
    """Return who asks, None where nobody needs to be known."""
    del version
    match endpoint.security:
        case Security.NONE:
            return None
        case Security.KEY:
            user = by_key(node, asked)
            return Sender(user=user, origin=Call(node=node, params=asked.params).origin, deadline=None)
        case _:
            # The wallet's server answers keys without futures as well.
            return by_hmac(node, asked, endpoint.security, needs_futures=endpoint is not RESTRICTIONS)


def api_restrictions(call: Call) -> Json:
    """Tell what the key may do (it is an endpoint of the wallet's server, here on the same port)."""
    user = call.who
    return {
        "ipRestrict": bool(user.ip_list),
        "createTime": user.created_ms,
        "enableReading": True,
        "enableSpotAndMarginTrading": False,
        "enableWithdrawals": user.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": user.can_trade and user.can_futures,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
    }


RESTRICTIONS = Endpoint(run=api_restrictions, kind="apiRestrictions", security=Security.READ)
PROTOCOL = Protocol(
    table={
        **market_table(),
        **order_table(order_weight=0),
        **algo_table(),
        **account_table(),
        **stream_table(),
        ("GET", "sapi/account/apiRestrictions"): RESTRICTIONS,
    },
    authenticate=authenticate,
    versions=("v1", "v2", "v3"),
)
