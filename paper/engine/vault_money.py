"""Money into and out of vaults: deposits, withdrawals with lock-up and commission, distributions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from paper.engine.accounts import Account, AccountKind
from paper.engine.cancelling import cancel_all
from paper.engine.errors import ActionRefused
from paper.engine.forced import Forced, force
from paper.engine.margin import account_value, withdrawable
from paper.engine.orders import Status
from paper.engine.owned import open_owned
from paper.engine.vaults import Share, Vault
from paper.engine.venue import PaperVenue

MICRO = Decimal("0.000001")
REACH = Decimal("0.1")
ZERO = Decimal(0)
NOT_ENOUGH = "Insufficient balance for vault transfer."


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultWanted:
    """What a leader asks for; `initial` in USDC."""

    name: str
    description: str
    initial: Decimal


def open_vault(venue: PaperVenue, leader: Account, wanted: VaultWanted) -> Vault:
    """Make a vault with its leader's first deposit; the venue keeps a fee where one is set."""
    settings = venue.settings
    if wanted.initial < settings.vault_minimum:
        raise ActionRefused(f"Initial deposit in vault must be at least {settings.vault_minimum} USDC.")
    if wanted.initial + settings.vault_creation_fee > withdrawable(venue, leader):
        raise ActionRefused(NOT_ENOUGH)
    account = open_owned(venue, leader.address, AccountKind.VAULT, wanted.name)
    vault = Vault(
        address=account.address,
        leader=leader.address,
        name=wanted.name,
        description=wanted.description,
        created_ms=venue.now(),
        commission=settings.vault_commission,
    )
    venue.vaults[vault.address] = vault
    leader.cash -= settings.vault_creation_fee
    venue.fee_income += settings.vault_creation_fee
    venue.changes.is_meta = True
    _move_in(venue, vault, leader, wanted.initial)
    delta: dict[str, object] = {"type": "vaultCreate", "vault": vault.address, "usdc": wanted.initial}
    venue.add_ledger(leader, delta | {"fee": settings.vault_creation_fee})
    return vault


def deposit(venue: PaperVenue, vault: Vault, account: Account, usd: Decimal) -> None:
    """Put money into a vault and lock it."""
    if vault.is_closed or not vault.allows_deposits:
        raise ActionRefused("Vault does not allow deposits.")
    if usd > withdrawable(venue, account):
        raise ActionRefused(NOT_ENOUGH)
    value = account_value(venue, venue.accounts[vault.address])
    if value <= 0:
        raise ActionRefused("Vault does not allow deposits.")
    stake = vault.equity(vault.leader, value)
    if account.address != vault.leader and stake < venue.settings.vault_leader_minimum * (value + usd):
        raise ActionRefused("Vault leader must hold at least 5% of the vault.")
    _move_in(venue, vault, account, usd)
    delta: dict[str, object] = {"type": "vaultDeposit", "vault": vault.address, "usdc": usd}
    venue.add_ledger(account, delta)
    venue.add_ledger(venue.accounts[vault.address], delta)


def _move_in(venue: PaperVenue, vault: Vault, account: Account, usd: Decimal) -> None:
    money = venue.accounts[vault.address]
    value, units = account_value(venue, money), vault.units
    share = vault.shares.setdefault(account.address, Share(entered_ms=venue.now()))
    share.units += usd * units / value if units else usd
    share.basis += usd
    if account.address != vault.leader:
        share.locked_until = venue.now() + venue.settings.vault_lockup_ms
    account.cash -= usd
    money.cash += usd
    _touch(venue, vault, account)


