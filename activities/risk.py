"""The limits of an account and its circuit breaker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain import risk
from domain.accounts import AccountRef, Portfolio
from domain.days import Breaker, DayRecord, is_active
from domain.limits import RiskLimits
from storage.base import Agents, RiskBook


def limits_of(agents: Agents, account: AccountRef) -> RiskLimits | None:
    """Return the strictest daily limits of the agents that trade on an account, None without an active agent."""
    records = agents.agents(account.user_id)
    mine = (record for record in records if record.active and record.config.account_id == account.account_id)
    limits = [record.config.limits for record in mine]
    return min(limits, key=lambda each: (each.daily_loss, each.loss_streak)) if limits else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A trading day, the breaker that forbids new exposure now, and one that the day's losses would trip where none does."""

    day: DayRecord
    in_force: Breaker | None
    due: Breaker | None


class Breakers:
    """Trips and resets circuit breakers."""

    def __init__(self, *, risk_book: RiskBook, agents: Agents, now: Callable[[], datetime]) -> None:
        self._book = risk_book
        self._agents = agents
        self._now = now

    def weigh(self, account: AccountRef, portfolio: Portfolio) -> Weighed:
        """Read today's record, whose first reading of a day fixes its start equity, and weigh the day's losses."""
        now = self._now()
        limits = limits_of(self._agents, account)
        day, breaker = self._book.figures(account.account_id, (limits or RiskLimits()).day_zone, now)
        in_force = breaker if is_active(breaker, now) else None
        due = None
        if limits is not None and in_force is None:
            due = risk.breaker_due(portfolio, day, limits, now=now)
        return Weighed(day=day, in_force=in_force, due=due)

    def in_force(self, account: AccountRef) -> Breaker | None:
        """Return the breaker that forbids new exposure now."""
        breaker = self._book.breaker(account.account_id)
        return breaker if is_active(breaker, self._now()) else None

    def trip(self, account: AccountRef, breaker: Breaker, day: DayRecord, portfolio: Portfolio) -> bool:
        """Store a breaker with its figures; False when it is in force already."""
        limits = limits_of(self._agents, account) or RiskLimits()
        numbers = risk.check_daily_drawdown(portfolio, day, limits).numbers | {"loss_streak": str(day.loss_streak)}
        return self._book.trip(account.account_id, breaker, numbers)

    def reset(self, account: AccountRef, by: str) -> int:
        """Reset every breaker of an account, by a person; returns how many there were."""
        return self._book.reset(account.account_id, by)
