"""What a run has shown so far, read from Postgres, the venue and Temporal: the proof that `--once` asks for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
from sqlalchemy import Engine, text

from domain.accounts import Portfolio
from domain.errors import HoldfastError
from domain.intents import TERMINAL_PHASES, IntentKind, IntentPhase
from runtime.secrets import KeyRing
from runtime.settings import Settings
from runtime.temporal_client import connect
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.decisions import PostgresDiary
from storage.postgres.engine import transaction
from storage.postgres.reconciliation import PostgresReconciliations
from storage.postgres.trades import PostgresTradeBook
from storage.records import AccountRecord, Figures
from storage.tradebook import Filter, IntentRecord
from venues.base import VenueDirectory
from workflows import ids

MOST_INTENTS = 500
_NET_FILLS = text(
    "select coin, sum(case side when 'buy' then size else -size end) as net from fills where account_id = :account group by coin"
)
_IN_FLIGHT = text("select count(*) from orders where account_id = :account and state in ('SENDING', 'UNKNOWN')")
_CLIENT_IDS = text("select client_id from orders where account_id = :account")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFigures:
    """What one agent has done."""

    agent_id: str
    coin: str
    cycles: int
    intents: int
    filled: int
    protected: int
    refused: int
    ended_unfilled: int

    def has_traded(self, cycles: int) -> bool:
        """Say whether the agent has done its cycles and one filled and protected trade."""
        return self.cycles >= cycles and self.filled > 0 and self.protected > 0


class Evidence:
    """Reads the proof."""

    def __init__(self, *, engine: Engine, venues: VenueDirectory, urls: Mapping[str, str], user_id: str) -> None:
        self._engine = engine
        self._venues = venues
        self._urls = urls
        self._user_id = user_id
        self._trades = PostgresTradeBook(engine)
        self._diary = PostgresDiary(engine)

    def of_agent(self, agent_id: str) -> AgentFigures:
        """Count what an agent has done."""
        page = self._trades.intents(self._user_id, Filter(agent_id=agent_id), limit=MOST_INTENTS)
        opens = [record for record in page.items if record.intent.kind is IntentKind.OPEN]
        filled = [record for record in opens if record.first_fill_at is not None]
        return AgentFigures(
            agent_id=agent_id,
            coin=opens[0].intent.coin if opens else "",
            cycles=self._diary.last_cycle(agent_id),
            intents=len(page.items),
            filled=len(filled),
            protected=sum(record.protected_at is not None for record in filled),
            refused=sum(record.phase is IntentPhase.REFUSED for record in opens),
            ended_unfilled=sum(_has_failed(record) for record in opens),
        )

    def figures(self) -> Figures:
        """Sum up the whole run."""
        return self._trades.figures(user_id=self._user_id)

    def differences(self) -> list[str]:
        """Name everything that does not agree between the venue and our books; empty when everything reconciles."""
        found = [
            line for account in PostgresAccounts(self._engine).accounts(self._user_id) for line in self._of(account)
        ]
        open_ones = PostgresReconciliations(self._engine).differences(self._user_id)
        return found + [f"{difference.coin}: {difference.kind} {difference.amount}" for difference in open_ones]

    def _of(self, account: AccountRecord) -> list[str]:
        try:
            portfolio = self._venues.of(account.ref.venue, account.ref.network).accounts.portfolio(account.ref)
            strangers = self._strangers(account)
        except (HoldfastError, httpx.HTTPError) as failure:
            return [f"the venue was not read: {failure}"]
        with transaction(self._engine) as connection:
            net = {
                row.coin: Decimal(row.net)
                for row in connection.execute(_NET_FILLS, {"account": account.ref.account_id})
            }
            in_flight = connection.scalar(_IN_FLIGHT, {"account": account.ref.account_id})
        found = _unequal(portfolio, net)
        found += [f"{in_flight} orders in flight"] if in_flight else []
        return found + [f"the venue has order {name} that no intent of ours made" for name in strangers]

    def _strangers(self, account: AccountRecord) -> list[str]:
        """Find orders that the paper exchange admitted and our journal does not know."""
        # An account that is named by its key has the name of its user at the paper exchange.
        owner = account.ref.address if account.ref.address.startswith("0x") else account.name
        answer = httpx.get(f"{self._urls[account.ref.venue]}/control/orders", params={"user": owner}, timeout=10)
        answer.raise_for_status()
        with transaction(self._engine) as connection:
            known = set(connection.scalars(_CLIENT_IDS, {"account": account.ref.account_id}))
        names = (str(order.get("cloid") or order["oid"]) for order in orders_in(answer.json()))
        return [name for name in names if name.removeprefix("0x") not in known]


def orders_in(answer: Any) -> list[dict[str, Any]]:
    """Take the orders out of the paper exchange's answer."""
    orders: list[dict[str, Any]] = answer["orders"] if isinstance(answer, dict) else answer
    return orders


def events_per_cycle(settings: Settings, address: str, user_id: str, agents: dict[str, int]) -> float:
    """Divide the history events of the agents' executions by their cycles."""

    async def events() -> int:
        client = await connect(settings, KeyRing.of(settings), address=address)
        handles = [client.get_workflow_handle(ids.agent(user_id, agent_id)) for agent_id in agents]
        return sum([(await handle.describe()).history_length for handle in handles])

    cycles = sum(agents.values())
    return asyncio.run(events()) / cycles if cycles else 0.0


def _has_failed(record: IntentRecord) -> bool:
    return record.first_fill_at is None and record.phase in TERMINAL_PHASES and record.phase is not IntentPhase.REFUSED


def _unequal(portfolio: Portfolio, net: dict[str, Decimal]) -> list[str]:
    held = {position.coin: Decimal(position.size) for position in portfolio.positions}
    coins = sorted(held.keys() | net.keys())
    return [
        f"{coin}: the venue holds {held.get(coin, Decimal(0))}, our fills say {net.get(coin, Decimal(0))}"
        for coin in coins
        if held.get(coin, Decimal(0)) != net.get(coin, Decimal(0))
    ]
