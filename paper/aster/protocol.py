"""Aster's own: keys with HMAC on the older paths, wallets and agents on /fapi/v3, conditional orders on the order endpoint."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from paper.aster.agents_api import agent_table
from paper.aster.wallets import by_wallet
from paper.fapi.account_api import account, account_table
from paper.fapi.calls import Call, Endpoint, Security
from paper.fapi.dialect import Dialect
from paper.fapi.market_api import market_table, ping, server_time
from paper.fapi.node import Node
from paper.fapi.orders_api import order_table
from paper.fapi.security import Asked, Sender, by_hmac, by_key
from paper.fapi.server import Protocol
from paper.fapi.streams_api import stream_table

DIALECT = Dialect(
    name="aster",
    port=3003,
    has_algo_service=False,
    taker=Decimal("0.00035"),
    maker=Decimal("0.0001"),
    order_limits=(("1M", 60, 1200),),
    min_notional=Decimal(5),
    timeouts_are_503=True,
    has_slim_v3=False,
    max_algo_orders=100,
    times_in_force=("GTC", "IOC", "FOK", "GTX", "HIDDEN"),
    largest_callback=Decimal(5),
    unfilled_days=7,
    streams=200,
    ping_s=300,
    pong_s=900,
)


def authenticate(node: Node, asked: Asked, endpoint: Endpoint, version: str) -> Sender | None:
    """Return who asks, None where nobody needs to be known."""
    if endpoint.security is Security.NONE:
        return None
    if version == "v3":
        return by_wallet(node, asked, endpoint)
    if endpoint.security is Security.KEY:
        user = by_key(node, asked)
        return Sender(user=user, origin=Call(node=node, params=asked.params).origin, deadline=None)
    # Nothing is known of a second check of the window at this venue's matching stage.
    return replace(by_hmac(node, asked, endpoint.security), deadline=None)


def spot_info(call: Call) -> dict[str, object]:
    """Return the rules of the spot market, which has no symbols here: clients read both markets at their start."""
    head: dict[str, object] = {"timezone": "UTC", "serverTime": call.node.venue.now(), "rateLimits": []}
    return head | {"exchangeFilters": [], "assets": [{"asset": "USDT"}], "symbols": []}


PROTOCOL = Protocol(
    table={
        **market_table(),
        **order_table(order_weight=1),
        **account_table(),
        **stream_table(),
        **agent_table(),
        # The third version's own name for the account (its documentation, "Account Information v3").
        ("GET", "accountWithJoinMargin"): Endpoint(run=account, kind="account", security=Security.READ, weight=5),
        ("GET", "api/ping"): Endpoint(run=ping, kind="ping"),
        ("GET", "api/time"): Endpoint(run=server_time, kind="time"),
        ("GET", "api/exchangeInfo"): Endpoint(run=spot_info, kind="spotExchangeInfo"),
    },
    authenticate=authenticate,
    versions=("v1", "v2", "v3", "v4"),
)
