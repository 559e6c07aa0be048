"""Users, API keys and agent keys."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from domain.accounts import AccountRef
from domain.errors import Misconfigured, Refused
from runtime.secrets import KeyRing, SealError, Vault
from storage.postgres.engine import transaction
from storage.postgres.keys import PostgresSignerBook
from storage.postgres.tables import api_keys, key_uses, signers
from storage.postgres.users import PostgresUsers
from storage.records import Scope, User
from tests.integration.storage.conftest import NOW


@pytest.fixture
def book(db: Engine, keys: KeyRing) -> PostgresSignerBook:
    """Agent keys under the session's master key."""
    return PostgresSignerBook(db, Vault(keys))


def test_a_key_opens_the_door_until_it_is_revoked(db: Engine, alice: User):
    users = PostgresUsers(db)
    issued = users.issue(alice.user_id, name="laptop", scopes=(Scope.TRADE,))
    assert issued.secret.startswith(f"hf_{issued.key.prefix}_")
    caller = users.authenticate(issued.secret)
    assert caller is not None
    assert (caller.user_id, caller.name, caller.key_id) == (alice.user_id, "alice", issued.key.key_id)
    assert users.revoke(alice.user_id, issued.key.key_id)
    assert users.authenticate(issued.secret) is None
    assert not users.revoke(alice.user_id, issued.key.key_id)


def test_a_wrong_key_opens_nothing(db: Engine, alice: User):
    issued = PostgresUsers(db).issue(alice.user_id)
    assert PostgresUsers(db).authenticate(issued.secret[:-1] + "?") is None
    assert PostgresUsers(db).authenticate("") is None


def test_the_secret_is_not_kept(db: Engine, alice: User):
    issued = PostgresUsers(db).issue(alice.user_id)
    with transaction(db) as connection:
        row = connection.execute(select(api_keys)).one()
    assert issued.secret.split("_", 2)[2] not in repr(row)


def test_a_disabled_user_is_locked_out(db: Engine, alice: User):
    users = PostgresUsers(db)
    issued = users.issue(alice.user_id)
    assert users.disable(alice.user_id)
    assert not users.disable(alice.user_id)
    assert users.authenticate(issued.secret) is None


@pytest.mark.parametrize(
    ("held", "wanted", "may"),
    [
        (Scope.READ, Scope.TRADE, False),
        (Scope.TRADE, Scope.READ, True),
        (Scope.ADMIN, Scope.TRADE, True),
        (Scope.TRADE, Scope.ADMIN, False),
    ],
)
def test_a_scope_includes_the_ones_below(db: Engine, alice: User, held: Scope, wanted: Scope, may: bool):
    caller = PostgresUsers(db).authenticate(PostgresUsers(db).issue(alice.user_id, scopes=(held,)).secret)
    assert caller is not None
    assert caller.may(wanted) is may


def test_the_use_of_a_key_is_noted_once_a_minute(db: Engine, alice: User):
    users = PostgresUsers(db)
    issued = users.issue(alice.user_id)

    def last_used_after_a_use() -> object:
        users.authenticate(issued.secret)
        return users.api_keys(alice.user_id)[0].last_used_at

    first = last_used_after_a_use()
    assert first is not None
    assert last_used_after_a_use() == first
    with transaction(db) as connection:
        connection.execute(update(api_keys).values(last_used_at=api_keys.c.last_used_at - timedelta(minutes=2)))
    assert last_used_after_a_use() > first  # type: ignore[operator]


def test_another_users_key_cannot_be_revoked(db: Engine, alice: User, bob: User):
    issued = PostgresUsers(db).issue(alice.user_id)
    assert not PostgresUsers(db).revoke(bob.user_id, issued.key.key_id)
    assert PostgresUsers(db).api_keys(bob.user_id) == ()


def test_two_users_cannot_share_a_name(db: Engine, alice: User):
    with pytest.raises(Refused) as caught:
        PostgresUsers(db).add("alice")
    assert caught.value.code == "user_exists"
    assert PostgresUsers(db).named("alice") == alice


def test_users_come_in_pages(db: Engine):
    users = PostgresUsers(db)
    added = {users.add(f"user {n}").user_id for n in range(5)}
    first = users.users(limit=3)
    second = users.users(limit=3, cursor=first.next_cursor)
    assert second.next_cursor == ""
    assert (len(first.items), len(second.items)) == (3, 2)
    assert {user.user_id for user in first.items + second.items} == added


def test_an_agent_key_rests_sealed_and_is_counted(
    db: Engine, book: PostgresSignerBook, keys: KeyRing, account: AccountRef
):
    signer = book.add(account.account_id, address="0xF00", secret="0xsecret", valid_until=NOW)
    sealed = book.key(signer.signer_id)
    book.key(signer.signer_id)
    assert b"secret" not in sealed.ciphertext
    assert Vault(keys).open(sealed.user_id, sealed.signer_id, sealed.ciphertext) == b"0xsecret"
    with transaction(db) as connection:
        assert connection.scalar(select(key_uses.c.uses)) == 2


def test_a_sealed_key_in_another_row_does_not_open(
    db: Engine, book: PostgresSignerBook, keys: KeyRing, account: AccountRef
):
    first = book.add(account.account_id, address="0x1", secret="one")
    second = book.add(account.account_id, address="0x2", secret="two")
    stolen = book.key(second.signer_id)
    with pytest.raises(SealError):
        Vault(keys).open(stolen.user_id, first.signer_id, stolen.ciphertext)


def test_a_new_key_retires_the_old_one(book: PostgresSignerBook, account: AccountRef):
    old = book.add(account.account_id, address="0x1", secret="one")
    new = book.add(account.account_id, address="0x2", secret="two")
    listed = {signer.signer_id: signer for signer in book.signers(account.user_id, account.account_id)}
    assert listed[old.signer_id].retired_at is not None
    assert listed[new.signer_id].retired_at is None
    with pytest.raises(Misconfigured, match="retired"):
        book.key(old.signer_id)


def test_an_agent_address_is_never_used_again(
    db: Engine, book: PostgresSignerBook, account: AccountRef, account_of_bob: AccountRef
):
    current = book.add(account.account_id, address="0xAA", secret="one")
    for other in (account, account_of_bob):
        with pytest.raises(Refused) as caught:
            book.add(other.account_id, address="0xaa", secret="one")
        assert caught.value.code == "signer_used"
    # The refusal also leaves the key in use alone.
    assert book.key(current.signer_id).address == "0xaa"


def test_keys_that_expire_are_named_in_time(db: Engine, book: PostgresSignerBook, account: AccountRef):
    signer = book.add(account.account_id, address="0x1", secret="one", valid_until=NOW)
    assert [found.signer_id for found in book.expiring(NOW + timedelta(seconds=1))] == [signer.signer_id]
    book.renew(signer.signer_id, NOW + timedelta(days=90))
    assert book.expiring(NOW + timedelta(seconds=1)) == ()


def test_only_the_owner_retires_a_key(db: Engine, book: PostgresSignerBook, account: AccountRef, bob: User):
    signer = book.add(account.account_id, address="0x1", secret="one")
    assert not book.retire(bob.user_id, signer.signer_id)
    assert book.retire(account.user_id, signer.signer_id)
    with transaction(db) as connection:
        assert connection.scalar(select(signers.c.retired_at)) is not None
