"""Public market data, read once for all agents of a process.

Market time is what the venue's prices say (`premiumIndex.time`); nonces and deadlines never use it.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any

import structlog

from domain.candles import INTERVALS, Candle, CandleSeries
from domain.errors import HoldfastError, Refused, Retryable
from domain.instruments import Instrument
from domain.money import Price, parse_decimal, price
from venues.base import Mark
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.client import FapiClient, garbled
from venues.fapi.limits import Priority
from venues.fapi.rows import read_candle, read_instruments
from venues.fapi.wire import from_millis, to_coin, to_millis, to_symbol

MOST_CANDLES = 5000
CANDLES_PAGE = 1500
EXTRA_CANDLES = 2
INSTRUMENTS_LIVE = 600.0
FUNDING_LIVE = 600.0
USUAL_FUNDING_HOURS = 8
_LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All coins' prices at one moment; `read_at` is this process's monotonic clock."""

    prices: Mapping[str, Mapping[str, Any]]
    books: Mapping[str, Mapping[str, Any]]
    market_time: datetime
    read_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedCandles:
    """A series and the market time from which on it may miss a bar."""

    series: CandleSeries
    wanted: int
    stale_from: datetime
    asked_at: datetime

    def is_stale(self, now: datetime) -> bool:
        """Whether a bar has closed since; a venue that is late with it is asked once for each new market time."""
        return now >= self.stale_from and now > self.asked_at


