"""All L1 actions by their type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paper.engine.accounts import Account
from paper.engine.orders import Origin
from paper.hyperliquid import (
    abstractions,
    account_actions,
    actions,
    referrals,
    sub_accounts,
    twap_actions,
    vault_actions,
)
from paper.hyperliquid.node import Node
from paper.hyperliquid.token_transfers import send_asset_by_agent

Json = dict[str, Any]
Handler = Callable[[Node, Account, Json, Origin], Json]

ACTIONS: dict[str, Handler] = {
    **actions.ACTIONS,
    **account_actions.ACTIONS,
    **twap_actions.ACTIONS,
    **sub_accounts.ACTIONS,
    **vault_actions.ACTIONS,
    **referrals.ACTIONS,
    **abstractions.ACTIONS,
    "agentSendAsset": send_asset_by_agent,
}
# What only an account with a key of its own may do.
VAULT_FORBIDDEN = {*sub_accounts.ACTIONS, *vault_actions.ACTIONS, *referrals.ACTIONS, "agentSendAsset"}
