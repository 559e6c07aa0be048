"""Recorded books, best prices, trades and candles of several coins on one clock."""

import gzip
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paper.engine.instruments import tick_near
from paper.engine.orders import Origin
from paper.engine.placing import place
from paper.engine.requests import ActionContext
from paper.engine.tape import print_trades
from paper.feeds.bars import Ladder, Print
from paper.feeds.errors import BadFeed
from paper.feeds.feed import Feed, MarketClock, open_feed
from paper.hyperliquid.opening import Options, open_node
from paper.hyperliquid.ticking import tick
from tests.unit.paper.builders import ALICE, Desk, limit

START = 1_795_000_020_000
RECORDED = 1_700_000_000_000
MINUTE = 60_000
DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[4] / "shared" / "data"))


def feed_of(template: str, *coins: str, anchors: dict[str, int] | None = None) -> Feed:
    clock = MarketClock(wall_start=START, market_start=START, speed=1.0)
    return open_feed(dict.fromkeys(coins or ("BTC",), 100.0), clock, seed=3, template=template, anchors=anchors)


def book(second: int, bid: float, ask: float, coin: str = "BTC") -> dict[str, Any]:
    levels = [
        [{"px": str(bid), "sz": "2", "n": 1}, {"px": str(bid - 1), "sz": "3", "n": 1}],
        [{"px": str(ask), "sz": "1", "n": 1}],
    ]
    return {"channel": "l2Book", "data": {"coin": coin, "time": RECORDED + second * 1000, "levels": levels}}


def trade(second: int, px: float, side: str = "B", coin: str = "BTC") -> dict[str, Any]:
    row = {"coin": coin, "side": side, "px": str(px), "sz": "0.5", "time": RECORDED + second * 1000, "tid": second}
    return {"channel": "trades", "data": [row]}


def written(folder: Path, *messages: Any) -> str:
    path = folder / "recording.jsonl"
    path.write_text("".join(json.dumps(message) + "\n" for message in messages), encoding="utf-8")
    return str(path)


def test_books_give_the_price_and_the_ladder_and_trades_the_tape(tmp_path: Path) -> None:
    feed = feed_of(written(tmp_path, book(0, 100, 102), trade(3, 102), book(5, 110, 112), book(10, 90, 92)))
    assert [feed.price("BTC", START + second * 1000) for second in (0, 4, 5, 9)] == [101, 101, 111, 111]
    assert feed.ladder("BTC", START + 4_999) == Ladder(((100, 2), (99, 3)), ((102, 1),))
    assert feed.prints("BTC", START, START + 2_999) == []
    assert feed.prints("BTC", START, START + 3_000) == [Print(START + 3_000, 102, 0.5, is_buy=True)]
    candle = feed.candles("BTC", MINUTE, START, START, START + 9_000)[0]
    assert (candle.open, candle.high, candle.low, candle.close, candle.volume) == (101, 111, 101, 111, 0.5)


def test_a_recording_runs_backwards_after_its_end_and_trades_change_sides(tmp_path: Path) -> None:
    feed = feed_of(written(tmp_path, book(0, 100, 102), trade(3, 102), book(5, 110, 112), book(10, 90, 92)))
    assert feed.price("BTC", START + 10_000) == 91
    assert feed.price("BTC", START + 10_001) == 111
    assert feed.price("BTC", START + 20_000) == feed.price("BTC", START)
    assert feed.prints("BTC", START + 16_000, START + 18_000) == [Print(START + 17_000, 102, 0.5, is_buy=False)]
    both = feed.prints("BTC", START, START + 20_000)
    assert both is not None
    assert [deal.ms - START for deal in both] == [3_000, 17_000]


def test_a_recording_of_trades_alone_moves_with_them(tmp_path: Path) -> None:
    feed = feed_of(written(tmp_path, trade(0, 100), trade(2, 101, "A"), trade(4, 99)))
    assert [feed.price("BTC", START + second * 1000) for second in range(4)] == [100, 100, 101, 101]
    assert feed.ladder("BTC", START) is None


def test_coins_share_one_clock_and_the_time_that_all_of_them_cover(tmp_path: Path) -> None:
    messages = [book(second, 100 + second, 102 + second) for second in range(0, 21, 2)]
    messages += [book(second, 1000 + second, 1002 + second, "ETH") for second in range(5, 31, 5)]
    feed = feed_of(written(tmp_path, *messages), "BTC", "ETH")
    # ETH is known from second 5 on: that is where both begin.
    assert feed.price("BTC", START) == 105
    assert feed.price("ETH", START) == 1006
    assert feed.price("BTC", START + 5_000) == 111
    assert feed.price("ETH", START + 5_000) == 1011


