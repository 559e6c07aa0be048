"""Referral codes: a discount for who uses one (reference 2.6, 5.5)."""

from __future__ import annotations

from typing import Any

from paper.engine.accounts import Account
from paper.engine.errors import ActionRefused
from paper.engine.orders import Origin
from paper.hyperliquid.answers import OK
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import typed

Json = dict[str, Any]


def use_code(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `setReferrer`."""
    del origin
    code = typed(action.get("code"), str)
    owner = next((other for other in node.venue.accounts.values() if other.own_code == code != ""), None)
    if owner is None or owner is account:
        raise ActionRefused("Referral code not registered")
    if account.referred_by:
        raise ActionRefused("Referrer already set.")
    account.referred_by = code
    return OK


def make_code(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `registerReferrer`."""
    del origin
    code = typed(action.get("code"), str).upper()
    taken = any(other.own_code == code for other in node.venue.accounts.values())
    if not code or taken or account.own_code:
        raise ActionRefused("Referral code already registered")
    account.own_code = code
    return OK


ACTIONS = {"setReferrer": use_code, "registerReferrer": make_code}
