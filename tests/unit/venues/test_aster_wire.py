"""Aster's wallets: signatures that an independent reader recovers, nonces that rise and never meet, keys by their shape."""

import threading
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Misconfigured
from paper.aster.signing import is_signed_by
from tests.unit.venues.build_fapi import API_KEY, BTC, CLIENT_ID, MASTER, NOW, SECRET, WALLET, terms
from venues.aster.config import AsterConfig
from venues.aster.venue import connect
from venues.aster.wire import (
    CALLS_OF_NONCE,
    DIALECT,
    AsterSigner,
    ReadNonces,
    WalletSigner,
    is_wallet,
    paths_of,
    require_wallet,
    with_master,
)
from venues.base import SigningKey
from venues.fapi.wire import Call, from_millis, order_call, to_millis

# The key pair of the documentation's example.
DOCUMENTED = SigningKey(
    address="0x21cF8Ae13Bb72632562c6Fff438652Ba1a151bb0",
    secret="0x4fd0a42218f3eae43a6ce26d22544e986139a01e5b34a62db53757ffca81bae1",
    master="0x63DD5aCC6b1aa0f563956C0e534DD30B6dcF7C4e",
)
NONCE = to_millis(NOW)


def parts(form: str) -> tuple[str, str]:
    """The text that was signed, and the signature."""
    text, _, signature = form.partition("&signature=")
    return text, signature


@pytest.mark.parametrize("chain_id", [714, 1666])
def test_a_signature_is_recovered_by_an_independent_reader_of_eip_712(chain_id: int):
    call = order_call(DIALECT, "/fapi/v3/order", CLIENT_ID, BTC, terms())
    signed = WalletSigner(chain_id=chain_id).sign(DOCUMENTED, call, nonce=NONCE, expires_at=NOW)
    text, signature = parts(signed.form)
    assert is_signed_by(DOCUMENTED.address.lower(), text, signature)
    assert not is_signed_by(DOCUMENTED.address.lower(), text + "0", signature)
    assert text.endswith(f"&nonce={NONCE * 1000}&user={DOCUMENTED.master}&signer={DOCUMENTED.address}")
    assert (signed.api_key, len(signature)) == ("", 132)


def test_networks_have_chains_of_their_own_so_that_no_paper_signature_fits_the_main_one():
    call = Call(method="POST", path="/fapi/v3/order", params=(("symbol", "BTCUSDT"),))
    forms = {WalletSigner(chain_id=chain).sign(WALLET, call, nonce=NONCE, expires_at=NOW).form for chain in (714, 1666)}
    assert len(forms) == 2


def test_without_a_known_wallet_the_venue_finds_it_by_the_agent():
    key = SigningKey(address=WALLET.address, secret=WALLET.secret)
    form = WalletSigner(chain_id=714).sign(key, Call(method="GET", path="/x"), nonce=NONCE, expires_at=NOW).form
    assert "user" not in parse_qs(form)


@given(nonces=st.lists(st.integers(0, 5000), min_size=1, max_size=20, unique=True), reads=st.integers(1, 50))
def test_nonces_of_reads_rise_and_never_meet_those_of_writes(nonces: list[int], reads: int):
    signer = WalletSigner(chain_id=714)
    drawn = [signer.nonces.next("a", NOW + timedelta(milliseconds=moment)) for moment in range(0, reads * 50, 50)]
    assert drawn == sorted(set(drawn))
    writes = {(NONCE + nonce) * 1000 + place for nonce in nonces for place in range(CALLS_OF_NONCE)}
    assert not writes & set(drawn)


def test_threads_never_draw_the_same_nonce():
    nonces = ReadNonces()
    drawn: list[int] = []
    threads = [
        threading.Thread(target=lambda: drawn.extend(nonces.next("a", NOW) for _ in range(500))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) == 4000
    assert all(nonce % 1000 >= CALLS_OF_NONCE for nonce in drawn)


def test_several_calls_of_one_claim_have_nonces_of_their_own():
    venue = connect(AsterConfig(), lambda _: WALLET)
    try:
        request = venue.trading.sign_leverage(
            key=WALLET, instrument=BTC, leverage=5, is_cross=True, nonce=NONCE, expires_at=NOW
        )
        assert request.body.count(str(NONCE).encode()) == 2
        assert f"nonce={NONCE}000".encode() in request.body
        assert f"nonce={NONCE}001".encode() in request.body
    finally:
        venue.close()


def test_a_write_of_a_wallet_dies_seventy_seconds_after_its_nonce_whatever_was_asked_for():
    venue = connect(AsterConfig(), lambda _: WALLET)
    try:
        asked: dict[str, Any] = {"client_id": CLIENT_ID, "instrument": BTC, "terms": terms(), "nonce": NONCE}
        soon = venue.trading.sign_order(key=WALLET, expires_at=NOW + timedelta(seconds=8), **asked)
        late = venue.trading.sign_order(key=WALLET, expires_at=NOW + timedelta(seconds=90), **asked)
        assert soon.expires_at == from_millis(NONCE) + timedelta(seconds=70)
        assert late.expires_at == NOW + timedelta(seconds=90)
        assert not venue.trading.capabilities.may_resend
    finally:
        venue.close()


def test_an_api_key_of_the_older_kind_is_never_stamped_into_the_future_by_the_long_deadline():
    call = Call(method="POST", path="/fapi/v1/order")
    signer = AsterSigner(wallets=WalletSigner(chain_id=714))
    form = parse_qs(signer.sign(API_KEY, call, nonce=NONCE, expires_at=NOW + timedelta(seconds=70)).form)
    assert (int(form["timestamp"][0]), form["recvWindow"]) == (NONCE, ["60000"])


def test_keys_are_told_apart_by_their_shape_and_have_paths_of_their_own():
    assert (is_wallet(WALLET), is_wallet(API_KEY)) == (True, False)
    assert paths_of(WALLET).at("order") == "/fapi/v3/order"
    assert paths_of(API_KEY).at("order") == "/fapi/v1/order"
    assert paths_of(WALLET).at("account") == "/fapi/v3/accountWithJoinMargin"


def test_the_account_is_named_where_nobody_has_and_never_renamed():
    bare = SigningKey(address=WALLET.address, secret=WALLET.secret)
    assert with_master(bare, MASTER).master == MASTER
    assert with_master(WALLET, "0x" + "cd" * 20).master == MASTER
    assert with_master(bare, "aster:SgsR").master == ""
    assert with_master(API_KEY, MASTER) == API_KEY


@pytest.mark.parametrize(
    "key",
    [
        SigningKey(address=WALLET.address[:-1], secret=SECRET),
        SigningKey(address=WALLET.address, secret=SECRET[:-1]),
        SigningKey(address=WALLET.address, secret="0x" + "00" * 32),
        SigningKey(address=WALLET.address, secret="0x" + "ff" * 32),
        SigningKey(address=str(Account.create().address), secret=SECRET),
    ],
)
def test_a_key_that_is_none_or_anothers_is_refused_and_not_shown(key: SigningKey):
    with pytest.raises(Misconfigured) as caught:
        require_wallet(key)
    assert caught.value.code == "key_malformed"
    assert key.secret.removeprefix("0x") not in str(caught.value)
    assert caught.value.__cause__ is None
