"""The limits of an account and its circuit breaker."""

from __future__ import annotations

from collections.abc import Callable
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


class Breakers:
    """Trips and resets circuit breakers."""

    def __init__(self, *, risk_book: RiskBook, agents: Agents, now: Callable[[], datetime]) -> None:
        self._book = risk_book
        self._agents = agents
        self._now = now

    def day(self, account: AccountRef) -> DayRecord:
        """Read today's record; the first reading of a day fixes its start equity."""
        limits = limits_of(self._agents, account) or RiskLimits()
        return self._book.day(account.account_id, limits.day_zone, self._now())

    def in_force(self, account: AccountRef) -> Breaker | None:
        """Return the breaker that forbids new exposure now."""
        breaker = self._book.breaker(account.account_id)
        return breaker if is_active(breaker, self._now()) else None

    def due(self, account: AccountRef, portfolio: Portfolio, day: DayRecord) -> Breaker | None:
        """Return the breaker that the day's losses would trip, None when one is in force already."""
        limits = limits_of(self._agents, account)
        if limits is None or self.in_force(account) is not None:
            return None
        return risk.breaker_due(portfolio, day, limits, now=self._now())

    def trip(self, account: AccountRef, breaker: Breaker, day: DayRecord, portfolio: Portfolio) -> bool:
        """Store a breaker with its figures; False when it is in force already."""
        limits = limits_of(self._agents, account) or RiskLimits()
        numbers = risk.check_daily_drawdown(portfolio, day, limits).numbers | {"loss_streak": str(day.loss_streak)}
        return self._book.trip(account.account_id, breaker, numbers)

    def reset(self, account: AccountRef, by: str) -> int:
        """Reset every breaker of an account, by a person; returns how many there were."""
        return self._book.reset(account.account_id, by)
