"""Public market data, read once for all agents of a process.

Market time is what the venue's market data says (`l2Book.time`): on a paper server that replays faster than the clock
it runs ahead of wall time, and nonces and deadlines never use it.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from domain.candles import INTERVALS, CandleSeries
from domain.errors import HoldfastError, Refused, Retryable
from domain.instruments import Instrument
from domain.money import price
from venues.base import Mark
from venues.hyperliquid.client import HyperliquidClient, garbled
from venues.hyperliquid.rows import BAD_SHAPE, is_perpetual, read_candle, read_instrument
from venues.hyperliquid.wire import from_millis, to_millis

MOST_CANDLES = 5000
EXTRA_CANDLES = 2
INSTRUMENTS_LIVE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All coins at one moment; `contexts` are the venue's rows by coin, `read_at` is this process's monotonic clock."""

    market_time: datetime
    instruments: Mapping[str, Instrument]
    contexts: Mapping[str, Mapping[str, Any]]
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


class HyperliquidMarket:
    """Instruments, marks and candles; many threads share one answer, and one thread asks."""

    def __init__(
        self,
        client: HyperliquidClient,
        *,
        settle: timedelta = timedelta(seconds=1),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._settle = settle
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._failure: tuple[float, HoldfastError] | None = None
        self._snapshot_lock = Lock()
        self._candles: dict[tuple[str, str], CachedCandles] = {}
        self._candle_locks: dict[tuple[str, str], Lock] = {}

    def instruments(self) -> dict[str, Instrument]:
        """Return all perpetuals by coin, delisted ones included and marked."""
        return dict(self._listed())

    def instrument(self, coin: str) -> Instrument:
        """Return one perpetual; refuses an unknown coin and names similar ones."""
        listed = self._listed()
        # A coin may have been listed since.
        return _known(listed if coin in listed else self._fresh().instruments, coin)

    def mark(self, coin: str) -> Mark:
        """Return mark, mid, oracle and hourly funding; the mid of an empty book is the mark."""
        snapshot = self._fresh()
        _known(snapshot.instruments, coin)
        try:
            return _mark(coin, snapshot)
        except BAD_SHAPE as error:
            raise garbled("metaAndAssetCtxs", error) from None

    def candles(self, coin: str, interval: str, count: int) -> CandleSeries:
        """Return the last closed bars, at most 5,000; the running bar is left out."""
        _require_interval(interval)
        self.instrument(coin)
        count = min(count, MOST_CANDLES)
        with self._lock_of((coin, interval)):
            now = self._fresh().market_time
            cached = self._candles.get((coin, interval))
            if cached is None or cached.wanted < count or cached.is_stale(now):
                cached = self._read_candles(coin, interval, max(count, cached.wanted if cached else 0), now)
                self._candles[coin, interval] = cached
        as_of = max(now, cached.series.as_of)
        return replace(cached.series, candles=cached.series.candles[-count:], as_of=as_of)

    def _listed(self) -> Mapping[str, Instrument]:
        """Return instruments some minutes old; older ones, too, when the venue does not answer.

        Lookups of unknown orders need an instrument and must not wait for the budget of market data.
        """
        snapshot = self._snapshot
        if snapshot is not None and self._clock() - snapshot.read_at < INSTRUMENTS_LIVE:
            return snapshot.instruments
        try:
            return self._fresh().instruments
        except Retryable:
            if snapshot is None:
                raise
            return snapshot.instruments

    def _lock_of(self, key: tuple[str, str]) -> Lock:
        with self._snapshot_lock:
            return self._candle_locks.setdefault(key, Lock())

    def _fresh(self) -> Snapshot:
        """Return a snapshot of about the last second; one caller reads it while the others wait."""
        with self._snapshot_lock:
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
        """Seconds that a snapshot lives. At one a second it would cost the whole budget, so it ages as that shrinks."""
        free = self._client.budget.free_share
        return 1.0 if free > 0.8 else 3.0 if free > 0.5 else 6.0

    def _read_snapshot(self) -> Snapshot:
        started = self._clock()
        kind = "metaAndAssetCtxs"
        answer = self._client.info(kind)
        try:
            instruments, contexts = read_universe(answer)
            market_time = self._read_market_time(instruments)
        except BAD_SHAPE as error:
            raise garbled(kind, error) from None
        return Snapshot(market_time=market_time, instruments=instruments, contexts=contexts, read_at=started)

    def _read_market_time(self, instruments: Mapping[str, Instrument]) -> datetime:
        traded = [coin for coin, instrument in instruments.items() if not instrument.is_delisted]
        return from_millis(self._client.info("l2Book", coin=traded[0])["time"])

    def _read_candles(self, coin: str, interval: str, count: int, now: datetime) -> CachedCandles:
        step, kind = INTERVALS[interval], "candleSnapshot"
        request = {
            "coin": coin,
            "interval": interval,
            "startTime": to_millis(now - step * (count + EXTRA_CANDLES)),
            "endTime": to_millis(now + step),
        }
        rows = self._client.info(kind, req=request)
        try:
            return closed_candles(coin, interval, rows, now, wanted=count, settle=self._settle)
        except BAD_SHAPE as error:
            raise garbled(kind, error) from None


def read_universe(answer: Any) -> tuple[dict[str, Instrument], dict[str, Mapping[str, Any]]]:
    """Read `metaAndAssetCtxs`: the two lists go by place, and the place is the asset id."""
    universe, contexts = answer[0]["universe"], answer[1]
    rows = [
        (read_instrument(place, row), context)
        for place, (row, context) in enumerate(zip(universe, contexts, strict=True))
    ]
    kept = [(instrument, context) for instrument, context in rows if is_perpetual(instrument.coin)]
    return {i.coin: i for i, _ in kept}, {i.coin: context for i, context in kept}


def closed_candles(
    coin: str, interval: str, rows: list[Mapping[str, Any]], now: datetime, *, wanted: int, settle: timedelta
) -> CachedCandles:
    """Read bars, drop the running one, and note when the next one will have closed."""
    step = INTERVALS[interval]
    bars = sorted((read_candle(row) for row in rows), key=lambda bar: bar.time)
    # A running bar that opened after our clock's answer proves that market time has gone on since.
    as_of = max(now, bars[-1].time) if bars else now
    closed = tuple(bar for bar in bars if bar.time + step <= as_of)
    newest_end = closed[-1].time + step if closed else as_of
    series = CandleSeries(coin=coin, interval=interval, candles=closed[-wanted:], as_of=as_of)
    return CachedCandles(series=series, wanted=wanted, stale_from=newest_end + step + settle, asked_at=now)


def _require_interval(interval: str) -> None:
    if interval not in INTERVALS:
        raise Refused(
            "unknown_interval", f"{interval} is no candle interval.", action=f"Use one of {', '.join(INTERVALS)}."
        )


def _known(instruments: Mapping[str, Instrument], coin: str) -> Instrument:
    if (instrument := instruments.get(coin)) is not None:
        return instrument
    by_upper = {name.upper(): name for name in instruments}
    similar = [by_upper[name] for name in difflib.get_close_matches(coin.upper(), by_upper, n=3, cutoff=0.5)]
    action = f"Did you mean {' or '.join(similar)}?" if similar else "Ask for the instruments to see what is traded."
    details = {"similar": ", ".join(similar)}
    raise Refused("unknown_coin", f"Hyperliquid does not trade {coin}.", action=action, details=details)


def _mark(coin: str, snapshot: Snapshot) -> Mark:
    context = snapshot.contexts[coin]
    mark = context.get("markPx")
    if mark is None:
        raise Retryable("no_mark", f"Hyperliquid shows no mark price for {coin}.")
    mid = context.get("midPx")
    return Mark(
        coin=coin,
        mark_px=price(mark),
        mid_px=price(mark if mid is None else mid),
        oracle_px=price(context["oraclePx"]),
        funding_rate=price(context["funding"]),
        market_time=snapshot.market_time,
    )
