"""Sending tokens and USDC between accounts and balances: spotSend, sendAsset, agentSendAsset (reference 2.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account, AccountKind
from paper.engine.errors import ActionRefused
from paper.engine.margin import withdrawable
from paper.engine.orders import Origin
from paper.engine.owned import run_by
from paper.engine.spot import USDC, Token, available
from paper.engine.venue import PaperVenue
from paper.hyperliquid.abstractions import DISABLED
from paper.hyperliquid.answers import OK
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, decimal, typed
from paper.hyperliquid.token_moves import SHORT, put_token, remove_token, token_of, usdc_value

Json = dict[str, Any]
PERP, SPOT = "", "spot"
ZERO = Decimal(0)


def receiver_of(venue: PaperVenue, sender: Account, target: str, *, spot: bool) -> tuple[Account, Decimal]:
    """Return the account of an address and what opening it cost the sender, one dollar for a new one."""
    if target in venue.accounts:
        return venue.accounts[target], ZERO
    fee = venue.settings.activation_fee
    held = available(venue, sender, USDC) if spot else withdrawable(venue, sender)
    if fee > held:
        raise ActionRefused("Insufficient balance for token transfer gas.")
    if spot:
        sender.spot_usdc -= fee
    else:
        sender.cash -= fee
    venue.fee_income += fee
    venue.changes.is_meta = True
    return venue.open_account(target), fee


def send_token(node: Node, account: Account, action: Json) -> Json:
    """Run `spotSend`."""
    if account.is_unified:
        raise ActionRefused(DISABLED)
    venue, target = node.venue, address(action.get("destination"))
    token, amount = token_of(venue, action.get("token")), decimal(action.get("amount"))
    if target == account.address:
        raise ActionRefused("Invalid send")
    cost = remove_token(venue, account, token.name, amount)
    try:
        receiver, fee = receiver_of(venue, account, target, spot=True)
    except ActionRefused:
        put_token(account, token.name, amount, cost)
        raise
    put_token(receiver, token.name, amount, cost)
    # The recorded entry has the token before the parties, and the fee before the native one.
    found = _delta(venue, "spotTransfer", account.address, target, token, amount) | {"fee": fee}
    names = ("type", "token", "amount", "usdcValue", "user", "destination", "fee", "nativeTokenFee")
    delta = {name: found[name] for name in names}
    for side in (account, receiver):
        venue.add_ledger(side, delta | {"nonce": action.get("time"), "feeToken": USDC if fee else ""})
    return OK


def send_asset(node: Node, account: Account, action: Json) -> Json:
    """Run `sendAsset`: between balances (dex "" for perps, "spot") and accounts."""
    venue, target = node.venue, address(action.get("destination"))
    source = _source(venue, account, action)
    dexes = typed(action.get("sourceDex"), str), typed(action.get("destinationDex"), str)
    token, amount = token_of(venue, action.get("token")), decimal(action.get("amount"))
    if not {*dexes} <= {PERP, SPOT} or amount <= 0:
        raise ActionRefused("Invalid send")
    if (target == source.address and dexes[0] == dexes[1]) or (PERP in dexes and token.name != USDC):
        raise ActionRefused("Invalid send")
    cost = _take(venue, source, dexes[0], token, amount)
    try:
        receiver, fee = receiver_of(venue, source, target, spot=dexes[0] == SPOT)
    except ActionRefused:
        _put(source, dexes[0], token, amount, cost)
        raise
    _put(receiver, dexes[1], token, amount, cost)
    delta = _delta(venue, "send", source.address, target, token, amount)
    delta |= {"sourceDex": dexes[0], "destinationDex": dexes[1], "fee": fee, "nonce": action.get("nonce")}
    for address_ in {source.address: None, receiver.address: None}:
        venue.add_ledger(venue.accounts[address_], delta | {"feeToken": USDC if fee else ""})
    return OK


def send_asset_by_agent(node: Node, account: Account, action: Json, origin: Origin) -> Json:
    """Run `agentSendAsset`: an agent moves assets within what its master owns."""
    del origin
    target = address(action.get("destination"))
    if target != account.address and not _is_sub(node.venue, account, target):
        raise ActionRefused("Agent can only send asset to same user or their sub-accounts.")
    return send_asset(node, account, action)


def _is_sub(venue: PaperVenue, account: Account, target: str) -> bool:
    sub = run_by(venue, target, account.address)
    return sub is not None and sub.kind is AccountKind.SUB_ACCOUNT


def _source(venue: PaperVenue, account: Account, action: Json) -> Account:
    named = action.get("fromSubAccount") or ""
    if not named:
        return account
    sub = run_by(venue, address(named), account.address)
    if sub is None:
        raise ActionRefused(f"Vault not registered: {address(named)}")
    return sub


def _take(venue: PaperVenue, account: Account, dex: str, token: Token, amount: Decimal) -> Decimal:
    if dex == SPOT:
        return remove_token(venue, account, token.name, amount)
    if amount > withdrawable(venue, account):
        raise ActionRefused(SHORT)
    account.cash -= amount
    return amount


def _put(account: Account, dex: str, token: Token, amount: Decimal, cost: Decimal) -> None:
    if dex == SPOT:
        put_token(account, token.name, amount, cost)
    else:
        account.cash += amount


def _delta(venue: PaperVenue, kind: str, user: str, target: str, token: Token, amount: Decimal) -> Json:
    return {
        "type": kind,
        "user": user,
        "destination": target,
        "token": token.name,
        "amount": amount,
        "usdcValue": usdc_value(venue, token.name, amount),
        "nativeTokenFee": ZERO,
    }
