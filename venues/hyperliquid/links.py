"""Whether an agent wallet may act for an account, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from venues.hyperliquid.wire import from_millis
from venues.links import LinkReport

WARN_BEFORE = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFacts:
    """What the venue said of an account and a signer: `userRole` of both, `userAbstraction`, `extraAgents`, its clock."""

    address: str
    signer: str
    master_role: Mapping[str, Any]
    signer_role: Mapping[str, Any]
    abstraction: str
    agents: Sequence[Mapping[str, Any]]
    now: datetime

    @property
    def valid_until(self) -> datetime | None:
        """When the signer's approval ends; None for the unnamed agent, whose end the venue does not show."""
        mine = (agent for agent in self.agents if agent["address"].lower() == self.signer.lower())
        ends = next((agent["validUntil"] for agent in mine), None)
        return None if ends is None else from_millis(ends)

    @property
    def is_approved(self) -> bool:
        """Whether the signer is the account's own key or its agent."""
        if self.signer.lower() == self.address.lower():
            return True
        role = self.signer_role
        return role["role"] == "agent" and str(role["data"]["user"]).lower() == self.address.lower()


def judge_link(facts: LinkFacts) -> LinkReport:
    """Return the first thing that is wrong, or that all is well."""
    return (
        _judge_master(facts)
        or _judge_margin(facts)
        or _judge_expired(facts)
        or _judge_approval(facts)
        or _judge_end(facts)
    )


def judge_signer(address: str, signer: str, role: Mapping[str, Any]) -> LinkReport | None:
    """Say whose a signer is when it is not the address's to be; None for one that the venue does not know.

    The venue executes what an agent signs on the account of its own master, whatever account it was meant for.
    """
    match role:
        case {"role": "missing"}:
            return None
        case {"role": "agent", "data": {"user": str(master)}} if master.lower() == address.lower():
            return None
        case {"role": "agent", "data": {"user": str(master)}}:
            text = (
                f"The agent wallet {signer} belongs to {master}, where its orders would run: approve one for {address}."
            )
            return _bad("agent_of_another", text)
        case _:
            text = f"The key is that of {signer}, which is an account itself: send the key of an agent wallet."
            return _bad("key_is_an_account", text)


def judge_owner(address: str, role: Mapping[str, Any]) -> LinkReport | None:
    """Say what keeps an address from being a master's; None when nothing does, also for one that was never used."""
    match role:
        case {"role": "user" | "missing"}:
            return None
        case {"role": "agent", "data": {"user": str(master)}}:
            return _bad("address_is_agent", f"{address} is an agent wallet: give the address of its master, {master}.")
        case role:
            return _bad("address_not_master", f"{address} is a {role['role']}: give the address of a master account.")


def _judge_master(facts: LinkFacts) -> LinkReport | None:
    if facts.master_role == {"role": "missing"}:
        text = f"{facts.address} was never used on this network: deposit USDC there, or check HYPERLIQUID_NETWORK."
        return _bad("account_missing", text)
    return judge_owner(facts.address, facts.master_role)


def _judge_margin(facts: LinkFacts) -> LinkReport | None:
    if facts.abstraction not in {"unifiedAccount", "portfolioMargin"}:
        return None
    # Its money shows in the spot balance and its perpetuals account reads as empty, so risk would refuse every trade.
    text = f"{facts.address} is a unified account, whose money Holdfast cannot see: use an account in standard mode."
    return _bad("account_unified", text)


def _judge_expired(facts: LinkFacts) -> LinkReport | None:
    ends = facts.valid_until
    if ends is None or ends > facts.now:
        return None
    text = f"The agent wallet {facts.signer} expired on {ends:%Y-%m-%d}: approve a new one, never the same again."
    return LinkReport(ok=False, code="agent_expired", sentence=text, valid_until=ends)


def _judge_approval(facts: LinkFacts) -> LinkReport | None:
    if facts.is_approved:
        return None
    foreign = judge_signer(facts.address, facts.signer, facts.signer_role)
    if foreign is not None:
        return foreign
    text = f"The agent wallet {facts.signer} is not approved for {facts.address}: sign its approval as the master."
    return _bad("agent_not_approved", text)


def _judge_end(facts: LinkFacts) -> LinkReport:
    ends = facts.valid_until
    if ends is not None and ends - facts.now <= WARN_BEFORE:
        text = (
            f"The agent wallet {facts.signer} expires on {ends:%Y-%m-%d %H:%M} UTC: make and approve a new one before."
        )
        return LinkReport(ok=True, code="agent_expiring", sentence=text, valid_until=ends)
    text = f"The agent wallet {facts.signer} may trade for {facts.address}."
    return LinkReport(ok=True, code="ok", sentence=text, valid_until=ends)


def _bad(code: str, sentence: str) -> LinkReport:
    return LinkReport(ok=False, code=code, sentence=sentence)
