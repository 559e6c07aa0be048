"""From an adviser's proposals to intents: what it may wish for, given who owns what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.accounts import Portfolio
from domain.agents import AgentConfig
from domain.decisions import Action, Advice, Proposal
from domain.intents import Intent, IntentKind, Protection, agent_intent_id
from domain.orders import Side

_SIDES = {Action.OPEN_LONG: Side.BUY, Action.OPEN_SHORT: Side.SELL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Who owns a coin's slot, and whether it is this agent."""

    owner: str = ""
    is_ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What turns proposals into intents: the agent, its cycle, the account's state and the slots."""

    config: AgentConfig
    cycle: int
    at: datetime
    portfolio: Portfolio
    held: Mapping[str, Held]

    @property
    def trace_id(self) -> str:
        """One id for all that comes of this cycle."""
        return f"{self.config.agent_id}-{self.cycle}"


def intents_of(desk: Desk, advice: Advice) -> tuple[tuple[Intent, ...], tuple[str, ...]]:
    """Return the intents that the proposals lead to, and a note about each proposal."""
    intents: list[Intent] = []
    notes: list[str] = []
    for proposal in advice.proposals:
        intent, note = _wish(desk, proposal)
        notes.append(f"{proposal.coin} {proposal.action}: {note or proposal.reason}")
        if intent is not None:
            intents.append(intent)
    return tuple(intents), tuple(notes)


def _wish(desk: Desk, proposal: Proposal) -> tuple[Intent | None, str]:
    held = desk.held.get(proposal.coin)
    if held is None:
        return None, "not among the coins that were shown"
    if proposal.action is Action.HOLD:
        return None, ""
    if proposal.action is Action.CLOSE:
        return _close(desk, proposal, held)
    return _open(desk, proposal, held)


def _open(desk: Desk, proposal: Proposal, held: Held) -> tuple[Intent | None, str]:
    side = _SIDES[proposal.action]
    position = desk.portfolio.position(proposal.coin)
    if held.is_ours and position is not None and position.side is not side:
        # A flip is two steps: this cycle closes, a later one opens when the account is proved flat.
        intent, note = _close(desk, proposal, held)
        return intent, note or f"closes the {position.side} first"
    if held.owner:
        return None, "already ours" if held.is_ours else f"the slot belongs to intent {held.owner}"
    if position is not None:
        return None, "a position without an owner is there"
    protection = Protection(stop_px=proposal.stop_px, take_profit_px=proposal.take_profit_px)
    return _intent(desk, proposal, IntentKind.OPEN, side, protection), ""


def _close(desk: Desk, proposal: Proposal, held: Held) -> tuple[Intent | None, str]:
    position = desk.portfolio.position(proposal.coin)
    if position is None:
        return None, "nothing to close"
    if not held.is_ours:
        return None, "the position is not ours"
    return _intent(desk, proposal, IntentKind.CLOSE, position.side.opposite, Protection()), ""


def _intent(desk: Desk, proposal: Proposal, kind: IntentKind, side: Side, protection: Protection) -> Intent:
    config = desk.config
    return Intent(
        intent_id=agent_intent_id(config.agent_id, desk.cycle, proposal.coin, side, kind),
        user_id=config.user_id,
        account_id=config.account_id,
        venue=config.venue,
        coin=proposal.coin,
        kind=kind,
        side=side,
        decided_at=desk.at,
        agent_id=config.agent_id,
        cycle=desk.cycle,
        conviction=proposal.conviction if kind is IntentKind.OPEN else None,
        protection=protection,
        limits=config.limits,
        reason=proposal.reason,
        strategy=config.adviser,
        trace_id=desk.trace_id,
    )
