"""Keys of accounts: opened for each read, kept sealed for a while, read anew after a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import Misconfigured
from runtime.loading import load_settings
from runtime.secrets import KeyRing, Vault
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.engine import engine
from storage.postgres.keys import PostgresSignerBook
from storage.postgres.users import PostgresUsers
from wiring.account_keys import AccountKeys
from wiring.venues import VENUES, NoKeys, connections

OLD, NEW = "OldKeyOfBinance0123456789", "NewKeyOfBinance0123456789"


def test_a_key_is_found_by_account_and_by_address_and_replaced_within_seconds(database: str, keys: KeyRing) -> None:
    """Upper case is kept: to Binance another case is another key."""
    made = engine(database)
    book = PostgresSignerBook(made, Vault(keys))
    user = PostgresUsers(made).add("ann")
    account = PostgresAccounts(made).add(user.user_id, venue="binance", network="paper", address="binance:AbC").ref
    now = 0.0
    ring = AccountKeys(book, Vault(keys), clock=lambda: now)
    with pytest.raises(Misconfigured) as missing:
        ring.of_account(account)
    assert missing.value.code == "signer_missing"

    book.add(account.account_id, address=OLD, secret="first")
    assert (ring.of_account(account).address, ring.of_account(account).secret) == (OLD, "first")
    assert ring.of_address("binance", "paper", "binance:AbC").secret == "first"
    assert "first" not in repr(ring.of_account(account))
    book.add(account.account_id, address=NEW, secret="second")
    assert ring.of_account(account).secret == "first"
    now = 15.0
    assert (ring.of_account(account).address, ring.of_account(account).secret) == (NEW, "second")
    assert ring.of_address("binance", "paper", "binance:AbC").secret == "second"
    made.dispose()


def test_the_key_of_a_wallets_agent_names_the_wallet(database: str, keys: KeyRing) -> None:
    """AsterDEX wants it in each request."""
    made = engine(database)
    book = PostgresSignerBook(made, Vault(keys))
    user, main = PostgresUsers(made).add("ann"), "0x" + "AB" * 20
    account = PostgresAccounts(made).add(user.user_id, venue="aster", network="paper", address=main).ref
    book.add(account.account_id, address="0x" + "CD" * 20, secret="s")
    opened = AccountKeys(book, Vault(keys)).of_account(account)
    assert (opened.address, opened.master) == ("0x" + "cd" * 20, main.lower())
    made.dispose()


def test_every_venue_is_served_on_the_network_of_its_setting(tmp_path: Path) -> None:
    """One account of a test network must never be traded on paper, nor the other way round."""
    given = {"HOLDFAST_HOME": str(tmp_path), "ASTER_NETWORK": "testnet"}
    connected = connections(load_settings(given, None), NoKeys())
    directory, streams = connected.directory(), connected.streams()
    networks = {"hyperliquid": "paper", "binance": "paper", "aster": "testnet"}
    for venue in VENUES:
        assert directory.of(venue, networks[venue]).name == venue
        assert streams.of(venue, networks[venue]) is not None
    for look in (directory.of, streams.of):
        with pytest.raises(Misconfigured) as unknown:
            look("aster", "paper")
        assert unknown.value.code == "venue_unknown"
        assert "ASTER_NETWORK" in unknown.value.action
    assert directory.of("hyperliquid", "paper").key_checks is None
    connected.close()
