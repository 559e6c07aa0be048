"""How well an account did: from its equity over time and its finished trades. Everything is a Decimal; None is undefined.

Deposits and withdrawals are no performance: each return is taken on what was there with what was moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

from domain.money import ZERO, Money

ONE = Decimal(1)
_YEAR = timedelta(days=365)
"""Crypto trades every day."""


class EquityAt(Protocol):
    """One point of an equity curve."""

    @property
    def time(self) -> datetime:
        """When, by the venue."""

    @property
    def equity(self) -> Money:
        """Equity with unrealised PnL."""


class Moved(Protocol):
    """A deposit or withdrawal, positive when it came."""

    @property
    def time(self) -> datetime:
        """When, by the venue."""

    @property
    def amount(self) -> Money:
        """How much."""


class FinishedTrade(Protocol):
    """A trade that is over."""

    @property
    def net_pnl(self) -> Money:
        """What is left after fees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFigures:
    """Figures of finished trades; a trade that made nothing is neither won nor lost."""

    trades: int
    won: int
    lost: int
    net_pnl: Money
    win_rate: Decimal | None
    profit_factor: Decimal | None
    average_win: Money | None
    average_loss: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Figures of a curve and its trades. Returns and the drawdown are fractions; the ratios are for a year."""

    total_return: Decimal
    max_drawdown: Decimal
    sharpe: Decimal | None
    sortino: Decimal | None
    trades: TradeFigures


def performance(
    points: Sequence[EquityAt],
    trades: Iterable[FinishedTrade] = (),
    *,
    transfers: Sequence[Moved] = (),
    period: timedelta = timedelta(days=1),
) -> Performance:
    """Compute every figure; the ratios use the returns of whole periods, the drawdown every point."""
    every = returns(points, transfers)
    periodic = returns(_last_of_each(points, period), transfers)
    return Performance(
        total_return=_compound(every)[-1] - 1,
        max_drawdown=max_drawdown(every),
        sharpe=sharpe(periodic, period),
        sortino=sortino(periodic, period),
        trades=trade_figures(trades),
    )


def returns(points: Sequence[EquityAt], transfers: Sequence[Moved] = ()) -> tuple[Decimal, ...]:
    """Return the change from each point to the next as a fraction, as if transfers came at the start of their interval."""
    ordered = sorted(points, key=lambda point: point.time)
    moved = sorted(transfers, key=lambda transfer: transfer.time)
    result = []
    for before, after in pairwise(ordered):
        flow = sum((transfer.amount for transfer in moved if before.time < transfer.time <= after.time), ZERO)
        base = before.equity + flow
        result.append(after.equity / base - 1 if base > 0 else ZERO)
    return tuple(result)


def max_drawdown(changes: Sequence[Decimal]) -> Decimal:
    """Return the largest fall from a peak as a positive fraction."""
    peak, worst = ONE, ZERO
    for level in _compound(changes):
        peak = max(peak, level)
        worst = max(worst, ONE - level / peak)
    return worst


def sharpe(changes: Sequence[Decimal], period: timedelta) -> Decimal | None:
    """Return mean over standard deviation of the returns, for a year; None without two returns or without variation."""
    if len(changes) < 2:
        return None
    mean = _mean(changes)
    variance = sum(((change - mean) ** 2 for change in changes), ZERO) / (len(changes) - 1)
    return _yearly(mean / variance.sqrt(), period) if variance > 0 else None


def sortino(changes: Sequence[Decimal], period: timedelta) -> Decimal | None:
    """Return mean over the deviation of the losses, for a year; None without two returns or without a loss."""
    if len(changes) < 2:
        return None
    downside = sum((min(change, ZERO) ** 2 for change in changes), ZERO) / len(changes)
    return _yearly(_mean(changes) / downside.sqrt(), period) if downside > 0 else None


def trade_figures(trades: Iterable[FinishedTrade]) -> TradeFigures:
    """Count and sum finished trades."""
    results = [trade.net_pnl for trade in trades]
    wins = [result for result in results if result > 0]
    losses = [-result for result in results if result < 0]
    gain, loss = sum(wins, ZERO), sum(losses, ZERO)
    return TradeFigures(
        trades=len(results),
        won=len(wins),
        lost=len(losses),
        net_pnl=Money(gain - loss),
        win_rate=Decimal(len(wins)) / len(results) if results else None,
        profit_factor=gain / loss if loss else None,
        average_win=Money(gain / len(wins)) if wins else None,
        average_loss=Money(loss / len(losses)) if losses else None,
    )


def _compound(changes: Sequence[Decimal]) -> list[Decimal]:
    levels = [ONE]
    for change in changes:
        levels.append(levels[-1] * (1 + change))
    return levels


def _last_of_each(points: Sequence[EquityAt], period: timedelta) -> list[EquityAt]:
    """Keep the first point, and the last one of each period counted from it."""
    ordered = sorted(points, key=lambda point: point.time)
    if not ordered:
        return []
    first = ordered[0]
    last = {-((first.time - point.time) // period): point for point in ordered[1:]}
    return [first, *last.values()]


def _mean(changes: Sequence[Decimal]) -> Decimal:
    return sum(changes, ZERO) / len(changes)


def _yearly(ratio: Decimal, period: timedelta) -> Decimal:
    return ratio * (Decimal(_YEAR // timedelta(seconds=1)) / Decimal(period // timedelta(seconds=1))).sqrt()
