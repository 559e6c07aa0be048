"""What a request means where it leaves something out: the one account, the one agent; and 404 for what is another's."""

from __future__ import annotations

from api.deps import Parts
from domain.errors import Refused
from storage.records import AccountRecord, AgentRecord, Caller


def account_of(parts: Parts, me: Caller, account_id: str | None) -> AccountRecord:
    """Find the account that is meant; it has to be active."""
    if account_id is not None:
        found = own_account(parts, me, account_id)
    else:
        found = _only_account([account for account in parts.accounts.accounts(me.user_id) if account.active])
    if not found.active:
        raise Refused("account_inactive", "The account is not active.", action="Activate it with PATCH /api/accounts.")
    return found


def own_account(parts: Parts, me: Caller, account_id: str) -> AccountRecord:
    """Find an account of the caller."""
    found = parts.accounts.account(me.user_id, account_id)
    if found is None:
        raise _no_account()
    return found


def agents_of(parts: Parts, me: Caller, agent_id: str | None) -> tuple[AgentRecord, ...]:
    """Find the agent that is meant, or every agent of the caller."""
    return (own_agent(parts, me, agent_id),) if agent_id is not None else parts.agents.agents(me.user_id)


def agent_of(parts: Parts, me: Caller, agent_id: str | None) -> AgentRecord:
    """Find the agent that is meant."""
    found = agents_of(parts, me, agent_id)
    if not found:
        raise _no_agent()
    if len(found) > 1:
        raise Refused(
            "agent_ambiguous",
            f"You have {len(found)} agents.",
            action="Say which one with agent_id.",
            details={"agents": ",".join(agent.config.agent_id for agent in found[:20])},
        )
    return found[0]


def own_agent(parts: Parts, me: Caller, agent_id: str) -> AgentRecord:
    """Find an agent of the caller."""
    found = parts.agents.agent(me.user_id, agent_id)
    if found is None:
        raise _no_agent()
    return found


def _only_account(found: list[AccountRecord]) -> AccountRecord:
    if not found:
        raise _no_account()
    if len(found) > 1:
        raise Refused(
            "account_ambiguous",
            f"You have {len(found)} accounts.",
            action="Say which one with account_id.",
            details={"accounts": ",".join(account.ref.account_id for account in found[:20])},
        )
    return found[0]


def _no_account() -> Refused:
    return Refused("account_unknown", "There is no such account.", action="List them with GET /api/accounts.")


def _no_agent() -> Refused:
    return Refused("agent_unknown", "There is no such agent.", action="List them with GET /api/agents.")
