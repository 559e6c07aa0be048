"""Requests in the bytes that the venues read; signing vectors are those of Binance's documentation."""

from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Misconfigured, Refused
from domain.orders import Side, TimeInForce, TriggerKind
from tests.unit.venues.build_fapi import API_KEY, BTC, CLIENT_ID, NOW, stop, terms
from venues.aster.wire import DIALECT as ASTER
from venues.base import SigningKey
from venues.binance.wire import DIALECT as BINANCE
from venues.fapi.wire import (
    LONGEST_WINDOW,
    Call,
    HmacSigner,
    SignedCall,
    from_millis,
    name_of,
    order_call,
    pack,
    to_coin,
    to_millis,
    to_symbol,
    unpack,
)

DOCUMENTED = SigningKey(
    address="dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83",
    secret="2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9",
)
MILLISECOND = timedelta(milliseconds=1)


def fields(call: SignedCall) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(call.form).items()}


def test_the_signature_is_that_of_the_documentation():
    names = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
    params = tuple((name, value) for name, value in (pair.split("=") for pair in names.split("&")))
    nonce = 1591702613943
    signer = HmacSigner(window=timedelta(seconds=5))
    call = Call(method="POST", path="/fapi/v1/order", params=params)
    signed = signer.sign(DOCUMENTED, call, nonce=nonce, expires_at=from_millis(nonce + 5000))
    assert signed.form == (
        f"{names}&recvWindow=5000&timestamp=1591702613943"
        "&signature=3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
    )
    assert signed.api_key == DOCUMENTED.address
    assert "3c6612" not in repr(signed)
    assert DOCUMENTED.address not in repr(signed)


@given(ahead=st.integers(-120_000, 120_000), window=st.integers(1, 200_000), shortest=st.sampled_from([1, 8, 60]))
def test_no_request_outlives_its_deadline_and_none_has_a_window_that_the_venue_refuses(
    ahead: int, window: int, shortest: int
):
    expires = to_millis(NOW) + window
    signer = HmacSigner(window=timedelta(seconds=shortest))
    call = Call(method="POST", path="/fapi/v1/order")
    signed = fields(signer.sign(API_KEY, call, nonce=to_millis(NOW) + ahead, expires_at=from_millis(expires)))
    timestamp, live = int(signed["timestamp"]), int(signed["recvWindow"])
    assert 0 < live <= LONGEST_WINDOW
    assert timestamp + live <= expires
    # A clock of ours that is fast must not put the request into the venue's future.
    assert timestamp <= max(to_millis(NOW) + ahead, expires - shortest * 1000)
    assert timestamp <= expires - shortest * 1000


def test_a_nonce_of_a_clock_far_behind_is_put_aside_where_the_window_covers_all_deadlines():
    """The database's clock is ten minutes behind: its timestamp would be refused, whatever the venue's clock is read to be."""
    nonce, call = to_millis(NOW - timedelta(minutes=10)), Call(method="POST", path="/fapi/v1/order")
    for live in (timedelta(seconds=8), timedelta(seconds=5)):
        signer = HmacSigner(window=timedelta(seconds=8), covers_deadlines=True)
        signed = fields(signer.sign(API_KEY, call, nonce=nonce, expires_at=NOW + live))
        expires = to_millis(NOW + live)
        assert (signed["timestamp"], signed["recvWindow"]) == (str(expires - 8000), "8000")
    other = fields(HmacSigner(window=timedelta(seconds=8)).sign(API_KEY, call, nonce=nonce, expires_at=NOW + live))
    assert other["timestamp"] == str(nonce)


def test_a_deadline_within_the_longest_window_is_on_the_wire_to_the_millisecond():
    signed = fields(
        HmacSigner().sign(
            API_KEY, Call(method="POST", path="/x"), nonce=to_millis(NOW), expires_at=NOW + timedelta(seconds=40)
        )
    )
    assert (signed["timestamp"], signed["recvWindow"]) == (str(to_millis(NOW)), "40000")


@pytest.mark.parametrize("key", [("short", "s" * 64), ("k" * 64, "with space" * 5), ("", ""), ("k" * 200, "s" * 64)])
def test_a_malformed_key_is_refused_before_anything_is_signed_and_never_shown(key: tuple[str, str]):
    with pytest.raises(Misconfigured) as caught:
        HmacSigner().sign_read(SigningKey(address=key[0], secret=key[1]), Call(method="GET", path="/x"), now=NOW)
    assert caught.value.code == "key_malformed"
    assert not key[1] or key[1] not in str(caught.value)


@pytest.mark.parametrize(
    ("tif", "word"), [(TimeInForce.GTC, "GTC"), (TimeInForce.IOC, "IOC"), (TimeInForce.ALO, "GTX")]
)
def test_a_limit_order_carries_its_terms_and_its_name(tif: TimeInForce, word: str):
    call = order_call(BINANCE, "/fapi/v1/order", CLIENT_ID, BTC, terms(tif=tif))
    assert dict(call.params) == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": word,
        "quantity": "0.01",
        "price": "60000",
        "newClientOrderId": CLIENT_ID,
        "newOrderRespType": "RESULT",
    }


