"""A trade against every limit. Every name is also importable from `domain.risk`.

Exposure is positions plus live journal rows and nothing else: there is no counter that can leak.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from domain.accounts import Portfolio
from domain.days import Breaker, DayRecord, activate_circuit_breaker, is_active
from domain.limits import RiskLimits
from domain.money import ZERO, Money, Price, Quantity, notional, plain, require_finite
from domain.orders import Side

_PRINTABLE = Decimal(10) ** 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedTrade:
    """An opening trade before risk has looked at it; `px` is the price at which it counts."""

    coin: str
    side: Side
    size: Quantity
    px: Price
    leverage: int = 1

    def __post_init__(self) -> None:
        require_finite(size=self.size, px=self.px)

    @property
    def notional(self) -> Money:
        """Value at the price at which it counts."""
        return notional(self.size, self.px)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedExposure:
    """A live opening row of the journal: it may still become a position."""

    intent_id: str
    coin: str
    side: Side
    notional: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskDecision:
    """The answer with every figure that led to it; `code` is `allowed` or the name of the limit."""

    allowed: bool
    code: str
    message: str
    numbers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """What a trade would lead to at worst, and what the limits are multiples of."""

    equity: Decimal
    capital: Decimal
    position: Decimal
    asset: Decimal
    total: Decimal
    margin: Decimal
    available: Decimal
    turnover: Decimal
    fees: Decimal
    drawdown: Decimal
    leverage: int
    open_positions: int
    orders: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    code: str
    words: str
    value: Callable[[_Figures], Decimal]
    bound: Callable[[_Figures, RiskLimits], Decimal]

    def is_broken(self, figures: _Figures, limits: RiskLimits) -> bool:
        return self.value(figures) > self.bound(figures, limits)


_RULES: tuple[_Rule, ...] = (
    _Rule(
        code="leverage",
        words="leverage",
        value=lambda f: Decimal(f.leverage),
        bound=lambda _, limits: Decimal(limits.max_leverage),
    ),
    _Rule(
        code="position_size",
        words="value of the position",
        value=lambda f: f.position,
        bound=lambda f, limits: limits.max_position * f.equity,
    ),
    _Rule(
        code="asset_exposure",
        words="exposure in the asset",
        value=lambda f: f.asset,
        bound=lambda f, limits: limits.max_asset_exposure * f.equity,
    ),
    _Rule(
        code="total_exposure",
        words="total exposure",
        value=lambda f: f.total,
        bound=lambda f, limits: limits.max_total_exposure * f.equity,
    ),
    _Rule(
        code="open_positions",
        words="number of open positions",
        value=lambda f: Decimal(f.open_positions),
        bound=lambda _, limits: Decimal(limits.max_open_positions),
    ),
    _Rule(
        code="order_rate",
        words="number of orders within an hour",
        value=lambda f: Decimal(f.orders),
        bound=lambda _, limits: Decimal(limits.max_orders_per_hour),
    ),
    _Rule(
        code="fee_budget",
        words="sum of the day's fees",
        value=lambda f: f.fees,
        bound=lambda f, limits: limits.daily_fees * f.capital,
    ),
    _Rule(
        code="churn_budget",
        words="turnover of the day",
        value=lambda f: f.turnover,
        bound=lambda f, limits: limits.daily_turnover * f.capital,
    ),
    _Rule(
        code="insufficient_margin",
        words="margin needed",
        value=lambda f: f.margin,
        bound=lambda f, _: f.available,
    ),
)


def check_trade_allowed(
    trade: ProposedTrade,
    portfolio: Portfolio,
    *,
    reserved: Iterable[ReservedExposure],
    day: DayRecord,
    breaker: Breaker | None,
    limits: RiskLimits,
    now: datetime,
) -> RiskDecision:
    """Hold a trade against every limit, with live rows counted as if they had filled."""
    figures = _figures(trade, portfolio, tuple(reserved), day)
    numbers = _numbers(figures, trade, day, limits) | _breaker_numbers(breaker, now)
    state = _refused_by_state(trade, figures, breaker, limits, now)
    if state is not None:
        return replace(state, numbers=numbers)
    for rule in _RULES:
        if rule.is_broken(figures, limits):
            value, bound = rule.value(figures), rule.bound(figures, limits)
            message = f"The {rule.words} would be {_shown(value)}, the limit is {_shown(bound)}."
            return RiskDecision(allowed=False, code=rule.code, message=message, numbers=numbers)
    return RiskDecision(allowed=True, code="allowed", message="Every limit holds.", numbers=numbers)


def check_daily_drawdown(portfolio: Portfolio, day: DayRecord, limits: RiskLimits) -> RiskDecision:
    """Compare the day's change of equity, without deposits and withdrawals, with the daily loss limit."""
    drawdown = _drawdown(portfolio.equity, day)
    numbers = {
        "equity": plain(portfolio.equity),
        "start_equity": plain(day.start_equity),
        "net_transfers": plain(day.net_transfers),
        "change": plain(portfolio.equity - day.capital),
        "daily_drawdown": _shown(drawdown),
        "daily_drawdown_limit": plain(limits.daily_loss),
    }
    if drawdown < limits.daily_loss or drawdown == 0:
        message = "The daily loss limit holds."
        return RiskDecision(allowed=True, code="allowed", message=message, numbers=numbers)
    message = _drawdown_message(drawdown, limits)
    return RiskDecision(allowed=False, code="daily_drawdown", message=message, numbers=numbers)


