"""The trading day, its record and the circuit breaker. Every name is also importable from `domain.risk`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, tzinfo
from zoneinfo import ZoneInfo

from domain.errors import Misconfigured
from domain.limits import RiskLimits
from domain.money import ZERO, Money, require_finite


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRecord:
    """What happened since the day began.

    `net_transfers` are deposits minus withdrawals since then; fees are positive when paid.
    """

    day: str
    start_equity: Money
    net_transfers: Money = Money(ZERO)
    fees: Money = Money(ZERO)
    turnover: Money = Money(ZERO)
    orders_last_hour: int = 0
    loss_streak: int = 0
    realised_pnl: Money = Money(ZERO)

    def __post_init__(self) -> None:
        require_finite(
            start_equity=self.start_equity,
            net_transfers=self.net_transfers,
            fees=self.fees,
            turnover=self.turnover,
            realised_pnl=self.realised_pnl,
        )

    @property
    def capital(self) -> Money:
        """What is at stake today: the equity at the start of the day with what was moved since."""
        return Money(self.start_equity + self.net_transfers)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeResult:
    """One finished trade, or one fill of it; `realised_pnl` is gross of fees and zero for a fill that only opens."""

    realised_pnl: Money = Money(ZERO)
    fees: Money = Money(ZERO)
    turnover: Money = Money(ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A tripped circuit breaker; without `until` a person has to reset it."""

    code: str
    reason: str
    tripped_at: datetime
    until: datetime | None = None


def activate_circuit_breaker(code: str, reason: str, *, limits: RiskLimits, now: datetime) -> Breaker:
    """Trip the breaker; it ends by itself only when the limits have a cool-down."""
    until = None if limits.cool_down is None else now + limits.cool_down
    return Breaker(code=code, reason=reason, tripped_at=now, until=until)


def is_active(breaker: Breaker | None, now: datetime) -> bool:
    """Say whether a breaker still forbids new exposure."""
    return breaker is not None and (breaker.until is None or now < breaker.until)


def update_after_trade(day: DayRecord, result: TradeResult) -> DayRecord:
    """Add a result to the day; a fill that realises nothing leaves the streak of losses alone."""
    streak = day.loss_streak
    if result.realised_pnl != 0:
        streak = streak + 1 if result.realised_pnl - result.fees < 0 else 0
    return replace(
        day,
        realised_pnl=Money(day.realised_pnl + result.realised_pnl),
        fees=Money(day.fees + result.fees),
        turnover=Money(day.turnover + result.turnover),
        loss_streak=streak,
    )


def forgive_losses(day: DayRecord) -> DayRecord:
    """Start a new streak; called when a person resets the breaker, which would trip again at once otherwise."""
    return replace(day, loss_streak=0)


def trading_day(now: datetime, zone: str) -> str:
    """Name the trading day that an instant belongs to, as an ISO date of the zone."""
    return now.astimezone(_zone(zone)).date().isoformat()


def day_start(now: datetime, zone: str) -> datetime:
    """Return the first instant, in UTC, of the trading day that `now` belongs to."""
    local = now.astimezone(_zone(zone))
    # A day of a changing clock has 23 or 25 hours and may begin at 01:00, so subtracting the time of day is wrong.
    return datetime.combine(local.date(), time(), local.tzinfo).astimezone(UTC)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise Misconfigured(
            "unknown_time_zone",
            f"{name!r} is no time zone.",
            action="Set day_zone to a name such as UTC or Europe/Berlin.",
        ) from None
