"""Market time runs faster than the wall; what belongs to the protocol of the client does not."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from coincurve import PrivateKey

from paper.hyperliquid.signing import l1_digest, public_address
from tests.unit.paper.test_feeds_live import Server, eventually, running

HOUR_A_SECOND = "3600"
HOUR_MS = 3_600_000
KEY = PrivateKey.from_int(41)
ADDRESS = public_address(KEY.public_key)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def hyperliquid() -> Iterator[Server]:
    with running("--port", "0", "--speed", HOUR_A_SECOND) as server:
        server.call("/control/deposit", {"user": ADDRESS, "usdc": "10000"})
        eventually(lambda: ahead(server) > 2 * HOUR_MS)
        yield server


@pytest.fixture(scope="module")
def binance() -> Iterator[Server]:
    with running("--venue", "binance", "--port", "0", "--speed", HOUR_A_SECOND) as server:
        eventually(lambda: ahead(server) > 2 * HOUR_MS)
        yield server


def ahead(server: Server) -> int:
    clock = server.call("/control/clock")
    return int(clock["market_ms"] - clock["wall_ms"])


def market_ms(server: Server) -> int:
    return int(server.call("/control/clock")["market_ms"])


def sent(server: Server, nonce: int, expires: int | None = None) -> str:
    order = {"a": 0, "b": True, "p": "50000", "s": "0.001", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    action = {"type": "order", "orders": [order], "grouping": "na"}
    raw = KEY.sign_recoverable(l1_digest(action, nonce, None, expires), hasher=None)
    signature = {"r": "0x" + raw[:32].hex(), "s": "0x" + raw[32:64].hex(), "v": 27 + raw[64]}
    body = {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None, "expiresAfter": expires}
    return json.dumps(
        server.call("/exchange", {key: value for key, value in body.items() if key != "expiresAfter" or expires})
    )


def asked_until_refused(server: Server, times: int) -> int | None:
    """Ask again and again; returns the code of the first refusal."""
    for _ in range(times):
        try:
            server.call("/info", {"type": "meta"})
        except urllib.error.HTTPError as error:
            with error:
                return error.code
    return None


def test_nonces_are_wall_time(hyperliquid: Server) -> None:
    server = hyperliquid
    assert "resting" in sent(server, now_ms())
    assert "Invalid nonce" in sent(server, market_ms(server) + 48 * HOUR_MS)


def test_deadlines_are_wall_time(hyperliquid: Server) -> None:
    server = hyperliquid
    assert "resting" in sent(server, now_ms(), now_ms() + 5_000)
    assert "expire" in sent(server, now_ms(), now_ms() - 5_000).lower()


def test_limits_are_wall_time(hyperliquid: Server) -> None:
    server = hyperliquid
    assert asked_until_refused(server, 200) == 429
    before = ahead(server)
    eventually(lambda: ahead(server) > before + HOUR_MS)
    assert asked_until_refused(server, 10) == 429


def test_order_times_are_wall_time(hyperliquid: Server) -> None:
    server = hyperliquid
    assert "resting" in sent(server, now_ms())
    (order, *_) = server.call(f"/control/orders?user={ADDRESS}")
    assert abs(order["time"] - now_ms()) < 60_000


def test_timestamps_of_binance_are_wall_time(binance: Server) -> None:
    server = binance
    keys = server.call("/control/account", {"user": "ann"})
    server.call("/control/deposit", {"user": "ann", "amount": "10000"})

    def account(stamp: int) -> Any:
        query = urllib.parse.urlencode({"timestamp": stamp, "recvWindow": 5_000})
        signature = hmac.new(keys["api_secret"].encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{server.url}/fapi/v2/account?{query}&signature={signature}"
        request = urllib.request.Request(url, headers={"X-MBX-APIKEY": keys["api_key"]})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return json.loads(error.read())

    assert float(account(now_ms())["totalWalletBalance"]) == 10_000
    assert account(market_ms(server))["code"] == -1021
    assert abs(server.call("/fapi/v1/time")["serverTime"] - now_ms()) < 5_000
