"""Orders, fills, trades, portfolios and performance over the wire."""

from __future__ import annotations

from datetime import datetime

from api.schemas.values import Answer, Number
from domain.accounts import HeldPosition, Portfolio, RestingOrder
from domain.orders import Side
from storage.records import Difference, SyncedPortfolio
from storage.tradebook import FillRecord, OrderRecord, Performance, Trade


class OrderView(Answer):
    """A row of the journal; `looks` is the log of how an unknown outcome was resolved."""

    intent_id: str
    leg: str
    step: str
    client_id: str
    account_id: str
    coin: str
    state: str
    opening: bool
    side: Side
    size: Number
    limit_px: Number
    tif: str
    reduce_only: bool
    trigger_px: Number | None
    oid: str
    filled_size: Number
    average_px: Number | None
    code: str
    reason: str
    trace_id: str
    approved_at: datetime
    sent_at: datetime | None
    not_after: datetime
    expires_at: datetime | None
    unknown_since: datetime | None
    resolved_at: datetime | None
    looks: list[dict[str, object]]


class FillView(Answer):
    """A fill; without `intent_id` it was made by hand or by another program."""

    account_id: str
    time: datetime
    coin: str
    trade_id: str
    oid: str
    side: Side
    px: Number
    size: Number
    fee: Number
    closed_pnl: Number
    is_taker: bool
    is_liquidation: bool
    intent_id: str
    step: str


class TradeView(Answer):
    """A row of the trade log: all fills of one order."""

    account_id: str
    agent_id: str
    intent_id: str
    step: str
    asset: str
    side: Side
    size: Number
    price: Number
    realised_pnl: Number
    fee: Number
    time: datetime
    fills: int
    oid: str


class PositionView(Answer):
    """A position as the venue last showed it; `size` is signed."""

    account_id: str
    coin: str
    side: Side
    size: Number
    entry_px: Number
    mark_px: Number
    notional: Number
    unrealised_pnl: Number
    margin_used: Number
    leverage: int
    liquidation_px: Number | None
    funding_since_open: Number
    as_of: datetime


class RestingView(Answer):
    """An order that is open at the venue."""

    account_id: str
    coin: str
    oid: str
    client_id: str
    side: Side
    size: Number
    limit_px: Number
    reduce_only: bool
    trigger_px: Number | None
    placed_at: datetime


class PortfolioView(Answer):
    """One account at one instant: `as_of` by the venue's clock, `synced_at` by ours."""

    account_id: str
    as_of: datetime
    synced_at: datetime
    equity: Number
    available: Number
    margin_used: Number
    positions: list[PositionView]
    orders: list[RestingView]


class BalanceView(Answer):
    """The money of one account."""

    account_id: str
    as_of: datetime
    equity: Number
    available: Number
    margin_used: Number


class PerformanceView(Answer):
    """Results since an instant; rates are fractions."""

    trades: int
    wins: int
    losses: int
    realised_pnl: Number
    fees: Number
    funding: Number
    net_pnl: Number
    turnover: Number
    equity: Number
    start_equity: Number
    max_drawdown: Number
    win_rate: Number | None
    profit_factor: Number | None
    by_coin: dict[str, Number]


class DifferenceView(Answer):
    """What the venue shows and the journal does not explain."""

    id: int
    account_id: str
    coin: str
    kind: str
    amount: Number
    note: str
    first_seen_at: datetime
    counted_at: datetime | None
    repaired_at: datetime | None
    repair: str


def order_of(row: OrderRecord) -> OrderView:
    """Show a row of the journal."""
    return OrderView(
        **{name: getattr(row, name) for name in OrderView.model_fields if name != "looks"}, looks=list(row.looks)
    )


def fill_of(row: FillRecord) -> FillView:
    """Show a fill."""
    own = {"intent_id": row.intent_id, "step": row.step}
    return FillView(**{name: getattr(row.fill, name) for name in FillView.model_fields if name not in own}, **own)


def trade_of(row: Trade) -> TradeView:
    """Show a row of the trade log."""
    return TradeView(**{name: getattr(row, name) for name in TradeView.model_fields})


def portfolio_of(synced: SyncedPortfolio) -> PortfolioView:
    """Show an account's portfolio."""
    shown = synced.portfolio
    return PortfolioView(
        account_id=shown.account_id,
        as_of=shown.as_of,
        synced_at=synced.synced_at,
        equity=shown.equity,
        available=shown.available,
        margin_used=shown.margin_used,
        positions=positions_of(shown),
        orders=[_resting(order, shown.account_id) for order in shown.orders],
    )


def positions_of(shown: Portfolio) -> list[PositionView]:
    """Show the positions of a portfolio."""
    return [_position(held, shown) for held in shown.positions if held.size != 0]


def balance_of(synced: SyncedPortfolio) -> BalanceView:
    """Show an account's money."""
    return BalanceView(**{name: getattr(synced.portfolio, name) for name in BalanceView.model_fields})


def performance_of(figures: Performance) -> PerformanceView:
    """Show results."""
    return PerformanceView(**{name: getattr(figures, name) for name in PerformanceView.model_fields})


def difference_of(row: Difference) -> DifferenceView:
    """Show a difference."""
    return DifferenceView(**{name: getattr(row, name) for name in DifferenceView.model_fields})


def _position(held: HeldPosition, shown: Portfolio) -> PositionView:
    own = {"account_id": shown.account_id, "as_of": shown.as_of}
    return PositionView(**{name: getattr(held, name) for name in PositionView.model_fields if name not in own}, **own)


def _resting(order: RestingOrder, account_id: str) -> RestingView:
    own = {"account_id": account_id, "trigger_px": order.trigger.px if order.trigger else None}
    return RestingView(**{name: getattr(order, name) for name in RestingView.model_fields if name not in own}, **own)
