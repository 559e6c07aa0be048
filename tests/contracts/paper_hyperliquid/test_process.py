"""The process: state survives its end, also by kill -9; limits; options that cannot be."""

import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from hyperliquid.utils.error import ClientError
from hyperliquid.utils.types import Cloid

from tests.contracts.paper_hyperliquid.conftest import ROOT, Paper, Trader, make_trader

GTC = {"limit": {"tif": "Gtc"}}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Paper]:
    paper = Paper(["--port", "0", "--limits", "off", "--state", str(tmp_path / "venue.sqlite")])
    paper.start()
    yield paper
    if paper.process.poll() is None:
        paper.stop()


def moved(trader: Trader, paper: Paper) -> Trader:
    for client in (trader.master, trader.sdk, trader.info, trader.master.info, trader.sdk.info):
        client.base_url = paper.url
    return trader


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_orders_positions_agents_and_nonces_survive_the_end_of_the_process(own: Paper, how: signal.Signals) -> None:
    trader = make_trader(own)
    own.control("price", coin="BTC", px="100000", freeze=True)
    nonce = time.time_ns() // 1_000_000 + 1_000
    trader.sdk.noop(nonce)
    trader.sdk.market_open("BTC", True, 0.1)
    trader.sdk.order("BTC", True, 0.01, 90000, GTC, cloid=Cloid.from_int(5))
    stop = {"trigger": {"isMarket": True, "triggerPx": 98000, "tpsl": "sl"}}
    row = {"coin": "BTC", "is_buy": False, "sz": 0, "limit_px": 90000, "order_type": stop, "reduce_only": True}
    trader.sdk.bulk_orders([row], grouping="positionTpsl")
    before = (
        trader.orders(),
        trader.info.user_state(trader.address)["assetPositions"],
        trader.info.user_fills(trader.address),
    )
    code = own.stop(how)
    assert code == (0 if how is signal.SIGTERM else -signal.SIGKILL)
    own.start()
    moved(trader, own)
    assert own.call("/control/health")["balanced"]
    assert before == (
        trader.orders(),
        trader.info.user_state(trader.address)["assetPositions"],
        trader.info.user_fills(trader.address),
    )
    assert "duplicate nonce" in trader.sdk.noop(nonce)["response"]
    own.control("price", coin="BTC", px="97000", freeze=True)
    assert trader.szi() == "0.0"
    assert trader.sdk.cancel_by_cloid("BTC", Cloid.from_int(5))["response"]["data"]["statuses"] == ["success"]


def test_nothing_that_was_answered_is_lost_when_the_venue_is_killed_under_load(own: Paper) -> None:
    traders = [make_trader(own) for _ in range(3)]
    answered: list[str] = []

    def trade(number: int, trader: Trader) -> None:
        for count in range(100_000):
            cloid = Cloid.from_int(number * 100_000 + count)
            try:
                trader.sdk.order("BTC", True, 0.001, 50000, GTC, cloid=cloid)
            except requests.exceptions.RequestException:
                return
            answered.append(cloid.to_raw())

    threads = [threading.Thread(target=trade, args=item) for item in enumerate(traders)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while len(answered) < 150:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    own.stop(signal.SIGKILL)
    for thread in threads:
        thread.join(10)
    own.start()
    kept = {row["cloid"] for row in own.call("/control/orders")}
    assert set(answered) <= kept
    assert len(kept) <= len(answered) + len(traders)


def test_market_time_goes_on_after_a_restart_and_runs_at_its_speed(tmp_path: Path) -> None:
    paper = Paper(["--port", "0", "--speed", "600", "--state", str(tmp_path / "venue.sqlite")])
    paper.start()
    first = paper.call("/control/clock")
    time.sleep(0.5)
    second = paper.call("/control/clock")
    ran = (second["market_ms"] - first["market_ms"]) / (second["wall_ms"] - first["wall_ms"])
    assert 590 < ran < 610
    paper.stop()
    paper.start()
    third = paper.call("/control/clock")
    paper.stop()
    assert second["market_ms"] <= third["market_ms"] < second["market_ms"] + 3_600_000


def test_funding_is_paid_every_hour_of_market_time(tmp_path: Path) -> None:
    paper = Paper(["--port", "0", "--speed", "7200", "--limits", "off"])
    paper.start()
    try:
        trader = make_trader(paper, "1000000")
        trader.sdk.market_open("BTC", True, 0.1)
        deadline = time.monotonic() + 10
        while len(rows := trader.info.user_funding_history(trader.address, 0)) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert [later["time"] - earlier["time"] for earlier, later in pairwise(rows)] == [3_600_000] * (len(rows) - 1)
        rates = trader.info.funding_history("BTC", rows[0]["time"])
        assert {row["time"]: row["fundingRate"] for row in rates}.items() >= {
            row["time"]: row["delta"]["fundingRate"] for row in rows
        }.items()
        assert paper.call("/control/health")["balanced"]
    finally:
        paper.stop()


@pytest.mark.parametrize("venue", ["hyperliquid", "binance", "aster"])
@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--port", "99999"), "bad_option"),
        (("--speed", "0"), "bad_option"),
        (("--log", "/nowhere/paper.log"), "file_unusable"),
        (("--state", "/nowhere/paper.sqlite"), "state_unusable"),
        (("--feed", "/nowhere/{coin}.csv"), "feed_unusable"),
    ],
    ids=["port", "speed", "log", "state", "feed"],
)
def test_a_wrong_option_is_one_sentence_with_its_code(venue: str, options: tuple[str, ...], code: str) -> None:
    command = [sys.executable, "-m", "paper", "--venue", venue, "--port", "0", *options]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

    assert answer.returncode == 2
    assert answer.stderr.strip().endswith(f"({code})")
    assert answer.stderr.strip().count("\n") == 0


def test_the_weight_of_one_address_is_limited_with_a_null_429() -> None:
    paper = Paper(["--port", "0"])
    paper.start()
    try:
        trader = make_trader(paper)
        reads = (trader.info.user_fees(trader.address) for _ in range(100))
        with pytest.raises(ClientError) as caught:
            list(reads)
        assert (caught.value.status_code, caught.value.error_message) == (429, "null")
    finally:
        paper.stop()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--feed", "/nowhere/{coin}.csv"], "There is no feed file /nowhere/BTC.csv"),
        (["--state", "/nowhere/venue.sqlite"], "cannot be opened"),
        (["--speed", "0"], "--speed must be above 0"),
    ],
)
def test_options_that_cannot_be_end_with_one_sentence(options: list[str], sentence: str) -> None:
    command = [sys.executable, "-m", "paper", "--port", "0", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_port_in_use_is_said_so(own: Paper) -> None:
    port = own.url.rpartition(":")[2]
    command = [sys.executable, "-m", "paper", "--port", port]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert f"Port {port} on 127.0.0.1 cannot be used" in ended.stderr


@pytest.mark.parametrize("venue", ["hyperliquid", "binance"])
def test_a_full_disk_ends_it_with_one_sentence(venue: str, tmp_path: Path) -> None:
    """A limit of the size of files stands for the disk: writes fail from then on."""
    command = [sys.executable, "-m", "paper", "--venue", venue, "--port", "0", "--state", str(tmp_path / "s.sqlite")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert "listening" in running.stdout.readline()
            resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (1, 1))
            told = running.communicate(timeout=30)[1]
        finally:
            running.kill()
    assert "The state file cannot be written" in told
    assert "(state_unusable)" in told
    assert len(told.strip().splitlines()) == 1, told
