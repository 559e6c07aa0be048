"""Reads are asked again on a stale connection, writes never are."""

import socket
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Misconfigured, Refused, Retryable
from tests.unit.venues.build import client_of, exchange
from venues.hyperliquid.client import HyperliquidClient
from venues.hyperliquid.config import MAINNET_URL, TESTNET_URL, HyperliquidConfig, Network
from venues.hyperliquid.limits import RequestBudget

QUICK = timedelta(milliseconds=300)


def test_the_network_is_paper_unless_somebody_says_otherwise():
    assert HyperliquidConfig().network is Network.PAPER
    assert not HyperliquidConfig().is_mainnet
    assert HyperliquidConfig(network=Network.MAINNET).url == MAINNET_URL


@pytest.mark.parametrize(
    ("network", "url"),
    [
        (Network.PAPER, MAINNET_URL),
        (Network.PAPER, MAINNET_URL + "/"),
        (Network.TESTNET, MAINNET_URL),
        (Network.MAINNET, TESTNET_URL),
        (Network.MAINNET, "http://localhost:3001"),
        (Network.PAPER, "localhost:3001"),
    ],
)
def test_a_url_of_another_network_is_misconfigured(network: Network, url: str):
    with pytest.raises(Misconfigured) as caught:
        HyperliquidConfig(network=network, url=url)
    assert caught.value.code == "network_mismatch"
    assert "HYPERLIQUID_NETWORK" in caught.value.action


def test_the_stream_lies_beside_the_rest_endpoints():
    assert HyperliquidConfig(url="http://127.0.0.1:3001/").stream_url == "ws://127.0.0.1:3001/ws"
    assert HyperliquidConfig(network=Network.TESTNET).stream_url == "wss://api.hyperliquid-testnet.xyz/ws"


def test_the_clock_offset_shifts_the_local_clock():
    shifted = HyperliquidConfig(clock_offset=timedelta(hours=3)).now() - HyperliquidConfig().now()
    assert abs(shifted - timedelta(hours=3)) < timedelta(seconds=1)


def dropping(times: int):
    """Close the connection without an answer a number of times, then answer."""
    left = [times]

    def answer(_path: str, _body: dict[str, Any]):
        left[0] -= 1
        return None if left[0] >= 0 else (200, b'{"ok":1.5}')

    return answer


def test_a_read_on_a_stale_connection_is_asked_once_more():
    with client_of(dropping(1)) as (client, stub):
        assert str(client.info("meta")["ok"]) == "1.5"
    assert stub.kinds() == ["meta", "meta"]


def test_a_read_that_is_dropped_twice_is_retryable():
    with client_of(dropping(9)) as (client, stub), pytest.raises(Retryable) as caught:
        client.info("meta")
    assert caught.value.code == "venue_unreachable"
    assert len(stub.asked) == 2


def test_a_write_that_is_dropped_goes_out_once_and_has_no_answer():
    with client_of(dropping(9)) as (client, stub):
        reply = client.write(b'{"action":{"type":"noop"}}')
    assert (reply.status, reply.problem) == (0, "ProtocolError")
    assert [path for path, _ in stub.asked] == ["/exchange"]


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (429, b"null", Retryable, "rate_limited"),
        (500, b"", Retryable, "venue_error"),
        (503, b"", Retryable, "venue_error"),
        (200, b"", Retryable, "garbled_answer"),
        (200, b"<html>", Retryable, "garbled_answer"),
        (422, b"Failed to deserialize the JSON body into the target type", Refused, "bad_request"),
    ],
)
def test_a_read_without_a_usable_answer_says_who_acts(status: int, body: bytes, error: type[Exception], code: str):
    with client_of(lambda _path, _body: (status, body)) as (client, _), pytest.raises(error) as caught:
        client.info("meta")
    assert getattr(caught.value, "code", "") == code


def test_a_429_stops_the_next_read_for_some_seconds():
    with exchange(lambda _path, _body: (429, b"null")) as stub:
        client = HyperliquidClient(HyperliquidConfig(url=stub.url, budget_wait=timedelta(0)))
        for code in ("rate_limited", "rate_budget"):
            with pytest.raises(Retryable) as caught:
                client.info("meta")
            assert caught.value.code == code
        client.close()
    assert len(stub.asked) == 1


def test_a_server_that_accepts_and_says_nothing_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = HyperliquidClient(HyperliquidConfig(url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=QUICK))
        started = time.monotonic()
        with pytest.raises(Retryable) as caught:
            client.info("meta")
        assert client.write(b"{}").status == 0
        client.close()
    assert caught.value.code == "venue_timeout"
    assert time.monotonic() - started < 5


def test_a_server_that_drips_is_left_in_time():
    done = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not done.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        client = HyperliquidClient(HyperliquidConfig(url=f"http://127.0.0.1:{server.getsockname()[1]}", timeout=QUICK))
        started = time.monotonic()
        reply = client.write(b"{}")
        client.close()
        done.set()
        thread.join()
    assert (reply.status, reply.problem) == (0, "TimeoutError")
    assert time.monotonic() - started < 3


def test_nobody_listening_is_retryable_for_reads_and_unknown_for_writes():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    client = HyperliquidClient(HyperliquidConfig(url=url), RequestBudget())
    with pytest.raises(Retryable) as caught:
        client.info("meta")
    assert caught.value.code == "venue_unreachable"
    assert client.write(b"{}").problem == "NewConnectionError"
    client.close()
