"""Lists from the read models: portfolio, positions, orders, fills, trades, performance, balances, diary and logs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api import asked
from api.auth import Me
from api.deps import PageAsked, Parts, Ports
from api.schemas import trading
from api.schemas.agents import DecisionView, decision_of
from api.schemas.platform import EventView, RiskView, event_of, risk_of
from api.schemas.values import Coin, Id, Listed
from storage.records import Caller, SyncedPortfolio
from storage.tradebook import Filter

router = APIRouter(prefix="/api", tags=["trading"])

Narrow = Annotated[Id | None, Query()]
NarrowCoin = Annotated[Coin | None, Query()]
Live = Annotated[bool | None, Query(description="Only what may still trade, or only what has ended.")]
Since = Annotated[AwareDatetime | None, Query()]
MOST_EVENTS = 2**62


@router.get("/portfolio")
def list_portfolios(parts: Ports, me: Me, account_id: Narrow = None) -> Listed[trading.PortfolioView]:
    """Show each account as the venue last showed it."""
    return Listed(items=[trading.portfolio_of(synced) for synced in _portfolios(parts, me, account_id)])


@router.get("/positions")
def list_positions(parts: Ports, me: Me, account_id: Narrow = None) -> Listed[trading.PositionView]:
    """List the open positions."""
    found = _portfolios(parts, me, account_id)
    return Listed(items=[view for synced in found for view in trading.positions_of(synced.portfolio)])


@router.get("/balances")
def list_balances(parts: Ports, me: Me, account_id: Narrow = None) -> Listed[trading.BalanceView]:
    """List the money of each account."""
    return Listed(items=[trading.balance_of(synced) for synced in _portfolios(parts, me, account_id)])


@router.get("/orders")
def list_orders(
    parts: Ports,
    me: Me,
    page: PageAsked,
    coin: NarrowCoin = None,
    intent_id: Narrow = None,
    account_id: Narrow = None,
    is_live: Live = None,
) -> Listed[trading.OrderView]:
    """List the rows of the order journal, newest first."""
    where = Filter(coin=coin or "", intent_id=intent_id or "", account_id=account_id or "", is_live=is_live)
    found = parts.trades.orders(me.user_id, where, cursor=page.cursor, limit=page.limit)
    return Listed(items=[trading.order_of(row) for row in found.items], next_cursor=found.next_cursor)


@router.get("/fills")
def list_fills(
    parts: Ports,
    me: Me,
    page: PageAsked,
    coin: NarrowCoin = None,
    intent_id: Narrow = None,
    account_id: Narrow = None,
    since: Since = None,
) -> Listed[trading.FillView]:
    """List fills, newest first."""
    where = _filter(coin, intent_id, account_id, None, since)
    found = parts.trades.fills(me.user_id, where, cursor=page.cursor, limit=page.limit)
    return Listed(items=[trading.fill_of(row) for row in found.items], next_cursor=found.next_cursor)


@router.get("/trades")
def list_trades(
    parts: Ports,
    me: Me,
    page: PageAsked,
    coin: NarrowCoin = None,
    intent_id: Narrow = None,
    agent_id: Narrow = None,
    account_id: Narrow = None,
    since: Since = None,
) -> Listed[trading.TradeView]:
    """List the trade log, newest first."""
    where = _filter(coin, intent_id, account_id, agent_id, since)
    found = parts.trades.trades(me.user_id, where, cursor=page.cursor, limit=page.limit)
    return Listed(items=[trading.trade_of(row) for row in found.items], next_cursor=found.next_cursor)


@router.get("/performance")
def show_performance(parts: Ports, me: Me, account_id: Narrow = None, since: Since = None) -> trading.PerformanceView:
    """Sum up results."""
    if account_id is not None:
        asked.own_account(parts, me, account_id)
    figures = parts.trades.performance(me.user_id, account_id=account_id or "", since=since)
    return trading.performance_of(figures)


@router.get("/differences")
def list_differences(
    parts: Ports, me: Me, open_only: Annotated[bool, Query()] = True
) -> Listed[trading.DifferenceView]:
    """List what the venue shows and the journal does not explain."""
    found = parts.reconciliations.differences(me.user_id, open_only=open_only)
    return Listed(items=[trading.difference_of(row) for row in found])


@router.get("/diary")
def list_diary(parts: Ports, me: Me, page: PageAsked) -> Listed[DecisionView]:
    """List the decisions of all agents, newest first."""
    found = parts.diary.decisions(me.user_id, cursor=page.cursor, limit=page.limit)
    return Listed(items=[decision_of(decision) for decision in found.items], next_cursor=found.next_cursor)


@router.get("/risk-decisions")
def list_risk_decisions(parts: Ports, me: Me, page: PageAsked, intent_id: Narrow = None) -> Listed[RiskView]:
    """List what risk decided and by which numbers, newest first."""
    found = parts.risk.decisions(me.user_id, intent_id=intent_id or "", cursor=page.cursor, limit=page.limit)
    return Listed(items=[risk_of(row) for row in found.items], next_cursor=found.next_cursor)


@router.get("/logs")
def list_logs(
    parts: Ports,
    me: Me,
    after: Annotated[int, Query(ge=0, le=MOST_EVENTS, description="Id of the last event already known.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Listed[EventView]:
    """List the caller's events after an id, oldest first; the same that GET /api/events streams."""
    found = parts.events.since(me.user_id, after, limit=limit)
    return Listed(items=[event_of(event) for event in found], next_cursor=str(found[-1].id) if found else "")


def _portfolios(parts: Parts, me: Caller, account_id: str | None) -> tuple[SyncedPortfolio, ...]:
    if account_id is not None:
        asked.own_account(parts, me, account_id)
    found = parts.portfolios.of_user(me.user_id)
    return tuple(synced for synced in found if account_id in {None, synced.portfolio.account_id})


def _filter(
    coin: str | None, intent_id: str | None, account_id: str | None, agent_id: str | None, since: datetime | None
) -> Filter:
    return Filter(
        coin=coin or "",
        intent_id=intent_id or "",
        account_id=account_id or "",
        agent_id=agent_id or "",
        since=since,
    )