def test_candles_of_several_coins_are_aligned_by_their_dates(tmp_path: Path) -> None:
    for coin, first in (("BTC", 0), ("ETH", 7)):
        rows = "".join(
            f"{1_700_000_040 + 60 * n},{100 + n},{100 + n},{100 + n},{100 + n},1\n" for n in range(first, 40)
        )
        (tmp_path / f"{coin}.csv").write_text("date,open,high,low,close,volume\n" + rows, encoding="utf-8")
    feed = feed_of(str(tmp_path / "{coin}.csv"), "BTC", "ETH")
    for minutes in range(-20, 60):
        market_ms = START // MINUTE * MINUTE + minutes * MINUTE
        assert feed.price("BTC", market_ms) == feed.price("ETH", market_ms)


def test_a_gap_is_said_and_nothing_is_traded_in_it(tmp_path: Path) -> None:
    feed = feed_of(written(tmp_path, *(trade(second, 100 + second) for second in (0, 1, 2, 300, 301))))
    (note,) = feed.notes
    assert note.startswith("BTC: the recording has 1 gap, the longest of 5.0 min from 2023-11-14T22:13:22+00:00; ")
    assert note.endswith("the price stands still there and nothing is traded.")
    assert feed.prints("BTC", START + 2_000, START + 299_999) == []
    assert {feed.price("BTC", START + second * 1000) for second in range(2, 300)} == {Decimal(102)}
    minute = feed.candles("BTC", MINUTE, START + MINUTE, START + MINUTE, START + 3 * MINUTE)[0]
    assert (minute.high, minute.low, minute.volume) == (102, 102, 0)


def test_a_gap_in_candles_is_said_and_its_bars_print_nothing(tmp_path: Path) -> None:
    rows = "".join(f"{1_700_000_040 + 60 * n},5,6,4,5,1\n" for n in (0, 1, 2, 3, 6, 7, 8, 9, 10, 11))
    (tmp_path / "BTC.csv").write_text("date,open,high,low,close,volume\n" + rows, encoding="utf-8")
    feed = feed_of(str(tmp_path / "{coin}.csv"))
    assert "1 gap, the longest of 2.0 min from 2023-11-14T22:18:00" in feed.notes[0]
    start = feed.series["BTC"].start_ms
    silent = [feed.prints("BTC", start, start + minute * MINUTE) == [] for minute in range(-5, 5)]
    # The anchor is the fifth of ten bars, right at the hole.
    assert silent.count(True) == 2


def test_the_tape_shows_recorded_trades_once_and_as_they_were(tmp_path: Path) -> None:
    feed = feed_of(written(tmp_path, trade(0, 100), trade(2, 101, "A"), trade(4, 99), trade(9, 98)))
    desk = Desk()
    market = desk.venue.markets["BTC"]
    for second in (0, 1, 3, 3, 5):
        print_trades(desk.venue, feed, market, START + second * 1000, lambda px: tick_near(px, 5))
    assert [(deal.px, deal.sz, deal.is_buy) for deal in market.tape] == [
        (Decimal(101), Decimal("0.5"), False),
        (Decimal(99), Decimal("0.5"), True),
    ]


def test_tables_of_trades_and_best_prices_are_one_recording(tmp_path: Path) -> None:
    trades = "time,px,sz,side\n1700000003,102,0.5,sell\n1700000004,103,0.25,buy\n"
    quotes = "time,bid,bid_sz,ask,ask_sz\n1700000000,100,1,102,2\n1700000008,104,1,106,2\n"
    (tmp_path / "trades.csv").write_text(trades, encoding="utf-8")
    with gzip.open(tmp_path / "bbo.csv.gz", "wt", encoding="utf-8") as file:
        file.write(quotes)
    feed = feed_of(f"{tmp_path / 'trades.csv'},{tmp_path / 'bbo.csv.gz'}")
    assert feed.price("BTC", START + 7_999) == 101
    assert feed.ladder("BTC", START) == Ladder(((100, 1),), ((102, 2),))
    assert feed.prints("BTC", START, START + 5_000) == [
        Print(START + 3_000, 102, 0.5, is_buy=False),
        Print(START + 4_000, 103, 0.25, is_buy=True),
    ]


def test_binance_messages_are_read_and_streams_of_differences_are_not(tmp_path: Path) -> None:
    def ticker(second: int, bid: str, ask: str) -> dict[str, Any]:
        data = {
            "e": "bookTicker",
            "s": "BTCUSDT",
            "b": bid,
            "B": "1",
            "a": ask,
            "A": "2",
            "T": RECORDED + second * 1000,
        }
        return {"stream": "btcusdt@bookTicker", "data": data}

    differences = {"e": "depthUpdate", "s": "BTCUSDT", "T": RECORDED, "b": [["1", "1"]], "a": [["2", "1"]]}
    deal = {"e": "aggTrade", "s": "BTCUSDT", "p": "101", "q": "3", "T": RECORDED + 1000, "m": True}
    unusable = {"stream": "btcusdt@depth@100ms", "data": differences}
    feed = feed_of(written(tmp_path, unusable, ticker(0, "100", "102"), deal, ticker(5, "104", "106")))
    assert feed.price("BTC", START) == 101
    assert feed.prints("BTC", START, START + 2_000) == [Print(START + 1_000, 101, 3, is_buy=False)]


