"""Reads about who is who: roles, agents, sub-accounts (reference 1.2)."""

from __future__ import annotations

from typing import Any

from paper.engine.accounts import AccountKind
from paper.engine.owned import owned_by
from paper.engine.venue import PaperVenue
from paper.hyperliquid.info_account import clearinghouse_state
from paper.hyperliquid.info_spot import spot_state
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address
from paper.hyperliquid.reads import user_of

Json = dict[str, Any]


def role(node: Node, row: Json, as_of: int | None) -> Any:
    """Return `userRole`."""
    del as_of
    user = user_of(row)
    agent = node.agents.find(user, node.venue.now())
    if agent is not None:
        return {"role": "agent", "data": {"user": agent.master}}
    account = node.venue.account(user)
    if account is None:
        return {"role": "missing"}
    if account.kind is AccountKind.SUB_ACCOUNT:
        return {"role": "subAccount", "data": {"master": account.master}}
    return {"role": str(account.kind)}


def extra_agents(node: Node, row: Json, as_of: int | None) -> Any:
    """Return `extraAgents`: the named ones only."""
    del as_of
    agents = node.agents.of(user_of(row), node.venue.now())
    return [{"name": a.name, "address": a.address, "validUntil": a.valid_until} for a in agents if a.name]


def max_builder_fee(node: Node, row: Json, as_of: int | None) -> Any:
    """Return `maxBuilderFee` in tenths of a basis point."""
    del as_of
    account = node.venue.account(user_of(row))
    return account.builder_fees.get(address(row.get("builder")), 0) if account else 0


def sub_accounts(venue: PaperVenue, user: str) -> list[Json] | None:
    """Return `subAccounts`: null, not an empty list, where there are none."""
    rows = [
        {
            "name": sub.name,
            "subAccountUser": sub.address,
            "master": user,
            "clearinghouseState": clearinghouse_state(venue, sub.address),
            "spotState": spot_state(venue, sub.address),
        }
        for sub in owned_by(venue, user, AccountKind.SUB_ACCOUNT)
    ]
    return rows or None


def sub_accounts_by_dex(venue: PaperVenue, user: str) -> list[Json] | None:
    """Return `subAccounts2`: the states by dex, of which there is one."""
    rows = sub_accounts(venue, user)
    if rows is None:
        return None
    return [
        {
            "name": row["name"],
            "subAccountUser": row["subAccountUser"],
            "master": row["master"],
            "dexToClearinghouseState": [["", row["clearinghouseState"]]],
            "spotState": row["spotState"],
        }
        for row in rows
    ]


def dex_abstraction(venue: PaperVenue, user: str) -> bool | None:
    """Return `userDexAbstraction`."""
    account = venue.account(user)
    return account.dex_abstraction if account else None


def abstraction(venue: PaperVenue, user: str) -> str:
    """Return `userAbstraction`."""
    account = venue.account(user)
    return account.abstraction if account else "disabled"
