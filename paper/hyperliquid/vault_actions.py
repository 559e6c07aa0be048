"""Vaults on the wire: making, changing, paying in and out (reference 2.6, 5.9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account
from paper.engine.errors import ActionRefused
from paper.engine.orders import Origin
from paper.engine.vault_money import VaultWanted, deposit, distribute, open_vault, withdraw
from paper.engine.vaults import Vault
from paper.hyperliquid.answers import OK, made
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, typed

Json = dict[str, Any]
MICRO = Decimal("0.000001")


def create(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `createVault`; `initialUsd` in millionths."""
    del origin
    wanted = VaultWanted(
        name=typed(action.get("name"), str),
        description=typed(action.get("description"), str),
        initial=typed(action.get("initialUsd"), int) * MICRO,
    )
    return made("createVault", open_vault(node.venue, account, wanted).address)


def change(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `vaultModify`: null leaves a switch as it is."""
    del origin
    vault = _led(node, account, action)
    allows, closes = action.get("allowDeposits"), action.get("alwaysCloseOnWithdraw")
    if allows is not None:
        vault.allows_deposits = typed(allows, bool)
    if closes is not None:
        vault.always_close_on_withdraw = typed(closes, bool)
    node.venue.changes.vaults[vault.address] = None
    return OK


def transfer(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `vaultTransfer`; `usd` in millionths."""
    del origin
    vault = _vault(node, action)
    usd = typed(action.get("usd"), int) * MICRO
    if usd <= 0:
        raise ActionRefused("Withdrawal amount cannot be zero")
    move = deposit if typed(action.get("isDeposit"), bool) else withdraw
    move(node.venue, vault, account, usd)
    return OK


def pay_out(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `vaultDistribute`: zero closes the vault."""
    del origin
    usd = typed(action.get("usd"), int) * MICRO
    distribute(node.venue, _led(node, account, action), usd)
    return OK


def _vault(node: Node, action: Json) -> Vault:
    wanted = address(action.get("vaultAddress"))
    vault = node.venue.vaults.get(wanted)
    if vault is None or vault.is_closed:
        raise ActionRefused(f"Vault not registered: {wanted}")
    return vault


def _led(node: Node, account: Account, action: Json) -> Vault:
    vault = _vault(node, action)
    if vault.leader != account.address:
        raise ActionRefused("Only the vault leader may do this.")
    return vault


ACTIONS = {
    "createVault": create,
    "vaultModify": change,
    "vaultTransfer": transfer,
    "vaultDistribute": pay_out,
}
