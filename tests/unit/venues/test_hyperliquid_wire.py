"""What is signed and posted, against the vectors of the SDK's own tests."""

import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from eth_account import Account
from hyperliquid.utils import signing
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Misconfigured, Refused
from domain.instruments import Rounding, floor_size, round_price
from domain.money import Price, Quantity, plain
from domain.orders import OrderTerms, Side, TimeInForce, TriggerKind
from tests.unit.venues.build import BTC, CLIENT_ID, ETH, KEY, NOW, stop, terms
from venues.base import SigningKey
from venues.hyperliquid import wire

TESTNET = wire.Signer(is_mainnet=False)


def test_the_order_of_the_sdks_vector_is_signed_alike():
    order = {"a": 1, "b": True, "p": "100", "s": "100", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    request = TESTNET.sign(KEY, {"type": "order", "orders": [order], "grouping": "na"}, nonce=0, expires_at=None)
    assert json.loads(request.body)["signature"] == {
        "r": "0x82b2ba28e76b3d761093aaded1b1cdad4960b3af30212b343fb2e6cdfa4e3d54",
        "s": "0x6b53878fc99d26047f4d7e8c90eb98955a109f44209163f52d8dc4278cbbd9f5",
        "v": 27,
    }


@given(
    secret=st.binary(min_size=32, max_size=32).filter(lambda raw: 0 < int.from_bytes(raw) < 2**255),
    nonce=st.integers(0, 2**42),
    expires=st.none() | st.integers(0, 2**31).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    is_mainnet=st.booleans(),
    oid=st.text("0123456789", min_size=1, max_size=15),
)
def test_every_signature_is_the_sdks(
    secret: bytes, nonce: int, expires: datetime | None, is_mainnet: bool, oid: str
) -> None:
    """What stays the same in the SDK's typed data is hashed once; the bytes that the venue reads must not differ by it."""
    wallet = Account.from_key(secret)
    key = SigningKey(address=wallet.address, secret=secret.hex())
    action = wire.cancel_action(1, oid, CLIENT_ID)
    request = wire.Signer(is_mainnet=is_mainnet).sign(key, action, nonce=nonce, expires_at=expires)
    dies = None if expires is None else wire.to_millis(expires)
    assert json.loads(request.body)["signature"] == signing.sign_l1_action(
        wallet, action, None, nonce, dies, is_mainnet
    )


def test_the_order_action_hashes_as_in_the_sdks_vector():
    action = wire.order_action(CLIENT_ID, ETH, terms(coin="ETH", size="0.0147", limit_px="1670.1", tif=TimeInForce.IOC))
    del action["orders"][0]["c"]
    found = signing.action_hash(action, None, 1677777606040, None).hex()
    assert found.removeprefix("0x") == "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"


def test_a_cancel_by_order_id_hashes_as_in_the_vector():
    found = signing.action_hash(wire.cancel_action(0, "5", CLIENT_ID), None, 1, None).hex()
    assert found.removeprefix("0x") == "d5785d56604b2fe254df03dfe9b5795a0207944dfd071d944615d12e2b2b643e"


def test_a_cancel_without_an_order_id_goes_by_client_id():
    assert wire.cancel_action(3, "", CLIENT_ID) == {
        "type": "cancelByCloid",
        "cancels": [{"asset": 3, "cloid": "0x" + CLIENT_ID}],
    }


def test_the_keys_of_an_order_come_in_the_order_that_the_venue_hashes():
    action = wire.order_action(CLIENT_ID, BTC, terms())
    assert list(action) == ["type", "orders", "grouping"]
    assert list(action["orders"][0]) == ["a", "b", "p", "s", "r", "t", "c"]


def test_a_whole_position_stop_has_size_zero_and_a_limit_ten_percent_below_its_trigger():
    action = wire.order_action(CLIENT_ID, BTC, stop("70000"))
    order = action["orders"][0]
    assert action["grouping"] == "positionTpsl"
    assert (order["s"], order["p"], order["r"]) == ("0", "63000", True)
    assert order["t"] == {"trigger": {"isMarket": True, "triggerPx": "70000", "tpsl": "sl"}}


def test_a_buying_take_profit_tolerates_ten_percent_above_its_trigger_within_the_tick():
    bought = stop("1234.5", kind=TriggerKind.TAKE_PROFIT, whole=False)
    action = wire.order_action(CLIENT_ID, ETH, terms(side=Side.BUY, trigger=bought.trigger, reduce_only=True))
    assert (action["grouping"], action["orders"][0]["p"], action["orders"][0]["s"]) == ("na", "1357.9", "0.001")


@given(st.decimals("0.00001", "99999999", places=8), st.decimals("0", "9999999", places=8))
def test_every_price_and_size_that_the_venue_allows_is_written_exactly(px: Decimal, size: Decimal):
    limit = round_price(Price(px), BTC, Rounding.UP)
    lots = floor_size(Quantity(size), BTC)
    order = wire.order_action(CLIENT_ID, BTC, terms(limit_px=str(limit), size=str(lots)))["orders"][0]
    assert (order["p"], order["s"]) == (plain(limit), plain(lots))
    assert (Decimal(order["p"]), Decimal(order["s"])) == (limit, lots)


@pytest.mark.parametrize(
    "changed", [{"size": "0.123456789"}, {"limit_px": "0.1234567891"}, {"size": "1234567891.12345678"}]
)
def test_a_number_that_the_wire_would_round_is_refused(changed):
    with pytest.raises(Refused) as caught:
        wire.order_action(CLIENT_ID, BTC, terms(**changed))
    assert caught.value.code == "wire_rounds"


@pytest.mark.parametrize(
    "order",
    [
        terms(limit_px="0.1234567800001"),
        terms(size="0.1234567800001"),
        terms(side=Side.SELL, reduce_only=True, trigger=stop("0.1234567800001").trigger),
    ],
)
def test_a_digit_that_the_sdk_would_drop_in_silence_is_refused(order: OrderTerms):
    with pytest.raises(Refused) as caught:
        wire.order_action(CLIENT_ID, BTC, order)
    assert caught.value.code == "wire_rounds"


@pytest.mark.parametrize("client_id", ["", "x" * 32, CLIENT_ID.upper(), CLIENT_ID[:-1], "0x" + CLIENT_ID[:30]])
def test_a_client_id_that_is_not_32_lower_hex_digits_is_refused(client_id):
    with pytest.raises(Refused):
        wire.to_cloid(client_id)


def test_a_deadline_is_never_rounded_up():
    at = NOW + timedelta(microseconds=1999)
    assert wire.from_millis(wire.to_millis(at)) == NOW + timedelta(milliseconds=1)


def test_the_envelope_has_the_five_keys_and_its_own_deadline():
    request = TESTNET.sign(KEY, wire.noop_action(), nonce=7, expires_at=NOW)
    body = json.loads(request.body)
    assert list(body) == ["action", "nonce", "signature", "vaultAddress", "expiresAfter"]
    assert (body["nonce"], body["vaultAddress"], body["expiresAfter"]) == (7, None, wire.to_millis(NOW))
    assert (request.nonce, request.expires_at) == (7, NOW)


@pytest.mark.parametrize("is_mainnet", [True, False])
def test_the_signature_belongs_to_the_key_on_one_network_alone(is_mainnet):
    action = wire.order_action(CLIENT_ID, BTC, terms())
    body = json.loads(wire.Signer(is_mainnet=is_mainnet).sign(KEY, action, nonce=1, expires_at=NOW).body)
    signed = (body["action"], body["signature"], None, 1, wire.to_millis(NOW))
    assert signing.recover_agent_or_user_from_l1_action(*signed, is_mainnet) == KEY.address
    assert signing.recover_agent_or_user_from_l1_action(*signed, not is_mainnet) != KEY.address


@pytest.mark.parametrize("secret", ["0x" + "11" * 32, "nonsense", ""])
def test_a_key_that_does_not_belong_to_its_address_is_refused_and_not_shown(secret):
    with pytest.raises(Misconfigured) as caught:
        wire.wallet_of(SigningKey(address=KEY.address, secret=secret))
    assert caught.value.code == "bad_key"
    assert "11" * 32 not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_approval_signed_elsewhere_is_the_one_signed_here():
    from eth_account.messages import encode_typed_data

    agent = "0x" + "cd" * 20
    here = TESTNET.sign_agent_approval(KEY, agent, "holdfast", 9)
    payload = TESTNET.agent_approval_payload(agent, "holdfast", 9)
    signature = Account.from_key(KEY.secret).sign_message(encode_typed_data(full_message=payload)).signature
    there = TESTNET.agent_approval_of(agent, "holdfast", 9, signature.hex())
    ours, theirs = json.loads(here.body), json.loads(there.body)
    assert {name: int(str(ours["signature"][name]), 0) for name in "rsv"} == {
        name: int(str(theirs["signature"][name]), 0) for name in "rsv"
    }
    assert ours["action"] == theirs["action"]
