"""What a mirror says to Hyperliquid and to Binance: addresses, subscriptions, history."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from paper.feeds.bars import Bar
from paper.feeds.live_series import MINUTE_MS
from paper.feeds.messages import QUOTED

TIMEOUT_S = 10
HISTORY_BARS = 1_500
THOUSANDS = {"kPEPE": "1000PEPE", "kSHIB": "1000SHIB", "kBONK": "1000BONK"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVenue:
    """One venue's public data; `hello` are the messages that a new connection sends."""

    name: str
    address: str
    stream_address: str
    stream_path: Callable[[tuple[str, ...]], str]
    hello: Callable[[tuple[str, ...]], list[str]]
    ping: str | None
    history: Callable[[str, str, int], dict[int, Bar]]
    coin_of: Callable[[str], str]

    def stream_url(self, address: str | None, coins: tuple[str, ...]) -> str:
        """Return where to connect; an address of one's own serves requests and streams alike."""
        base = self.stream_address if address is None else "ws" + address.removeprefix("http")
        return base + self.stream_path(coins)


def _hyperliquid_hello(coins: tuple[str, ...]) -> list[str]:
    wanted = [{"type": kind, "coin": coin} for coin in coins for kind in ("l2Book", "bbo", "trades", "activeAssetCtx")]
    return [json.dumps({"method": "subscribe", "subscription": item}) for item in wanted]


def _hyperliquid_history(address: str, coin: str, now: int) -> dict[int, Bar]:
    span = {"coin": coin, "interval": "1m", "startTime": now - HISTORY_BARS * MINUTE_MS, "endTime": now}
    answer = httpx.post(address + "/info", json={"type": "candleSnapshot", "req": span}, timeout=TIMEOUT_S)
    rows = answer.raise_for_status().json()
    return {int(row["t"]): _bar(row["o"], row["h"], row["l"], row["c"], row["v"]) for row in rows}


def _symbol(coin: str) -> str:
    return THOUSANDS.get(coin, coin) + QUOTED[0]


def _binance_path(coins: tuple[str, ...]) -> str:
    streams = [
        f"{_symbol(coin).lower()}@{kind}"
        for coin in coins
        for kind in ("depth20@100ms", "bookTicker", "aggTrade", "markPrice@1s")
    ]
    return "/stream?streams=" + "/".join(streams)


def _binance_history(address: str, coin: str, now: int) -> dict[int, Bar]:
    query: dict[str, str | int] = {
        "symbol": _symbol(coin),
        "interval": "1m",
        "limit": HISTORY_BARS,
        "endTime": now,
    }
    answer = httpx.get(address + "/fapi/v1/klines", params=query, timeout=TIMEOUT_S)
    rows = answer.raise_for_status().json()
    return {int(row[0]): _bar(*row[1:6]) for row in rows}


def _binance_coin(coin: str) -> str:
    back = {value: key for key, value in THOUSANDS.items()}
    return back.get(coin, coin)


def _bar(o: str, h: str, low: str, c: str, v: str) -> Bar:
    return Bar(float(o), float(h), float(low), float(c), float(v))


VENUES = {
    venue.name: venue
    for venue in (
        LiveVenue(
            name="hyperliquid",
            address="https://api.hyperliquid.xyz",
            stream_address="wss://api.hyperliquid.xyz",
            stream_path=lambda _: "/ws",
            hello=_hyperliquid_hello,
            ping='{"method":"ping"}',
            history=_hyperliquid_history,
            coin_of=lambda coin: coin,
        ),
        LiveVenue(
            name="binance",
            address="https://fapi.binance.com",
            stream_address="wss://fstream.binance.com",
            stream_path=_binance_path,
            hello=lambda _: [],
            ping=None,
            history=_binance_history,
            coin_of=_binance_coin,
        ),
    )
}
