"""Sub-accounts: making them and moving money between them and their master (reference 2.6, 5.9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account, AccountKind
from paper.engine.errors import ActionRefused
from paper.engine.margin import withdrawable
from paper.engine.orders import Origin
from paper.engine.owned import open_owned, owned_by, run_by
from paper.hyperliquid.answers import OK, made
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, decimal, typed
from paper.hyperliquid.token_moves import move_token, token_of

Json = dict[str, Any]
MICRO = Decimal("0.000001")
MOST = 50
VOLUME_PER_EXTRA = Decimal(100_000_000)


def create(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `createSubAccount`."""
    del origin
    settings = node.venue.settings
    if account.volume < settings.sub_account_volume:
        traded = f"Required: ${settings.sub_account_volume:.0f}. Traded: ${account.volume:.2f}."
        raise ActionRefused(f"Cannot create sub-accounts until enough volume traded. {traded}")
    mine = owned_by(node.venue, account.address, AccountKind.SUB_ACCOUNT)
    extra = int(account.volume / VOLUME_PER_EXTRA)
    if len(mine) >= min(settings.sub_account_limit + extra, MOST):
        raise ActionRefused("Too many sub-accounts.")
    opened = open_owned(node.venue, account.address, AccountKind.SUB_ACCOUNT, _name(action))
    return made("createSubAccount", opened.address)


def rename(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `subAccountModify`."""
    del origin
    sub = _sub(node, account, action)
    sub.name = _name(action)
    node.venue.touch(sub)
    return OK


def transfer(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `subAccountTransfer`: USDC between the perp balances; `usd` in millionths."""
    del origin
    sub = _sub(node, account, action)
    amount = typed(action.get("usd"), int) * MICRO
    source, target = (account, sub) if typed(action.get("isDeposit"), bool) else (sub, account)
    if amount <= 0 or amount > withdrawable(node.venue, source):
        raise ActionRefused("Insufficient balance for withdrawal.")
    source.cash -= amount
    target.cash += amount
    delta: Json = {"type": "subAccountTransfer", "usdc": amount, "user": source.address, "destination": target.address}
    for side in (source, target):
        node.venue.add_ledger(side, delta)
    return OK


def transfer_spot(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `subAccountSpotTransfer`: a token between the spot balances."""
    del origin
    sub = _sub(node, account, action)
    source, target = (account, sub) if typed(action.get("isDeposit"), bool) else (sub, account)
    move_token(node.venue, source, target, token_of(node.venue, action.get("token")), decimal(action.get("amount")))
    return OK


def _name(action: Json) -> str:
    name = typed(action.get("name"), str)
    if not name or len(name) > 16:
        raise ActionRefused("Invalid sub-account name.")
    return name


def _sub(node: Node, account: Account, action: Json) -> Account:
    wanted = address(action.get("subAccountUser"))
    sub = run_by(node.venue, wanted, account.address)
    if sub is None or sub.kind is not AccountKind.SUB_ACCOUNT:
        raise ActionRefused(f"Invalid sub-account transfer from {account.address} to {wanted}")
    return sub


ACTIONS = {
    "createSubAccount": create,
    "subAccountModify": rename,
    "subAccountTransfer": transfer,
    "subAccountSpotTransfer": transfer_spot,
}
