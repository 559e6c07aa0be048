"""Public messages of the venues as quotes and trades: a line of a recording or a message of a live stream."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from paper.feeds.bars import Ladder, Print

Json = dict[str, Any]
# Only these streams carry whole books; a message of differences looks the same.
PARTIAL = re.compile(r"@depth(5|10|20)(@|$)")
QUOTED = ("USDT", "USDC", "USD")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one message says: quotes, trades and contexts (mark, oracle, premium) by coin."""

    quotes: list[tuple[str, int, Ladder]] = field(default_factory=list)
    prints: list[tuple[str, Print]] = field(default_factory=list)
    premiums: list[tuple[str, float]] = field(default_factory=list)


def read_message(message: Any) -> Seen:
    """Return what a message says; nothing for kinds that are not known. Raises KeyError, ValueError, TypeError on broken ones."""
    if isinstance(message, list):
        return Seen(prints=[_hyperliquid_trade(row) for row in message])
    if "stream" in message:
        return _binance(message["data"], is_whole_book=PARTIAL.search(message["stream"]) is not None)
    if "channel" in message:
        return _hyperliquid(message["channel"], message["data"])
    if "levels" in message:
        return _hyperliquid("l2Book", message)
    return _binance(message) if "e" in message else Seen()


def _hyperliquid(channel: str, data: Any) -> Seen:
    match channel:
        case "l2Book":
            bids, asks = (_levels(side) for side in data["levels"])
            return _quoted(data["coin"], int(data["time"]), bids, asks)
        case "bbo":
            bids, asks = (_levels([level] if level else []) for level in data["bbo"])
            return _quoted(data["coin"], int(data["time"]), bids, asks)
        case "trades":
            return Seen(prints=[_hyperliquid_trade(row) for row in data])
        case "activeAssetCtx":
            premium = data["ctx"].get("premium")
            return Seen(premiums=[] if premium is None else [(data["coin"], float(premium))])
        case _:
            return Seen()


def _hyperliquid_trade(row: Json) -> tuple[str, Print]:
    return row["coin"], Print(int(row["time"]), float(row["px"]), float(row["sz"]), row["side"] == "B")


def _levels(rows: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(row["px"]), float(row["sz"])) for row in rows)


def _pairs(rows: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(px), float(sz)) for px, sz in rows)


def _quoted(coin: str, ms: int, bids: tuple[tuple[float, float], ...], asks: tuple[tuple[float, float], ...]) -> Seen:
    # A side may be empty for a moment; the price then stays where it was.
    return Seen(quotes=[(coin, ms, Ladder(bids, asks))]) if bids and asks and bids[0][0] < asks[0][0] else Seen()


def _binance(data: Json, *, is_whole_book: bool = False) -> Seen:
    coin = coin_of(str(data.get("s", "")))
    match data.get("e"):
        case "bookTicker":
            bid, ask = (float(data["b"]), float(data["B"])), (float(data["a"]), float(data["A"]))
            return _quoted(coin, int(data["T"]), (bid,), (ask,))
        case "depthUpdate" if is_whole_book:
            return _quoted(coin, int(data["T"]), _pairs(data["b"]), _pairs(data["a"]))
        case "aggTrade" | "trade":
            # `m` says that the buyer was the maker.
            return Seen(prints=[(coin, Print(int(data["T"]), float(data["p"]), float(data["q"]), not data["m"]))])
        case "markPriceUpdate":
            return Seen(premiums=_premium(coin, float(data["p"]), float(data["i"])))
        case _:
            return Seen()


def _premium(coin: str, mark: float, index: float) -> list[tuple[str, float]]:
    return [(coin, mark / index - 1)] if index > 0 else []


def coin_of(symbol: str) -> str:
    """Return the coin of a symbol such as BTCUSDT."""
    upper = symbol.upper()
    return next((upper.removesuffix(quote) for quote in QUOTED if upper.endswith(quote) and upper != quote), upper)
