"""A live mirror: one paper server mirrors another by its address, loses it and finds it again."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paper.feeds.bars import EMPTY, Bar, Ladder, Print
from paper.feeds.errors import BadFeed
from paper.feeds.feed import MarketClock, open_feed
from paper.feeds.live import open_live
from paper.feeds.live_series import MINUTE_MS, SILENT_MS, LiveSeries

ROOT = Path(__file__).parents[3]
NOW = 1_795_000_020_000
QUOTE = Ladder(((100.0, 1.0), (99.0, 2.0), (98.0, 3.0)), ((101.0, 1.0), (102.0, 2.0)))


@dataclass
class Server:
    """A paper server as a process."""

    options: list[str]
    process: subprocess.Popen[str] = field(init=False)
    url: str = ""

    def start(self) -> None:
        command = [sys.executable, "-m", "paper", "--coins", "BTC,ETH", *self.options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert " listening on " in line, line + self.process.stdout.read()
        self.url = line.rpartition(" ")[2].strip()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


@contextmanager
def running(*options: str) -> Iterator[Server]:
    server = Server(list(options))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def eventually(is_so: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def mid_of(server: Server) -> Decimal:
    return Decimal(server.call("/info", {"type": "allMids"})["BTC"])


def best_of(server: Server) -> list[Any]:
    return [side[:1] for side in server.call("/info", {"type": "l2Book", "coin": "BTC"})["levels"]]


def test_a_paper_server_mirrors_another_and_survives_its_loss() -> None:
    port = free_port()
    with (
        running("--port", str(port)) as source,
        running("--port", "0", "--feed", f"live:hyperliquid@{source.url}") as copy,
    ):
        source.call("/control/price", {"coin": "BTC", "px": "88000", "freeze": True})
        eventually(lambda: mid_of(copy) == 88_000 and best_of(copy) == best_of(source))
        minute = {"coin": "BTC", "interval": "1m", "startTime": int(time.time() * 1000) - 900_000}
        past = [server.call("/info", {"type": "candleSnapshot", "req": minute})[0] for server in (source, copy)]
        assert past[0] == past[1]
        assert float(past[0]["h"]) > 88_100
        source.stop()
        eventually(lambda: best_of(copy) == [[], []], 40)
        assert mid_of(copy) == 88_000
        source.start()
        source.call("/control/price", {"coin": "BTC", "px": "87000", "freeze": True})
        eventually(lambda: mid_of(copy) == 87_000 and best_of(copy) == best_of(source), 60)


def test_binance_is_mirrored_too() -> None:
    with (
        running("--venue", "binance", "--port", "0") as source,
        running("--venue", "hyperliquid", "--port", "0", "--feed", f"live:binance@{source.url}") as copy,
    ):
        source.call("/control/price", {"coin": "BTC", "px": "88000", "freeze": True})
        eventually(lambda: mid_of(copy) == 88_000)
        ticker = source.call("/fapi/v1/ticker/bookTicker?symbol=BTCUSDT")
        eventually(lambda: abs(Decimal(best_of(copy)[0][0]["px"]) - Decimal(ticker["bidPrice"])) <= 1)


@pytest.mark.parametrize(
    ("feed", "code"),
    [
        ("live:hyperliquid@http://127.0.0.1:9", "feed_unreachable"),
        ("live:binance@http://127.0.0.1:9", "feed_unreachable"),
        ("live:kraken", "feed_unknown"),
        ("live:binance@127.0.0.1", "feed_unknown"),
    ],
)
def test_a_market_that_cannot_be_reached_is_one_sentence_with_a_code(feed: str, code: str) -> None:
    for venue in ("hyperliquid", "binance"):
        command = [sys.executable, "-m", "paper", "--venue", venue, "--port", "0", "--feed", feed]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert done.stderr.endswith(f"({code})\n")


def test_a_coin_that_the_market_does_not_have_is_named() -> None:
    with running("--port", "0") as source:
        with pytest.raises(BadFeed, match=r"sends no prices of NOSUCH; leave it out") as refused:
            open_live(f"live:hyperliquid@{source.url}", ["BTC", "NOSUCH"], NOW, wait_s=3)
        assert refused.value.code == "feed_silent"


def test_a_live_market_cannot_run_faster_than_the_wall_clock() -> None:
    clock = MarketClock(wall_start=NOW, market_start=NOW, speed=2.0)
    with pytest.raises(BadFeed, match="leave --speed away"):
        open_feed({"BTC": 1.0}, clock, seed=1, template="live:hyperliquid")


def test_best_prices_lie_over_the_last_book() -> None:
    series = LiveSeries(start_ms=NOW)
    series.take_quote(QUOTE, NOW)
    series.take_quote(Ladder(((99.0, 5.0),), ((101.5, 4.0),)), NOW + 1)
    assert series.ladder(NOW + 2) == Ladder(((99.0, 5.0), (98.0, 3.0)), ((101.5, 4.0), (102.0, 2.0)))
    assert series.price(NOW + 2) == Decimal("100.25")


def test_silence_empties_the_book_and_keeps_the_price() -> None:
    series = LiveSeries(start_ms=NOW)
    series.take_quote(QUOTE, NOW)
    later = NOW + SILENT_MS + 1
    assert series.ladder(NOW + SILENT_MS) == QUOTE
    assert series.ladder(later) == EMPTY
    assert series.price(later) == Decimal("100.5")
    assert series.prints(NOW, later) == []
    assert series.slice(NOW + 3 * MINUTE_MS, NOW + 4 * MINUTE_MS) == Bar(100.5, 100.5, 100.5, 100.5, 0.0)


def test_heard_minutes_make_candles_and_history_takes_their_place() -> None:
    series = LiveSeries(start_ms=NOW)
    series.take_quote(QUOTE, NOW)
    series.take_deal(Print(1, 101.0, 2.5, is_buy=True), NOW + 10)
    series.take_quote(Ladder(((102.0, 1.0),), ((104.0, 1.0),)), NOW + 20)
    minute = NOW // MINUTE_MS * MINUTE_MS
    assert series.slice(minute, minute + MINUTE_MS) == Bar(100.5, 103.0, 100.5, 103.0, 2.5)
    assert series.prints(NOW, NOW + 10) == [Print(NOW + 10, 101.0, 2.5, is_buy=True)]
    series.take_history({minute: Bar(1.0, 4.0, 1.0, 2.0, 9.0), minute - MINUTE_MS: Bar(5.0, 5.0, 5.0, 5.0, 1.0)})
    assert series.slice(minute, minute + MINUTE_MS).volume == 9.0
    assert series.price(minute - 1) == 5
    # Before the first known minute the price stands at its open, in one slice.
    assert series.price(minute - 60 * MINUTE_MS) == 5
    assert series.edge_after(minute - 60 * MINUTE_MS) == minute - MINUTE_MS


def test_the_premium_of_an_hour_is_the_mean_of_what_was_heard() -> None:
    series = LiveSeries(start_ms=NOW)
    assert series.premium(NOW) == 0.0
    series.take_premium(0.001, NOW)
    series.take_premium(0.003, NOW + 1)
    assert series.premium(NOW) == 0.002
    assert series.premium(NOW + 7_200_000) == 0.003