def breaker_due(portfolio: Portfolio, day: DayRecord, limits: RiskLimits, *, now: datetime) -> Breaker | None:
    """Return the breaker that the day's losses trip, or None."""
    loss = check_daily_drawdown(portfolio, day, limits)
    if not loss.allowed:
        return activate_circuit_breaker(loss.code, loss.message, limits=limits, now=now)
    if 0 < limits.loss_streak <= day.loss_streak:
        reason = f"{day.loss_streak} losing trades in a row."
        return activate_circuit_breaker("loss_streak", reason, limits=limits, now=now)
    return None


def _refused_by_state(
    trade: ProposedTrade, figures: _Figures, breaker: Breaker | None, limits: RiskLimits, now: datetime
) -> RiskDecision | None:
    if breaker is not None and is_active(breaker, now):
        until = "it is reset" if breaker.until is None else breaker.until.isoformat()
        return RiskDecision(
            allowed=False,
            code="circuit_breaker",
            message=f"The circuit breaker is open until {until}: {breaker.reason}",
        )
    if limits.allowed_coins and trade.coin not in limits.allowed_coins:
        allowed = ", ".join(limits.allowed_coins)
        return RiskDecision(
            allowed=False, code="asset_not_allowed", message=f"{trade.coin} is not among the allowed assets: {allowed}."
        )
    if figures.equity <= 0:
        return RiskDecision(
            allowed=False, code="no_equity", message=f"The account's equity is {plain(figures.equity)}."
        )
    if figures.drawdown > 0 and figures.drawdown >= limits.daily_loss:
        return RiskDecision(allowed=False, code="daily_drawdown", message=_drawdown_message(figures.drawdown, limits))
    return None


def _figures(
    trade: ProposedTrade, portfolio: Portfolio, reserved: tuple[ReservedExposure, ...], day: DayRecord
) -> _Figures:
    held = {position.coin: position.notional * position.side.sign for position in portfolio.positions if position.size}
    wanted = (trade.coin, trade.side, trade.notional)
    rows = [*((row.coin, row.side, row.notional) for row in reserved), wanted]
    coins = {*held, *(coin for coin, _, _ in rows)}
    at_stake = sum((value for _, _, value in rows), ZERO)
    return _Figures(
        equity=portfolio.equity,
        capital=day.capital if day.capital > 0 else portfolio.equity,
        position=_worst(trade.coin, held, [wanted]),
        asset=_worst(trade.coin, held, rows),
        total=sum((_worst(coin, held, rows) for coin in coins), ZERO),
        margin=at_stake / max(trade.leverage, 1),
        available=portfolio.available,
        turnover=day.turnover + at_stake,
        fees=day.fees,
        drawdown=_drawdown(portfolio.equity, day),
        leverage=trade.leverage,
        open_positions=len(coins),
        orders=day.orders_last_hour + 1,
    )


def _worst(coin: str, held: dict[str, Decimal], rows: list[tuple[str, Side, Money]]) -> Decimal:
    """Return the largest exposure in a coin when any subset of the rows fills: buys and sells never net each other."""
    position = held.get(coin, ZERO)
    bought = sum((value for name, side, value in rows if name == coin and side is Side.BUY), ZERO)
    sold = sum((value for name, side, value in rows if name == coin and side is Side.SELL), ZERO)
    return max(abs(position + bought), abs(position - sold))


def _drawdown(equity: Money, day: DayRecord) -> Decimal:
    lost = day.capital - equity
    if lost <= 0:
        return ZERO
    return lost / day.capital if day.capital > 0 else Decimal(1)


def _drawdown_message(drawdown: Decimal, limits: RiskLimits) -> str:
    return f"The day's loss is {_shown(drawdown * 100)} % of equity, the limit is {_shown(limits.daily_loss * 100)} %."


def _numbers(figures: _Figures, trade: ProposedTrade, day: DayRecord, limits: RiskLimits) -> dict[str, str]:
    numbers = {
        "coin": trade.coin,
        "side": str(trade.side),
        "size": plain(trade.size),
        "px": plain(trade.px),
        "notional": plain(trade.notional),
        "equity": plain(figures.equity),
        "start_equity": plain(day.start_equity),
        "net_transfers": plain(day.net_transfers),
        "loss_streak": str(day.loss_streak),
        "daily_drawdown": _shown(figures.drawdown),
        "daily_drawdown_limit": plain(limits.daily_loss),
    }
    for rule in _RULES:
        numbers[rule.code] = _shown(rule.value(figures))
        numbers[f"{rule.code}_limit"] = _shown(rule.bound(figures, limits))
    return numbers


def _breaker_numbers(breaker: Breaker | None, now: datetime) -> dict[str, str]:
    if breaker is None:
        return {"breaker": ""}
    until = "" if breaker.until is None else breaker.until.isoformat()
    return {"breaker": breaker.code, "breaker_until": until, "breaker_active": str(is_active(breaker, now)).lower()}


def _shown(value: Decimal) -> str:
    # Absurd sizes are refused with their figures, so they have to be printable; quantize would raise beyond 28 digits.
    return plain(value.quantize(Decimal("0.000001"))) if abs(value) < _PRINTABLE else plain(value)
