"""Words of an intent for the Web UI and for refusals."""

from __future__ import annotations

from domain.intents import TERMINAL_PHASES, Intent, IntentPhase, OrderStyle
from domain.money import Price, plain
from domain.orders import Side
from workflows.trade_intent.messages import Amendment, IntentProgress, IntentStatus

SHOWN = frozenset(
    {
        IntentPhase.WAITING,
        IntentPhase.UNKNOWN,
        IntentPhase.WORKING,
        IntentPhase.FILLED,
        IntentPhase.PROTECTED,
    }
)
"""Phases that lists filter by; each change of the search attribute costs history events."""


def details(intent: Intent, status: IntentStatus) -> str:
    """Describe an intent in Markdown."""
    lines = [f"**{status.phase}** {intent.kind} {intent.side} {intent.coin}"]
    if status.filled_size:
        at = f" at {plain(status.average_px)}" if status.average_px is not None else ""
        lines.append(f"- filled {plain(status.filled_size)}{at}")
    if status.stop_px is not None:
        lines.append(f"- stop {plain(status.stop_px)}")
    if status.take_profit_px is not None:
        lines.append(f"- take profit {plain(status.take_profit_px)}")
    if status.unknown_since is not None:
        lines.append(f"- outcome unknown since {status.unknown_since.isoformat(timespec='seconds')}")
    if status.code:
        lines.append(f"- {status.code}: {status.reason}")
    return "\n".join(lines)


def fault_of_amendment(intent: Intent, progress: IntentProgress, change: Amendment) -> str:
    """Say why an amendment is refused, '' when it is not."""
    if progress.phase in TERMINAL_PHASES:
        return f"The intent has ended as {progress.phase}."
    if change == Amendment():
        return "Nothing to change: send stop_px, take_profit_px or limit_px."
    if change.limit_px is not None and intent.policy.style is not OrderStyle.LIMIT:
        return "Only a limit order has a limit price to change."
    if change.limit_px is not None and (progress.phase is not IntentPhase.WORKING or progress.filled_size > 0):
        return "The limit can change only while the order works and nothing is filled."
    prices = (change.stop_px, change.take_profit_px, change.limit_px)
    if any(px is not None and px <= 0 for px in prices):
        return "Prices must be positive."
    return _fault_of_sides(intent, progress, change)


def _fault_of_sides(intent: Intent, progress: IntentProgress, change: Amendment) -> str:
    old = progress.protection or intent.protection
    stop = change.stop_px if change.stop_px is not None else old.stop_px
    target = change.take_profit_px if change.take_profit_px is not None else old.take_profit_px
    if stop is None or target is None or _is_between(intent.side, stop, target):
        return ""
    return f"The stop {plain(stop)} and the take profit {plain(target)} are on the wrong sides of each other."


def _is_between(side: Side, stop: Price, target: Price) -> bool:
    return stop < target if side is Side.BUY else target < stop


def phase_of_refusal(code: str) -> IntentPhase:
    """Name the end of an intent whose opening step was never approved."""
    return IntentPhase.CANCELLED if code == "cancelled" else IntentPhase.REFUSED
