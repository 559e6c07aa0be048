"""What routes work with: one object, built once, found through the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy import Engine
from starlette.requests import HTTPConnection, Request

from advisors.registry import Registry, built_in
from api.executions import Executions
from runtime.secrets import KeyRing, Vault
from runtime.settings import Settings
from storage.access import Audit, Idempotency, Names, SignerBook, Users, UserSettings
from storage.base import Accounts, Agents, Diary, Events, Halts, Portfolios, Reconciliations, RiskBook
from storage.journal import RequestCounts
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.agents import PostgresAgents
from storage.postgres.audit import PostgresAudit
from storage.postgres.decisions import PostgresDiary
from storage.postgres.events import PostgresEvents
from storage.postgres.halts import PostgresHalts
from storage.postgres.idempotency import PostgresIdempotency
from storage.postgres.keys import PostgresSignerBook
from storage.postgres.limited import PostgresRequestCounts
from storage.postgres.names import PostgresNames
from storage.postgres.portfolios import PostgresPortfolios
from storage.postgres.reconciliation import PostgresReconciliations
from storage.postgres.risk import PostgresRiskBook
from storage.postgres.settings import PostgresUserSettings
from storage.postgres.trades import PostgresTradeBook
from storage.postgres.users import PostgresUsers
from storage.tradebook import TradeBook
from venues.base import VenueDirectory

DEFAULT_LIMIT = 100
MOST_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Ports of the API, wired."""

    settings: Settings
    engine: Engine
    executions: Executions
    advisers: Registry
    users: Users
    accounts: Accounts
    signers: SignerBook
    agents: Agents
    diary: Diary
    portfolios: Portfolios
    halts: Halts
    names: Names
    events: Events
    audit: Audit
    idempotency: Idempotency
    user_settings: UserSettings
    trades: TradeBook
    risk: RiskBook
    reconciliations: Reconciliations
    request_counts: RequestCounts
    venues: VenueDirectory


def parts_over(
    settings: Settings, engine: Engine, executions: Executions, keys: KeyRing, venues: VenueDirectory
) -> Parts:
    """Wire the ports on Postgres."""
    return Parts(
        settings=settings,
        engine=engine,
        executions=executions,
        advisers=built_in(),
        users=PostgresUsers(engine),
        accounts=PostgresAccounts(engine),
        signers=PostgresSignerBook(engine, Vault(keys)),
        agents=PostgresAgents(engine),
        diary=PostgresDiary(engine),
        portfolios=PostgresPortfolios(engine),
        halts=PostgresHalts(engine),
        names=PostgresNames(engine),
        events=PostgresEvents(engine),
        audit=PostgresAudit(engine),
        idempotency=PostgresIdempotency(engine),
        user_settings=PostgresUserSettings(engine),
        trades=PostgresTradeBook(engine),
        risk=PostgresRiskBook(engine),
        reconciliations=PostgresReconciliations(engine),
        request_counts=PostgresRequestCounts(engine),
        venues=venues,
    )


def parts_of(connection: HTTPConnection) -> Parts:
    """Find the ports."""
    parts: Parts = connection.app.state.parts
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which part of a list is asked for."""

    cursor: str
    limit: int


def _paging(
    cursor: Annotated[str, Query(max_length=400, description="next_cursor of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = DEFAULT_LIMIT,
) -> Paging:
    return Paging(cursor=cursor, limit=limit)


async def _body(request: Request) -> bytes:
    return await request.body()


RawBody = Annotated[bytes, Depends(_body)]
"""The body of a protocol that is not ours, as it came."""
Ports = Annotated[Parts, Depends(parts_of)]
PageAsked = Annotated[Paging, Depends(_paging)]
