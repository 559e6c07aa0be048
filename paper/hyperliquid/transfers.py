"""User-signed actions: agents, builder fees, transfers and withdrawals. They act on the signer itself."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account, AccountKind
from paper.engine.errors import ActionRefused, Unparsable
from paper.engine.margin import account_value, withdrawable
from paper.engine.owned import owned_by, run_by
from paper.engine.spot import USDC
from paper.engine.spot import available as spot_available
from paper.hyperliquid.abstractions import DISABLED, USER_ACTIONS
from paper.hyperliquid.agents import DAY_MS, AgentRules
from paper.hyperliquid.answers import OK
from paper.hyperliquid.multi_sig import convert
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address, decimal, typed
from paper.hyperliquid.token_transfers import receiver_of, send_asset, send_token
from paper.hyperliquid.wire import usd

Json = dict[str, Any]
Handler = Callable[[Node, Account, Json], Json]
WITHDRAWAL_FEE = Decimal(1)
LARGEST_BUILDER_FEE = 1_000
BUILDERS = 10


def approve_agent(node: Node, account: Account, action: Json) -> Json:
    """Run `approveAgent`."""
    name = action.get("agentName") or ""
    wanted = address(action.get("agentAddress"))
    if wanted in node.venue.accounts:
        raise ActionRefused("Extra agent already used.")
    settings = node.venue.settings
    changed = node.agents.approve(
        account.address,
        wanted,
        typed(name, str),
        node.venue.now(),
        account.volume,
        limits=AgentRules(
            zero_revokes=settings.zero_address_revokes,
            sub_accounts=len(owned_by(node.venue, account.address, AccountKind.SUB_ACCOUNT)),
            removal_ms=settings.agent_removal_ms,
            life_ms=settings.agent_life_days * DAY_MS,
        ),
    )
    node.note_agents(changed)
    return OK


def approve_builder_fee(node: Node, account: Account, action: Json) -> Json:
    """Run `approveBuilderFee`; the rate is a percentage, kept in tenths of a basis point."""
    rate = typed(action.get("maxFeeRate"), str)
    if not rate.endswith("%"):
        raise Unparsable(f"{rate!r} is no rate")
    tenths, builder = int(decimal(rate[:-1]) * 1000), address(action.get("builder"))
    if tenths > LARGEST_BUILDER_FEE:
        raise ActionRefused("Builder fee rate is too high.")
    known = node.venue.account(builder)
    if known is None or account_value(node.venue, known) < node.venue.settings.builder_minimum:
        raise ActionRefused("Builder has insufficient balance to be approved.")
    approved = {name: fee for name, fee in account.builder_fees.items() if fee} | {builder: tenths}
    if len(approved) > BUILDERS:
        raise ActionRefused("Too many builders approved.")
    account.builder_fees[builder] = tenths
    return OK


def _amount(action: Json) -> Decimal:
    # With a vault set the SDK appends " subaccount:0x..." to the amount.
    amount = decimal(typed(action.get("amount"), str).split(" ", maxsplit=1)[0])
    if amount <= 0:
        raise ActionRefused("Withdrawal amount cannot be zero")
    return amount


def send_usd(node: Node, account: Account, action: Json) -> Json:
    """Run `usdSend`: from perp balance to perp balance."""
    amount, target = _amount(action), address(action.get("destination"))
    if target == account.address:
        raise ActionRefused("Invalid send")
    if amount > withdrawable(node.venue, account):
        raise ActionRefused("Insufficient balance for withdrawal.")
    if target not in node.venue.accounts and amount + node.venue.settings.activation_fee > withdrawable(
        node.venue, account
    ):
        raise ActionRefused("Insufficient balance for withdrawal.")
    receiver, fee = receiver_of(node.venue, account, target, spot=False)
    account.cash -= amount
    receiver.cash += amount
    delta: Json = {"type": "internalTransfer", "usdc": usd(amount), "user": account.address, "destination": target}
    for side in (account, receiver):
        node.venue.add_ledger(side, delta | {"fee": usd(fee)})
    return OK


def withdraw(node: Node, account: Account, action: Json) -> Json:
    """Run `withdraw3`: the amount leaves the venue, one dollar of it as the fee."""
    amount = _amount(action)
    if amount > withdrawable(node.venue, account) or amount <= WITHDRAWAL_FEE:
        raise ActionRefused("Insufficient balance for withdrawal.")
    account.cash -= amount
    node.venue.fee_income += WITHDRAWAL_FEE
    node.venue.deposited -= amount - WITHDRAWAL_FEE
    delta: Json = {"type": "withdraw", "usdc": usd(amount), "nonce": action.get("time"), "fee": usd(WITHDRAWAL_FEE)}
    node.venue.add_ledger(account, delta)
    return OK


def transfer_class(node: Node, account: Account, action: Json) -> Json:
    """Run `usdClassTransfer`: between the perp and the spot balance."""
    amount, to_perp = _amount(action), typed(action.get("toPerp"), bool)
    account = _named_sub_account(node, account, action)
    if account.is_unified:
        raise ActionRefused(DISABLED)
    available = spot_available(node.venue, account, USDC) if to_perp else withdrawable(node.venue, account)
    if amount > available:
        raise ActionRefused(
            "Insufficient balance for token transfer." if to_perp else "Insufficient balance for withdrawal."
        )
    moved = amount if to_perp else -amount
    account.cash += moved
    account.spot_usdc -= moved
    node.venue.add_ledger(account, {"type": "accountClassTransfer", "usdc": usd(amount), "toPerp": to_perp})
    return OK


def _named_sub_account(node: Node, account: Account, action: Json) -> Account:
    """Return the sub-account that the amount names behind `subaccount:`, otherwise the signer's own account."""
    _, mark, named = str(action["amount"]).partition(" subaccount:")
    if not mark:
        return account
    sub = run_by(node.venue, address(named), account.address)
    if sub is None:
        raise ActionRefused(f"Vault not registered: {address(named)}")
    return sub


ACTIONS: dict[str, Handler] = {
    "approveAgent": approve_agent,
    "approveBuilderFee": approve_builder_fee,
    "usdSend": send_usd,
    "withdraw3": withdraw,
    "usdClassTransfer": transfer_class,
    "spotSend": send_token,
    "sendAsset": send_asset,
    "convertToMultiSigUser": convert,
    **USER_ACTIONS,
}