def test_a_reducing_order_says_so_in_the_lower_case_that_the_venues_read():
    call = order_call(ASTER, "/fapi/v3/order", CLIENT_ID, BTC, terms(side=Side.SELL, reduce_only=True))
    assert dict(call.params)["reduceOnly"] == "true"
    assert "reduceOnly" not in dict(order_call(ASTER, "/fapi/v3/order", CLIENT_ID, BTC, terms()).params)


def test_a_whole_position_stop_goes_to_the_algo_service_with_its_own_fields_and_without_a_size():
    call = order_call(BINANCE, "/fapi/v1/algoOrder", CLIENT_ID, BTC, stop())
    assert dict(call.params) == {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "algoType": "CONDITIONAL",
        "type": "STOP_MARKET",
        "triggerPrice": "55000",
        "workingType": "MARK_PRICE",
        "closePosition": "true",
        "clientAlgoId": CLIENT_ID,
        "newOrderRespType": "RESULT",
    }


def test_a_whole_position_stop_goes_to_the_order_endpoint_where_there_is_no_algo_service():
    found = dict(order_call(ASTER, "/fapi/v3/order", CLIENT_ID, BTC, stop(kind=TriggerKind.TAKE_PROFIT)).params)
    assert (found["type"], found["stopPrice"], found["closePosition"]) == ("TAKE_PROFIT_MARKET", "55000", "true")
    assert found["newClientOrderId"] == CLIENT_ID
    assert not {"quantity", "reduceOnly", "algoType", "triggerPrice"} & found.keys()


def test_a_stop_of_a_part_carries_its_size_and_only_reduces():
    found = dict(order_call(BINANCE, "/x", CLIENT_ID, BTC, stop(whole=False)).params)
    assert (found["quantity"], found["reduceOnly"]) == ("0.01", "true")
    assert "closePosition" not in found


@pytest.mark.parametrize(("size", "px"), [("0", "60000"), ("0.01", "0")])
def test_nothing_without_a_size_or_a_price_is_built(size: str, px: str):
    with pytest.raises(Refused) as caught:
        order_call(BINANCE, "/x", CLIENT_ID, BTC, terms(size=size, limit_px=px))
    assert caught.value.code == "wire_rounds"


@given(size=st.decimals("0.001", "1e9", places=8), px=st.decimals("0.0000001", "1e9", places=8))
def test_numbers_are_printed_without_an_exponent_and_lose_nothing(size: Decimal, px: Decimal):
    found = dict(order_call(BINANCE, "/x", CLIENT_ID, BTC, terms(size=str(size), limit_px=str(px))).params)
    for text, value in ((found["quantity"], size), (found["price"], px)):
        assert Decimal(text) == value
        assert set(text) <= set("0123456789.")


@pytest.mark.parametrize("name", ["", "0x" + CLIENT_ID, CLIENT_ID.upper(), CLIENT_ID + "0"])
def test_a_client_id_is_32_hex_digits(name: str):
    with pytest.raises(Refused) as caught:
        order_call(BINANCE, "/x", name, BTC, terms())
    assert caught.value.code == "bad_client_id"


def test_an_order_is_named_by_its_number_when_it_is_known():
    assert name_of("77", CLIENT_ID, is_algo=False) == ("orderId", "77")
    assert name_of("", CLIENT_ID, is_algo=False) == ("origClientOrderId", CLIENT_ID)
    assert name_of("algo-9", CLIENT_ID, is_algo=True) == ("algoId", "9")
    assert name_of("", CLIENT_ID, is_algo=True) == ("clientAlgoId", CLIENT_ID)


def test_packed_calls_come_out_as_they_went_in_and_their_digest_tells_them_apart():
    signer = HmacSigner()
    calls = tuple(
        signer.sign(API_KEY, Call(method="DELETE", path=path), nonce=1, expires_at=NOW) for path in ("/a", "/b")
    )
    packed = pack(calls, nonce=1, expires_at=NOW)
    assert unpack(packed) == calls
    assert packed.digest != pack(calls[:1], nonce=1, expires_at=NOW).digest
    assert "signature" not in repr(packed)


@given(st.timedeltas(timedelta(days=-3000), timedelta(days=3000)))
def test_an_instant_never_moves_later_on_its_way_to_the_wire(after: timedelta):
    at = NOW + after
    assert at - MILLISECOND < from_millis(to_millis(at)) <= at


def test_symbols_and_coins_name_each_other():
    assert (to_symbol("1000PEPE"), to_coin("1000PEPEUSDT")) == ("1000PEPEUSDT", "1000PEPE")
