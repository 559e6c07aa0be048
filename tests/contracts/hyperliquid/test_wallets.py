"""Agent wallets: made here, approved by the master here or in a wallet of its own."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from domain.errors import Misconfigured, Refused
from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.hyperliquid import HyperliquidRig, approve, wallets_of
from venues.base import Verdict
from venues.hyperliquid.wallets import require_address


def test_every_agent_wallet_is_a_new_one(desk: Desk):
    made = [wallets_of(desk).make_agent() for _ in range(5)]
    assert len({one.address for one in made}) == 5
    assert all(Account.from_key(one.secret).address == one.address for one in made)
    assert all(one.secret not in repr(one) for one in made)


def test_an_approval_signed_in_another_wallet_lets_the_agent_trade(rig: HyperliquidRig):
    with rig.desk(is_linked=False) as desk:
        wallets, agent = wallets_of(desk), desk.key.address
        nonce = wallets.approval_nonce()
        payload = wallets.approval_to_sign(agent, name="holdfast", nonce=nonce)
        signed = Account.from_key(desk.extra.secret).sign_message(encode_typed_data(full_message=payload))
        request = wallets.signed_approval(agent, name="holdfast", nonce=nonce, signature="0x" + signed.signature.hex())
        assert wallets.send_approval(request).verdict is Verdict.ACCEPTED
        assert desk.place(desk.terms()).verdict is Verdict.ACCEPTED
        again = wallets.send_approval(request)
        assert (again.verdict, again.code) == (Verdict.UNKNOWN, "duplicate_nonce")


def test_a_new_agent_of_the_same_name_replaces_the_old_one(desk: Desk):
    old = desk.key
    desk.key = wallets_of(desk).make_agent()
    assert approve(desk).verdict is Verdict.ACCEPTED
    assert desk.place(desk.terms()).verdict is Verdict.ACCEPTED
    assert desk.venue.accounts.check_link(desk.account, old.address).code == "agent_not_approved"
    desk.key = old
    answer = desk.place(desk.terms())
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "agent_not_approved")


@pytest.mark.parametrize("name", ["", "a name of seventeen", " valid_until 5"])
def test_an_agent_without_a_short_name_is_refused(desk: Desk, name: str):
    with pytest.raises(Refused) as caught:
        wallets_of(desk).sign_approval(desk.extra, desk.key.address, name=name, nonce=1)
    assert caught.value.code == "bad_agent_name"


@pytest.mark.parametrize("signature", ["", "0x12", "zz" * 65])
def test_a_signature_that_is_none_is_refused(desk: Desk, signature: str):
    with pytest.raises(Refused) as caught:
        wallets_of(desk).signed_approval(desk.key.address, name="holdfast", nonce=1, signature=signature)
    assert caught.value.code == "bad_signature"


@pytest.mark.parametrize("address", ["", "0x12", "nobody.eth", "0x" + "g" * 40])
def test_what_is_no_address_is_misconfigured(address: str):
    with pytest.raises(Misconfigured):
        require_address(address)
