"""The whole idle cycle of an agent in one activity: observe, decide, store, and say what to start."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio.exceptions import ApplicationError

from activities.approvals import AccountBook, PortfolioSync
from activities.blocking import blocking
from activities.errors import translated
from activities.ports import Advisers, Clock
from activities.wishes import Desk, Held, intents_of
from advisors.base import Advisor
from domain.accounts import AccountRef, Portfolio
from domain.agents import AgentConfig, AgentMode
from domain.candles import require_usable
from domain.cycles import AgentShown, CycleOutcome, CycleRequest, Decision
from domain.days import is_active
from domain.decisions import Advice, MarketView, Situation
from domain.errors import HoldfastError, Refused
from domain.intents import TERMINAL_PHASES, Intent
from storage.base import Diary, Portfolios, RiskBook, Supervision
from storage.gate import Gate
from storage.journal import Intents
from venues.base import MarketData, VenueDirectory

_NAMESPACE = uuid.UUID("0b0c1a52-7a0e-5f6e-9d55-53d2c7e0a6f4")
_LONGEST_NOTE = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleParts:
    """What a cycle reads and writes. `portfolio_age` is how old a portfolio it may decide on."""

    accounts: AccountBook
    venues: VenueDirectory
    advisers: Advisers
    diary: Diary
    portfolios: Portfolios
    risk: RiskBook
    intents: Intents
    supervision: Supervision
    gate: Gate
    sync: PortfolioSync
    now: Clock
    portfolio_age: timedelta = timedelta(seconds=60)


class DecisionActivities:
    """Cycles of agents."""

    def __init__(self, parts: CycleParts) -> None:
        self._parts = parts

    @blocking
    @translated
    def run_cycle(self, request: CycleRequest) -> CycleOutcome:
        """Observe and decide once; repeated, the stored decision is the answer."""
        latest = self._parts.diary.last_cycle(request.config.agent_id)
        if latest == request.cycle:
            stored = self._parts.diary.outcome(request.config.agent_id, latest)
            if stored is not None:
                return self._answer(request, replace(stored, cycle=latest))
        # A workflow that was reset or started anew is behind Postgres; its ids must not repeat other decisions'.
        cycle = request.cycle if latest < request.cycle else latest + 1
        decision = self._decide(request.config, cycle)
        return self._answer(request, self._parts.diary.record(decision))

    @blocking
    @translated
    def show_agent(self, shown: AgentShown) -> None:
        """Show an agent's status in lists."""
        self._parts.diary.show_agent(shown)

    def _answer(self, request: CycleRequest, outcome: CycleOutcome) -> CycleOutcome:
        phases = self._parts.supervision.phases(request.open_intents)
        finished = tuple(name for name in request.open_intents if phases.get(name) in TERMINAL_PHASES)
        # Simulate records what it would do; nothing of it may reach the order gate.
        intents = outcome.intents if request.config.mode is AgentMode.LIVE else ()
        return replace(outcome, intents=intents, finished_intents=finished)

    def _decide(self, config: AgentConfig, cycle: int) -> Decision:
        at = self._parts.now()
        account = self._parts.accounts.ref(config.account_id)
        advisor = self._parts.advisers.named(config.adviser)
        market = self._parts.venues.of(account.venue, account.network).market
        views, faults = _look(market, config, advisor.candles_needed)
        situation = Situation(
            agent_id=config.agent_id,
            cycle=cycle,
            views=views,
            portfolio=self._portfolio(account),
            settings=config.settings,
        )
        advice = _advise(advisor, situation)
        held = self._held(config, account, at)
        desk = self._desk(config, cycle, at, situation)
        intents, notes = intents_of(desk, advice)
        if held:
            intents = tuple(intent for intent in intents if intent.kind == "close")
        return _decision(desk, situation, advice, intents=intents, held=held, notes=(*faults, *notes))

    def _portfolio(self, account: AccountRef) -> Portfolio:
        snapshot = self._parts.portfolios.newest(account.account_id)
        if snapshot is not None and snapshot.age <= self._parts.portfolio_age:
            return snapshot.portfolio
        return self._parts.sync.sync(account)

    def _held(self, config: AgentConfig, account: AccountRef, at: datetime) -> str:
        """Say why nothing may be opened, '' when it may."""
        closed_by = self._parts.gate.closed_by(venue=config.venue, user_id=config.user_id, agent_id=config.agent_id)
        if closed_by:
            return closed_by
        breaker = self._parts.risk.breaker(account.account_id)
        return f"circuit breaker: {breaker.reason}" if breaker is not None and is_active(breaker, at) else ""

    def _desk(self, config: AgentConfig, cycle: int, at: datetime, situation: Situation) -> Desk:
        held = {view.coin: self._held_coin(config, view.coin) for view in situation.views}
        return Desk(config=config, cycle=cycle, at=at, portfolio=situation.portfolio, held=held)

    def _held_coin(self, config: AgentConfig, coin: str) -> Held:
        owner = self._parts.intents.owner(config.account_id, coin)
        view = self._parts.intents.view(owner) if owner else None
        return Held(owner=owner, is_ours=view is not None and view.intent.agent_id == config.agent_id)


def _look(market: MarketData, config: AgentConfig, needed: int) -> tuple[tuple[MarketView, ...], tuple[str, ...]]:
    """Look at each coin; one with unusable data is left out and named, the others are decided on."""
    views: list[MarketView] = []
    faults: list[str] = []
    for coin in config.coins:
        try:
            views.append(_view(market, coin, config.interval, needed))
        except Refused as refusal:
            faults.append(f"{coin} skipped ({refusal.code}): {refusal.message}")
    return tuple(views), tuple(faults)


def _view(market: MarketData, coin: str, interval: str, needed: int) -> MarketView:
    candles = require_usable(market.candles(coin, interval, needed), at_least=needed)
    mark = market.mark(coin)
    return MarketView(
        coin=coin,
        as_of=mark.market_time,
        mark_px=mark.mark_px,
        mid_px=mark.mid_px,
        funding_rate=mark.funding_rate,
        candles=candles,
    )


def _advise(advisor: Advisor, situation: Situation) -> Advice:
    """Ask the adviser; data that it refuses skip the cycle, a bug in it is final and somebody's to mend."""
    if not situation.views:
        return Advice(adviser=advisor.name, note="no usable market data")
    try:
        return advisor.advise(situation)
    except Refused as refusal:
        return Advice(adviser=advisor.name, note=f"skipped ({refusal.code}): {refusal.message}")
    except HoldfastError:
        raise
    except Exception as bug:
        message = f"Adviser {advisor.name} failed: {type(bug).__name__}: {bug}"[:_LONGEST_NOTE]
        raise ApplicationError(message, type="adviser_failed", non_retryable=True) from bug


def _decision(
    desk: Desk, situation: Situation, advice: Advice, *, intents: tuple[Intent, ...], held: str, notes: tuple[str, ...]
) -> Decision:
    decision_id = str(uuid.uuid5(_NAMESPACE, f"{desk.config.agent_id}\x1f{desk.cycle}"))
    note = "; ".join(part for part in (*notes, advice.note) if part)[:_LONGEST_NOTE]
    outcome = CycleOutcome(decision_id=decision_id, intents=intents, note=note, held=held, cycle=desk.cycle)
    return Decision(
        decision_id=decision_id,
        user_id=desk.config.user_id,
        agent_id=desk.config.agent_id,
        cycle=desk.cycle,
        adviser=advice.adviser,
        at=desk.at,
        situation=situation,
        advice=advice,
        outcome=outcome,
        trace_id=desk.trace_id,
    )
