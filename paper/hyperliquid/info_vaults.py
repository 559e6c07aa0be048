"""Reads about vaults (reference 1.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.margin import account_value, withdrawable
from paper.engine.vaults import Share, Vault
from paper.engine.venue import PaperVenue
from paper.hyperliquid.info_portfolio import month_return, portfolio
from paper.hyperliquid.node import Node
from paper.hyperliquid.parsing import address
from paper.hyperliquid.reads import user_of
from paper.hyperliquid.wire import usd

Json = dict[str, Any]
DAY_MS = 86_400_000
MONTHS = 12
YOUNG_MS = 2 * 3_600_000


def _value(venue: PaperVenue, vault: Vault) -> Decimal:
    return account_value(venue, venue.accounts[vault.address])


def _follower(venue: PaperVenue, vault: Vault, user: str, share: Share) -> Json:
    equity = vault.equity(user, _value(venue, vault))
    return {
        "user": "Leader" if user == vault.leader else user,
        "vaultEquity": usd(equity),
        "pnl": usd(equity - share.basis),
        "allTimePnl": usd(equity - share.basis + share.taken),
        "daysFollowing": (venue.now() - share.entered_ms) // DAY_MS,
        "vaultEntryTime": share.entered_ms,
        "lockupUntil": share.locked_until,
    }


def vault_details(node: Node, row: Json, as_of: int | None) -> Any:
    """Return `vaultDetails`, None where there is no vault."""
    del as_of
    venue = node.venue
    vault = venue.vaults.get(address(row.get("vaultAddress")))
    if vault is None:
        return None
    user = address(row["user"]) if row.get("user") is not None else ""
    share = vault.shares.get(user)
    value, money = _value(venue, vault), venue.accounts[vault.address]
    free = withdrawable(venue, money)
    return {
        "name": vault.name,
        "vaultAddress": vault.address,
        "leader": vault.leader,
        "description": vault.description,
        "portfolio": portfolio(venue, vault.address),
        "apr": float(month_return(venue, vault.address) * MONTHS),
        "followerState": None if share is None else _follower(venue, vault, user, share) | {"user": user},
        "leaderFraction": float(vault.part(vault.leader)),
        "leaderCommission": float(vault.commission),
        "followers": [_follower(venue, vault, name, held) for name, held in vault.shares.items()],
        "maxDistributable": float(free),
        "maxWithdrawable": float(min(vault.equity(user, value), free)) if share is not None else 0.0,
        "isClosed": vault.is_closed,
        "relationship": {"type": "normal"},
        "allowDeposits": vault.allows_deposits,
        "alwaysCloseOnWithdraw": vault.always_close_on_withdraw,
    }


def user_vault_equities(venue: PaperVenue, user: str) -> list[Json]:
    """Return `userVaultEquities`."""
    return [
        {
            "vaultAddress": vault.address,
            "equity": usd(vault.equity(user, _value(venue, vault))),
            "lockedUntilTimestamp": vault.shares[user].locked_until,
        }
        for vault in venue.vaults.values()
        if user in vault.shares
    ]


def vault_summaries(venue: PaperVenue) -> list[Json]:
    """Return `vaultSummaries`: vaults less than two hours old, as the venue shows them."""
    return [
        {
            "name": vault.name,
            "vaultAddress": vault.address,
            "leader": vault.leader,
            "tvl": usd(_value(venue, vault)),
            "isClosed": vault.is_closed,
            "relationship": {"type": "normal"},
            "createTimeMillis": vault.created_ms,
        }
        for vault in venue.vaults.values()
        if venue.now() - vault.created_ms < YOUNG_MS
    ]


def leading_vaults(node: Node, row: Json, as_of: int | None) -> Any:
    """Return `leadingVaults`."""
    del as_of
    user = user_of(row)
    return [{"address": v.address, "name": v.name} for v in node.venue.vaults.values() if v.leader == user]
