"""Binance's dialect: its paths, limits and the proofs that its error codes are."""

from __future__ import annotations

from datetime import timedelta

from venues.base import SigningKey
from venues.fapi.dialect import Dialect, OrderLimit, Paths
from venues.fapi.refusals import BINANCE, BINANCE_BUSY

DIALECT = Dialect(
    name="binance",
    title="Binance",
    public="v1",
    order_weight=0,
    has_algo_service=True,
    order_limits=(
        OrderLimit(header="10S", seconds=10, limit=300),
        OrderLimit(header="1M", seconds=60, limit=1200),
    ),
    refusals=BINANCE,
    busy=BINANCE_BUSY,
    # A cancelled order without a fill is found for three days (documentation of GET /fapi/v1/order).
    retention=timedelta(days=3),
    may_resend=True,
)

# The second version still tells leverage and margin type of a position, the third does not.
PATHS = Paths(v="v1", account="v2/account", positions="v2/positionRisk", balance="v2/balance")


def paths_of(_key: SigningKey) -> Paths:
    """Return the paths for a key: there is one kind of keys."""
    return PATHS