def test_a_price_moved_by_hand_hides_the_recorded_book(tmp_path: Path) -> None:
    feed = feed_of(written(tmp_path, book(0, 100, 102), trade(3, 102), book(10, 90, 92)))
    feed.freeze("BTC", Decimal(50), START + 2_000)
    assert feed.ladder("BTC", START + 1_000) is not None
    assert feed.ladder("BTC", START + 3_000) is None
    assert feed.prints("BTC", START + 2_000, START + 4_000) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"channel": "l2Book", "data": {}}\n', "Line 1 of .* is no message"),
        ("nonsense\n{}\n", "Line 1 of .* is no JSON"),
        ('{"channel": "pong", "data": {}}\n', "Nothing of BTC is recorded"),
        (json.dumps(trade(0, 100)) + "\n", "no second in common"),
    ],
)
def test_a_bad_recording_is_refused_with_a_sentence(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadFeed, match=reason):
        feed_of(str(path))


def test_a_line_that_was_cut_off_at_the_end_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text(json.dumps(trade(0, 100)) + "\n" + json.dumps(trade(5, 101)) + '\n{"chan', encoding="utf-8")
    assert feed_of(str(path)).price("BTC", START + 6_000) == 100


@pytest.mark.data
def test_the_recorded_books_of_hyperliquid_are_a_feed() -> None:
    path = DATA / "ws" / "live_books_5m.jsonl"
    if not path.exists():
        pytest.skip(f"the recorded data is not at {DATA}")
    feed = feed_of(str(path), "BTC", "CASHCAT")
    assert feed.notes == ()
    ladder = feed.ladder("BTC", START + 10_000)
    assert ladder is not None
    assert (len(ladder.bids), len(ladder.asks)) == (20, 20)
    deals = feed.prints("BTC", START, START + 120_000)
    assert deals is not None
    assert len(deals) > 100


def test_fast_market_time_passes_over_no_low(tmp_path: Path) -> None:
    rows = "".join(
        f"{1_700_000_040 + 60 * n},100000,{100_000},{90_000 if n % 10 == 5 else 100_000},100000,1\n" for n in range(60)
    )
    (tmp_path / "BTC.csv").write_text("date,open,high,low,close,volume\n" + rows, encoding="utf-8")
    node = open_node(Options(coins=("BTC",), feed=str(tmp_path / "{coin}.csv"), speed=600))
    account = node.venue.open_account(ALICE)
    account.cash = Decimal(100_000)
    start = node.venue.clock()
    node.venue.clock = lambda: start
    tick(node)
    place(node.venue, ActionContext(user=ALICE, origin=Origin(signer=ALICE)), limit("buy", "91000", "0.1"))
    # A second of wall time is ten minutes here: the low of one of its bars is in between.
    node.venue.clock = lambda: start + 1_000
    tick(node)
    assert node.venue.mark("BTC") > 99_000
    assert [fill.px for fill in node.venue.books[ALICE].fills] == [Decimal(91_000)]
    node.store.close()


def test_the_moments_between_two_looks_are_the_turns_of_all_coins(tmp_path: Path) -> None:
    feed = feed_of(written(tmp_path, book(0, 100, 102), book(5, 110, 112), book(10, 90, 92)))
    assert feed.passed(START) == []
    assert feed.passed(START + 900) == []
    assert feed.passed(START + 16_000) == [START + 5_000, START + 10_000, START + 15_000]
    assert len(feed.passed(START + 3_000_000)) <= 60


def test_what_the_price_did_before_it_was_held_by_hand_is_not_looked_at_afterwards(tmp_path: Path) -> None:
    feed = feed_of(written(tmp_path, book(0, 100, 102), book(5, 110, 112), book(10, 90, 92)))
    feed.passed(START)
    feed.freeze("BTC", Decimal(60), START + 7_000)
    assert [feed.price("BTC", at) for at in feed.passed(START + 16_000)] == [Decimal(60)] * 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bars.csv.gz", gzip.compress(b"time,open,high,low,close,volume\n" * 99, mtime=0)[:-9]),
        ("book.jsonl", b"\xff\xfe"),
        ("book.jsonl.gz", b"no gzip"),
    ],
)
def test_a_file_that_breaks_off_or_is_no_text_is_refused_with_a_sentence(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadFeed, match="cannot be read as what its name says") as caught:
        feed_of(str(path))
    assert "\n" not in str(caught.value)
