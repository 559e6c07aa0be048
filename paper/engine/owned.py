"""Accounts without a key of their own: sub-accounts and vaults (reference 3.4)."""

from __future__ import annotations

import hashlib

from paper.engine.accounts import Account, AccountKind
from paper.engine.venue import PaperVenue


def owned_by(venue: PaperVenue, master: str, kind: AccountKind) -> list[Account]:
    """Return what accounts of a kind somebody runs, oldest first."""
    return [account for account in venue.accounts.values() if account.master == master and account.kind is kind]


def open_owned(venue: PaperVenue, master: str, kind: AccountKind, name: str) -> Account:
    """Make an account that a master runs; its address follows from the master and a number, so a replay gives the same."""
    number = len(owned_by(venue, master, kind))
    address = "0x" + hashlib.sha256(f"{kind}/{master}/{number}".encode()).hexdigest()[:40]
    account = venue.open_account(address)
    account.kind, account.master, account.name = kind, master, name
    return account


def run_by(venue: PaperVenue, address: str, master: str) -> Account | None:
    """Return the sub-account or vault at an address if a master runs it."""
    account = venue.account(address)
    if account is None or account.kind is AccountKind.USER or account.master != master:
        return None
    return account
