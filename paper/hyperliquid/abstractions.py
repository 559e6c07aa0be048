"""Unified accounts: one balance of USDC, shown as spot, that backs everything (reference 1.2, 5.9, trap 30)."""

from __future__ import annotations

from typing import Any

from paper.engine.accounts import UNIFIED, Account
from paper.engine.errors import ActionRefused, Unparsable
from paper.engine.orders import Origin
from paper.engine.owned import run_by
from paper.hyperliquid.answers import OK
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, typed

Json = dict[str, Any]
MODES = {"i": "disabled", "u": UNIFIED, "p": "portfolioMargin"}
DISABLED = "Action disabled when unified account is active"


def set_by_user(node: Node, account: Account, action: Json) -> Json:
    """Run `userSetAbstraction`: for the signer or one of its sub-accounts."""
    _switch(node, _named(node, account, action), typed(action.get("abstraction"), str))
    return OK


def set_by_agent(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `agentSetAbstraction`; the modes have one letter there."""
    del origin
    _switch(node, account, MODES.get(typed(action.get("abstraction"), str), ""))
    return OK


def set_dexes_by_user(node: Node, account: Account, action: Json) -> Json:
    """Run `userDexAbstraction`: with one dex it changes nothing but its own answer."""
    account = _named(node, account, action)
    account.dex_abstraction = typed(action.get("enabled"), bool)
    node.venue.touch(account)
    return OK


def set_dexes_by_agent(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `agentEnableDexAbstraction`."""
    del node, action, origin
    account.dex_abstraction = True
    return OK


def _named(node: Node, account: Account, action: Json) -> Account:
    user = address(action.get("user"))
    if user == account.address:
        return account
    sub = run_by(node.venue, user, account.address)
    if sub is None:
        raise ActionRefused(f"Vault not registered: {user}")
    return sub


def _switch(node: Node, account: Account, mode: str) -> None:
    if mode not in MODES.values():
        raise Unparsable(f"unknown abstraction {mode!r}")
    # The venue's own words for these two are not known.
    if mode == "portfolioMargin":
        raise ActionRefused("Portfolio margin is not available.")
    if account.abstraction == UNIFIED and mode != UNIFIED:
        raise ActionRefused("Unified account cannot be disabled.")
    account.abstraction = mode
    node.venue.touch(account)


ACTIONS = {"agentSetAbstraction": set_by_agent, "agentEnableDexAbstraction": set_dexes_by_agent}
USER_ACTIONS = {"userSetAbstraction": set_by_user, "userDexAbstraction": set_dexes_by_user}
