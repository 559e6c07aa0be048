"""Reads are asked again on a stale connection, writes never are; every call has an end."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import HoldfastError, Misconfigured, Refused, Retryable
from tests.unit.venues.build_fapi import API_KEY, Asked, Said, Script, Stub, by_path, scripted
from venues.aster import config as aster
from venues.aster.config import AsterConfig
from venues.binance import config as binance
from venues.binance.client import BinanceClient
from venues.binance.config import BinanceConfig
from venues.fapi.client import Reply, VenueError, error_of
from venues.fapi.config import Network
from venues.fapi.limits import Priority, RequestBudget
from venues.fapi.wire import Call, SignedCall

QUICK = timedelta(milliseconds=300)
READ = Call(method="GET", path="/fapi/v2/account")
WRITE = SignedCall(method="POST", path="/fapi/v1/order", form="symbol=BTCUSDT&signature=x", api_key=API_KEY.address)


@contextmanager
def client_of(script: Script, **settings: Any) -> Iterator[tuple[BinanceClient, Stub]]:
    with scripted(script) as stub:
        client = BinanceClient(BinanceConfig(url=stub.url, **settings), RequestBudget(1_000_000, timedelta(0)))
        try:
            yield client, stub
        finally:
            client.close()


@pytest.mark.parametrize("config", [BinanceConfig, AsterConfig])
def test_the_network_is_paper_unless_somebody_says_otherwise(config: Any):
    assert config().network is Network.PAPER
    assert not config().is_mainnet
    assert config().ws_url.startswith("ws://localhost:")


@pytest.mark.parametrize(
    ("config", "network", "url"),
    [
        (BinanceConfig, Network.PAPER, binance.MAINNET_URL),
        (BinanceConfig, Network.TESTNET, binance.MAINNET_URL),
        (BinanceConfig, Network.MAINNET, binance.TESTNET_URL),
        (BinanceConfig, Network.MAINNET, "http://localhost:3002"),
        (BinanceConfig, Network.PAPER, "localhost:3002"),
        (AsterConfig, Network.PAPER, aster.MAINNET_URL),
        (AsterConfig, Network.MAINNET, aster.TESTNET_URL),
        (AsterConfig, Network.TESTNET, "http://127.0.0.1:3003"),
    ],
)
def test_a_url_of_another_network_is_misconfigured(config: Any, network: Network, url: str):
    with pytest.raises(Misconfigured) as caught:
        config(network=network, url=url)
    assert caught.value.code == "network_mismatch"


def test_a_paper_stream_of_a_real_venue_is_misconfigured():
    with pytest.raises(Misconfigured):
        BinanceConfig(ws_url="wss://fstream.binance.com")


def test_official_networks_have_streams_of_their_own():
    assert BinanceConfig(network=Network.TESTNET).ws_url == "wss://fstream.binancefuture.com"
    assert AsterConfig(network=Network.MAINNET).ws_url == "wss://fstream.asterdex.com"
    assert (AsterConfig().chain_id, AsterConfig(network=Network.MAINNET).chain_id) == (714, 1666)


def dropping(times: int) -> Script:
    """Close the connection without an answer a number of times, then answer."""
    left = [times]

    def answer(asked: Asked) -> Said | None:
        if asked.path.endswith("/time"):
            return Said(body={"serverTime": int(time.time() * 1000)})
        left[0] -= 1
        return None if left[0] >= 0 else Said(body={"ok": 1.5})

    return answer


def test_a_read_on_a_stale_connection_is_asked_once_more():
    with client_of(dropping(1)) as (client, stub):
        assert str(client.signed(API_KEY, READ.path, 5)["ok"]) == "1.5"
        assert stub.paths().count("GET /fapi/v2/account") == 2


def test_a_read_is_not_asked_for_ever():
    with client_of(dropping(5)) as (client, stub):
        with pytest.raises(Retryable) as caught:
            client.signed(API_KEY, READ.path, 5)
        assert caught.value.code == "venue_unreachable"
        assert stub.paths().count("GET /fapi/v2/account") == 2


def test_a_write_on_a_broken_connection_is_sent_once_and_nothing_is_raised():
    with client_of(dropping(5)) as (client, stub):
        reply = client.write(WRITE, account="a")
        assert (reply.status, reply.problem) == (0, "ProtocolError")
        assert stub.paths() == ["POST /fapi/v1/order"]


def test_a_write_carries_its_form_in_the_body_and_its_key_in_a_header():
    with client_of(lambda _: Said(body={"a": 1})) as (client, stub):
        client.write(WRITE, account="a")
        (asked,) = stub.asked
        assert (asked.form, asked.headers["X-MBX-APIKEY"]) == ({"symbol": "BTCUSDT", "signature": "x"}, API_KEY.address)


def test_every_call_ends_within_its_time_even_if_the_answer_comes_later():
    given_up = threading.Event()

    def slow(asked: Asked) -> Said:
        given_up.wait(20)
        return Said(body={})

    with client_of(slow, timeout=QUICK) as (client, _):
        assert client.write(WRITE, account="a").status == 0
        with pytest.raises(Retryable) as caught:
            client.public("time", 1)
        assert caught.value.code == "venue_timeout"
        given_up.set()


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, b"<html>", Retryable, "garbled_answer"),
        (200, b"", Retryable, "garbled_answer"),
        (400, {"code": -1121, "msg": "Invalid symbol."}, Refused, "bad_request"),
        (400, {"code": -1003, "msg": "Too many requests."}, Retryable, "venue_error"),
        (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, Misconfigured, "key_refused"),
        (400, {"code": -1022, "msg": "Signature for this request is not valid."}, Misconfigured, "key_refused"),
        (400, {"code": -4225, "msg": "Nonce Expired"}, Retryable, "venue_error"),
        (400, b"<html>", Retryable, "venue_error"),
        (403, b"<html>", Retryable, "venue_error"),
        (418, {"code": -1003, "msg": "IP banned."}, Retryable, "rate_limited"),
        (429, {"code": -1003, "msg": "Too many requests."}, Retryable, "rate_limited"),
        (500, b"", Retryable, "venue_error"),
        (503, {"code": -1007, "msg": "Timeout."}, Retryable, "venue_error"),
        (302, b"", Retryable, "venue_error"),
    ],
)
def test_what_is_wrong_with_a_read_is_said_by_who_acts(status: int, body: Any, kind: type[HoldfastError], code: str):
    with client_of(by_path({"account": Said(status=status, body=body)})) as (client, _):
        with pytest.raises(kind) as caught:
            client.signed(API_KEY, READ.path, 5)
        assert caught.value.code == code
        assert API_KEY.secret not in str(caught.value)


def test_reads_are_stamped_by_the_venues_clock_and_it_is_asked_again_when_the_venue_says_that_ours_is_off():
    refusals = [Said(status=400, body={"code": -1021, "msg": "Timestamp for this request is outside."})]
    stamps: list[int] = []

    def account(asked: Asked) -> Said:
        stamps.append(int(asked.form["timestamp"]))
        return refusals.pop() if refusals else Said(body={"ok": True})

    with client_of(by_path({"account": account}, offset=timedelta(hours=1))) as (client, stub):
        with pytest.raises(Retryable) as caught:
            client.signed(API_KEY, READ.path, 5)
        assert caught.value.code == "clock_skewed"
        assert client.signed(API_KEY, READ.path, 5) == {"ok": True}
        assert stub.paths().count("GET /fapi/v1/time") == 2
        assert all(abs(stamp / 1000 - time.time() - 3600) < 5 for stamp in stamps)


@pytest.mark.parametrize("code", [-1021, -5028])
def test_a_write_that_is_refused_for_its_time_has_the_clock_asked_again(code: int):
    clocks = [timedelta(hours=1), timedelta()]

    def answer(asked: Asked) -> Said:
        if asked.path.endswith("/time"):
            return Said(body={"serverTime": int((time.time() + clocks.pop(0).total_seconds()) * 1000)})
        return Said(status=400, body={"code": code, "msg": "Timestamp for this request is outside."})

    with client_of(answer) as (client, stub):
        assert client.clock_offset() > timedelta(minutes=59)
        assert client.write(WRITE, account="a").status == 400
        assert abs(client.clock_offset()) < timedelta(seconds=5)
        assert stub.paths().count("POST /fapi/v1/order") == 1


def test_the_clock_is_asked_once_for_many_reads():
    with client_of(by_path({"account": {"ok": True}})) as (client, stub):
        for _ in range(5):
            client.signed(API_KEY, READ.path, 5)
        assert stub.paths().count("GET /fapi/v1/time") == 1


def test_a_garbled_clock_is_no_clock():
    with client_of(by_path({"time": {"serverTime": "soon"}})) as (client, _):
        with pytest.raises(Retryable) as caught:
            client.venue_time()
        assert caught.value.code == "garbled_answer"


def test_a_ban_closes_the_address_for_all_calls_until_it_is_over():
    answers = by_path({"account": Said(status=418, body={"code": -1003, "msg": "x"}, headers={"Retry-After": "60"})})
    with client_of(answers) as (client, stub):
        with pytest.raises(Retryable):
            client.signed(API_KEY, READ.path, 5)
        before = len(stub.asked)
        with pytest.raises(Retryable) as caught:
            client.public("time", 1, Priority.URGENT)
        assert caught.value.code == "rate_budget"
        assert len(stub.asked) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"code":0,"msg":"ok"}',
        b'{"code":200,"msg":"ok"}',
        b'{"code":-1,"msg":5}',
        b'{"code":"-1","msg":"x"}',
    ],
)
def test_what_is_no_error_of_the_venue_is_none(body: bytes):
    assert error_of(Reply(status=400, body=body)) is None
    assert error_of(Reply(status=200, body=b'{"code":-1121,"msg":"x"}')) is None


def test_an_error_of_the_venue_is_its_code_and_its_words():
    assert error_of(Reply(status=503, body=b'{"code":-1007,"msg":"x"}')) == VenueError(code=-1007, text="x")
