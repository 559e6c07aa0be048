"""One coin of a live market as it comes in: written by the mirror's thread, read by the exchange's.

Market time is wall time. Every field is replaced as a whole, never changed in place where a reader could see half of it. While
the market is silent the price stands still and the book is empty: nothing is traded that nobody offered.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import dropwhile

from paper.feeds.bars import EMPTY, HOUR_MS, Bar, Ladder, Print

MINUTE_MS = 60_000
SILENT_MS = 15_000
KEPT_MINUTES = 20_000


def wall_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True, kw_only=True, eq=False)
class LiveSeries:
    """Book, trades, premium and minutes of one coin."""

    start_ms: int
    book: Ladder | None = None
    heard_ms: int = 0
    deals: deque[Print] = field(default_factory=lambda: deque(maxlen=2_000))
    minutes: dict[int, Bar] = field(default_factory=dict)
    premiums: dict[int, tuple[float, int]] = field(default_factory=dict)
    last_premium: float = 0.0
    deep: Ladder = EMPTY

    @property
    def is_known(self) -> bool:
        """Whether a price has been heard."""
        return self.book is not None

    def take_quote(self, quote: Ladder, now: int) -> None:
        """Take a book, or the best prices, behind which the last book goes on."""
        if len(quote.bids) > 1 or len(quote.asks) > 1:
            self.deep = quote
        else:
            (bid, _), (ask, _) = quote.bids[0], quote.asks[0]
            bids = tuple(dropwhile(lambda level: level[0] >= bid, self.deep.bids))
            asks = tuple(dropwhile(lambda level: level[0] <= ask, self.deep.asks))
            quote = Ladder(quote.bids + bids, quote.asks + asks)
        self.book, self.heard_ms = quote, now
        self._pass(now, quote.mid, 0.0)

    def fall_silent(self) -> None:
        """Offer nothing until something is heard again."""
        self.heard_ms = 0

    def take_deal(self, deal: Print, now: int) -> None:
        """Take a public trade; it counts from the moment at which it was heard."""
        self.deals.append(Print(now, deal.px, deal.sz, deal.is_buy))
        self._pass(now, self.book.mid if self.book else deal.px, deal.sz)

    def take_premium(self, premium: float, now: int) -> None:
        """Take the premium of mark over oracle."""
        total, count = self.premiums.get(now // HOUR_MS, (0.0, 0))
        self.premiums[now // HOUR_MS] = (total + premium, count + 1)
        self.last_premium = premium

    def take_history(self, bars: dict[int, Bar]) -> None:
        """Take the venue's own minutes in the place of what was heard."""
        merged = {**self.minutes, **bars}
        kept = sorted(merged)[-KEPT_MINUTES:]
        self.minutes = {minute: merged[minute] for minute in kept}

    def _pass(self, now: int, px: float, volume: float) -> None:
        minute = now // MINUTE_MS * MINUTE_MS
        bar = self.minutes.get(minute)
        if bar is None:
            self.minutes[minute] = Bar(px, px, px, px, volume)
        else:
            self.minutes[minute] = Bar(bar.open, max(bar.high, px), min(bar.low, px), px, bar.volume + volume)

    def price(self, market_ms: int) -> Decimal:
        """Return the price now, or the close of the minute for an earlier time."""
        book = self.book
        if book is not None and market_ms >= self.heard_ms // MINUTE_MS * MINUTE_MS:
            return Decimal(f"{book.mid:.10g}")
        return Decimal(f"{self.slice(market_ms, market_ms + 1).close:.10g}")

    def edge_after(self, market_ms: int) -> int:
        """Return the end of the minute; what lies before the first known one is one slice."""
        first = min(tuple(self.minutes), default=market_ms)
        return max(market_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS, first // MINUTE_MS * MINUTE_MS)

    def slice(self, start: int, end: int) -> Bar:
        """Return the minute of a slice; one in which nothing was heard is flat at the close before it."""
        del end
        minute = start // MINUTE_MS * MINUTE_MS
        bar = self.minutes.get(minute)
        if bar is not None:
            return bar
        known = tuple(self.minutes.items())
        before = max(((at, item.close) for at, item in known if at < minute), default=None)
        after = min(((at, item.open) for at, item in known), default=(0, 0.0))
        _, px = before or after
        return Bar(px, px, px, px, 0.0)

    def turns(self, start: int, end: int) -> list[int]:
        """Return nothing: every price is looked at as it comes."""
        del start, end
        return []

    def ladder(self, market_ms: int) -> Ladder | None:
        """Return the live book; an empty one while the market is silent."""
        is_silent = market_ms - self.heard_ms > SILENT_MS
        return EMPTY if is_silent else self.book

    def prints(self, start: int, end: int) -> list[Print] | None:
        """Return the trades that were heard in (start, end]."""
        return [deal for deal in tuple(self.deals) if start < deal.ms <= end]

    def premium(self, market_ms: int) -> float | None:
        """Return the mean premium of an hour as far as it was heard, otherwise the last one."""
        total, count = self.premiums.get(market_ms // HOUR_MS, (0.0, 0))
        return total / count if count else self.last_premium