class FapiMarket:
    """Instruments, marks and candles; many threads share one answer, and one thread asks."""

    def __init__(
        self,
        client: FapiClient,
        *,
        settle: timedelta = timedelta(seconds=1),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._settle = settle
        self._clock = clock
        self._listed: tuple[float, dict[str, Instrument]] | None = None
        self._brackets: dict[str, int] = {}
        self._intervals: tuple[float, dict[str, int]] | None = None
        self._snapshot: Snapshot | None = None
        self._failure: tuple[float, HoldfastError] | None = None
        self._lock = Lock()
        self._listed_lock = Lock()
        self._candles: dict[tuple[str, str], CachedCandles] = {}
        self._candle_locks: dict[tuple[str, str], Lock] = {}

    def instruments(self) -> dict[str, Instrument]:
        """Return all USDT perpetuals by coin, closed ones included and marked."""
        return {coin: self._with_bracket(one) for coin, one in self._known_instruments().items()}

    def instrument(self, coin: str) -> Instrument:
        """Return one perpetual; refuses an unknown coin and names similar ones."""
        listed = self._known_instruments()
        if coin not in listed:
            # A coin may have been listed since.
            listed = self._known_instruments(max_age=5.0)
        return self._with_bracket(_known(self._client.dialect.title, listed, coin))

    def note_brackets(self, brackets: Mapping[str, int]) -> None:
        """Take the highest leverages that an account was told; the venue shows them to accounts alone."""
        self._brackets = {**self._brackets, **brackets}

    def mark(self, coin: str) -> Mark:
        """Return mark, mid, index and hourly funding; the mid of an empty book is the mark."""
        instrument = self.instrument(coin)
        snapshot = self._fresh()
        try:
            return self._mark(instrument.coin, snapshot)
        except BAD_SHAPE as error:
            raise garbled("premiumIndex", error) from None

    def candles(self, coin: str, interval: str, count: int) -> CandleSeries:
        """Return the last closed bars, at most 5,000; the running bar is left out."""
        _require_interval(interval)
        self.instrument(coin)
        count = min(count, MOST_CANDLES)
        with self._lock_of((coin, interval)):
            now = self._market_time(coin)
            cached = self._candles.get((coin, interval))
            if cached is None or cached.wanted < count or cached.is_stale(now):
                cached = self._read_candles(coin, interval, max(count, cached.wanted if cached else 0), now)
                self._candles[coin, interval] = cached
        as_of = max(now, cached.series.as_of)
        return replace(cached.series, candles=cached.series.candles[-count:], as_of=as_of)

    def _with_bracket(self, instrument: Instrument) -> Instrument:
        known = self._brackets.get(instrument.coin)
        return instrument if known is None else replace(instrument, max_leverage=known)

    def _known_instruments(self, max_age: float = INSTRUMENTS_LIVE) -> dict[str, Instrument]:
        """Return instruments some minutes old; older ones, too, when the venue does not answer.

        Lookups of unknown orders need an instrument and must not wait for the budget of market data.
        """
        with self._listed_lock:
            if self._listed is not None and self._clock() - self._listed[0] < max_age:
                return self._listed[1]
            try:
                self._listed = (self._clock(), self._read_instruments())
            except Retryable:
                if self._listed is None:
                    raise
            return self._listed[1]

    def _read_instruments(self) -> dict[str, Instrument]:
        answer = self._client.public("exchangeInfo", 1, Priority.OPEN)
        config, name = self._client.config, self._client.dialect.name
        try:
            found, strange = read_instruments(name, answer["symbols"], max_leverage=config.max_leverage)
        except BAD_SHAPE as error:
            raise garbled("exchangeInfo", error) from None
        if strange:
            _LOG.warning("symbols_left_out", venue=name, symbols=strange)
        return {one.coin: one for one in found}

    def _lock_of(self, key: tuple[str, str]) -> Lock:
        with self._lock:
            return self._candle_locks.setdefault(key, Lock())

    def _market_time(self, coin: str) -> datetime:
        snapshot = self._fresh()
        row = snapshot.prices.get(coin)
        return from_millis(row["time"]) if row is not None and row.get("time") else snapshot.market_time

    def _fresh(self) -> Snapshot:
        """Return a snapshot of about the last seconds; one caller reads it while the others wait."""
        with self._lock:
            if self._snapshot is None or self._clock() - self._snapshot.read_at >= self._age_limit():
                self._snapshot = self._read_or_fail_fast()
            return self._snapshot

    def _read_or_fail_fast(self) -> Snapshot:
        """Read a snapshot; after a failure callers queued behind it get the same error, not a time-out each."""
        if self._failure is not None and self._clock() - self._failure[0] < 1.0:
            raise self._failure[1]
        try:
            return self._read_snapshot()
        except HoldfastError as error:
            self._failure = (self._clock(), error)
            raise

    def _age_limit(self) -> float:
        """Seconds that a snapshot lives: at one in two seconds it costs a fifth of the budget, so it ages as that shrinks."""
        free = self._client.budget.free_share
        return 2.0 if free > 0.6 else 4.0 if free > 0.4 else 8.0

    def _read_snapshot(self) -> Snapshot:
        started = self._clock()
        prices = self._client.public("premiumIndex", 10)
        books = self._client.public("ticker/bookTicker", 5)
        try:
            by_coin = {to_coin(row["symbol"]): row for row in prices}
            times = [int(row["time"]) for row in prices]
            return Snapshot(
                prices=by_coin,
                books={to_coin(row["symbol"]): row for row in books},
                market_time=from_millis(max(times)),
                read_at=started,
            )
        except BAD_SHAPE as error:
            raise garbled("premiumIndex", error) from None

    def _mark(self, coin: str, snapshot: Snapshot) -> Mark:
        row = snapshot.prices.get(coin)
        if row is None:
            raise Retryable("no_mark", f"{self._client.dialect.title} shows no mark price for {coin}.")
        mark = price(row["markPrice"])
        rate = parse_decimal(str(row.get("lastFundingRate") or "0"))
        return Mark(
            coin=coin,
            mark_px=mark,
            mid_px=_mid(snapshot.books.get(coin), mark),
            oracle_px=price(row["indexPrice"]),
            funding_rate=Price(rate / self.funding_hours(coin)),
            market_time=from_millis(row["time"]),
        )

    def funding_hours(self, coin: str) -> int:
        """Return the hours between payments; the venue lists only those that are not eight."""
        known = self._intervals
        if known is None or self._clock() - known[0] >= FUNDING_LIVE:
            try:
                rows = self._client.public("fundingInfo", 1)
                found = {to_coin(row["symbol"]): int(row["fundingIntervalHours"]) for row in rows}
            except (HoldfastError, *BAD_SHAPE):
                # The rate alone is worth more than no mark at all; it is asked again when this answer is old.
                found = known[1] if known is not None else {}
            known = self._intervals = (self._clock(), found)
        return known[1].get(coin) or USUAL_FUNDING_HOURS

    def _read_candles(self, coin: str, interval: str, count: int, now: datetime) -> CachedCandles:
        step = INTERVALS[interval]
        start, end = now - step * (count + EXTRA_CANDLES), now + step
        rows: list[Any] = []
        while start < end:
            params = (
                ("symbol", to_symbol(coin)),
                ("interval", interval),
                ("startTime", str(to_millis(start))),
                ("endTime", str(to_millis(end))),
                ("limit", str(CANDLES_PAGE)),
            )
            page = self._client.public("klines", 10, Priority.READ, params)
            rows += page
            if len(page) < CANDLES_PAGE:
                break
            start = from_millis(page[-1][0]) + step
        try:
            return _closed([read_candle(row) for row in rows], coin, interval, now, count, self._settle)
        except BAD_SHAPE as error:
            raise garbled("klines", error) from None


def _closed(
    bars: list[Candle], coin: str, interval: str, now: datetime, wanted: int, settle: timedelta
) -> CachedCandles:
    """Drop the running bar, and note when the next one will have closed."""
    step = INTERVALS[interval]
    bars = sorted(bars, key=lambda bar: bar.time)
    # A running bar that opened after our clock's answer proves that market time has gone on since.
    as_of = max(now, bars[-1].time) if bars else now
    closed = tuple(bar for bar in bars if bar.time + step <= as_of)
    newest_end = closed[-1].time + step if closed else as_of
    series = CandleSeries(coin=coin, interval=interval, candles=closed[-wanted:], as_of=as_of)
    return CachedCandles(series=series, wanted=wanted, stale_from=newest_end + step + settle, asked_at=now)


def _mid(book: Mapping[str, Any] | None, mark: Price) -> Price:
    if book is None:
        return mark
    bid, ask = parse_decimal(book["bidPrice"]), parse_decimal(book["askPrice"])
    return Price((bid + ask) / Decimal(2)) if bid > 0 and ask > 0 else mark


def _require_interval(interval: str) -> None:
    if interval not in INTERVALS:
        raise Refused(
            "unknown_interval", f"{interval} is no candle interval.", action=f"Use one of {', '.join(INTERVALS)}."
        )


def _known(title: str, instruments: Mapping[str, Instrument], coin: str) -> Instrument:
    if (instrument := instruments.get(coin)) is not None:
        return instrument
    by_upper = {name.upper(): name for name in instruments}
    similar = [by_upper[name] for name in difflib.get_close_matches(coin.upper(), by_upper, n=3, cutoff=0.5)]
    action = f"Did you mean {' or '.join(similar)}?" if similar else "Ask for the instruments to see what is traded."
    raise Refused(
        "unknown_coin", f"{title} does not trade {coin}.", action=action, details={"similar": ", ".join(similar)}
    )