def withdraw(venue: PaperVenue, vault: Vault, account: Account, usd: Decimal) -> None:
    """Pay a depositor out; positions are closed as far as the money is bound in them, at the depositor's cost."""
    money = venue.accounts[vault.address]
    value = account_value(venue, money)
    share = vault.shares.get(account.address)
    if share is None or usd > vault.equity(account.address, value) + MICRO:
        raise ActionRefused("Insufficient vault equity.")
    if venue.now() < share.locked_until:
        raise ActionRefused("Cannot withdraw during lockup period after depositing.")
    _check_leader(venue, vault, account, value, usd)
    part = min(usd / value, vault.part(account.address))
    cost = _free_money(venue, vault, part, usd)
    paid = min(usd - cost, withdrawable(venue, money)).quantize(MICRO, rounding=ROUND_DOWN)
    burned = min(part * vault.units, share.units)
    basis = (share.basis * burned / share.units).quantize(MICRO)
    profit = max(paid - basis, ZERO) if account.address != vault.leader else ZERO
    commission = (profit * vault.commission).quantize(MICRO, rounding=ROUND_DOWN)
    share.units -= burned
    share.basis -= basis
    share.taken += paid - commission - basis
    money.cash -= paid
    account.cash += paid - commission
    _pay_commission(venue, vault, commission)
    if share.units == 0 or vault.equity(account.address, value) < MICRO:
        del vault.shares[account.address]
    _touch(venue, vault, account)
    delta: dict[str, object] = {
        "type": "vaultWithdraw",
        "vault": vault.address,
        "user": account.address,
        "requestedUsd": usd,
        "commission": commission,
        "closingCost": cost,
        "basis": basis,
        "netWithdrawnUsd": paid - commission,
    }
    for side in (account, money):
        venue.add_ledger(side, delta)


def _check_leader(venue: PaperVenue, vault: Vault, account: Account, value: Decimal, usd: Decimal) -> None:
    left, others = vault.equity(vault.leader, value) - usd, len(vault.shares) > 1
    if account.address == vault.leader and others and left < venue.settings.vault_leader_minimum * (value - usd):
        raise ActionRefused("Vault leader must hold at least 5% of the vault.")


def _free_money(venue: PaperVenue, vault: Vault, part: Decimal, usd: Decimal) -> Decimal:
    """Close a part of every position where the vault's rules or its margin want it; returns what that cost."""
    money = venue.accounts[vault.address]
    if usd > withdrawable(venue, money):
        # Resting orders bind margin: they go before positions do.
        cancel_all(venue, vault.address, Status.VAULT_WITHDRAWAL_CANCELED)
    if not vault.always_close_on_withdraw and usd <= withdrawable(venue, money):
        return ZERO
    before = account_value(venue, money)
    for position in list(money.positions.values()):
        market = venue.markets[position.coin]
        size = (abs(position.szi) * part).quantize(market.perp.lot, rounding=ROUND_UP)
        wanted = Forced(is_buy=position.szi < 0, sz=size, reach=REACH, purpose="Vault Close")
        force(venue, money, market, wanted)
    return max(before - account_value(venue, money), ZERO).quantize(MICRO, rounding=ROUND_UP)


def _pay_commission(venue: PaperVenue, vault: Vault, commission: Decimal) -> None:
    if not commission:
        return
    leader = venue.accounts[vault.leader]
    leader.cash += commission
    venue.add_ledger(leader, {"type": "vaultLeaderCommission", "user": vault.leader, "usdc": commission})


def distribute(venue: PaperVenue, vault: Vault, usd: Decimal) -> None:
    """Pay money of a vault to all who hold it; nothing means everything, and the end of the vault."""
    money = venue.accounts[vault.address]
    closes = usd == 0
    if closes and money.positions:
        raise ActionRefused("Cannot close vault with open positions.")
    if closes:
        cancel_all(venue, vault.address, Status.VAULT_WITHDRAWAL_CANCELED)
        usd = money.cash
    if usd > withdrawable(venue, money):
        raise ActionRefused(NOT_ENOUGH)
    left = usd
    for user, share in vault.shares.items():
        paid = (usd * vault.part(user)).quantize(MICRO, rounding=ROUND_DOWN)
        left -= paid
        _distribute_to(venue, vault, user, share, paid)
    # Millionths that cannot be split stay with the leader.
    venue.accounts[vault.leader].cash += left
    money.cash -= usd
    if closes:
        vault.is_closed, vault.allows_deposits = True, False
        vault.shares.clear()
    _touch(venue, vault, money)


def _distribute_to(venue: PaperVenue, vault: Vault, user: str, share: Share, paid: Decimal) -> None:
    receiver = venue.accounts[user]
    receiver.cash += paid
    share.taken += paid
    venue.add_ledger(receiver, {"type": "vaultDistribution", "vault": vault.address, "usdc": paid})


def _touch(venue: PaperVenue, vault: Vault, account: Account) -> None:
    venue.changes.vaults[vault.address] = None
    for address in (vault.address, vault.leader, account.address):
        venue.touch(venue.accounts[address])
