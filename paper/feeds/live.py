"""A mirror of a venue's public data: `live:hyperliquid`, `live:binance`, or `live:NAME@ADDRESS` for another server of its kind.

A thread of its own keeps the connection: what it hears it puts into the series that the exchange reads. After a loss it connects
again, waiting twice as long after every failure, and asks for the minutes that it missed.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from paper.feeds.errors import BadFeed
from paper.feeds.live_series import LiveSeries, wall_ms
from paper.feeds.live_venues import TIMEOUT_S, VENUES, LiveVenue
from paper.feeds.messages import read_message

NAME = "live"
OPENING_S = 15.0
PING_S = 20.0
LONGEST_PAUSE_S = 30.0
log = logging.getLogger("paper.feeds")


@dataclass(slots=True, kw_only=True)
class Mirror:
    """The connection to one venue for some coins."""

    venue: LiveVenue
    address: str | None
    coins: tuple[str, ...]
    series: dict[str, LiveSeries]
    failure: str = ""
    connections: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Connect in the background, for as long as the process lives."""
        threading.Thread(target=self._run, name=f"mirror-{self.venue.name}", daemon=True).start()

    def stop(self) -> None:
        """Let the connection go."""
        self.is_over.set()

    def _run(self) -> None:
        pause = 0.25
        while not self.is_over.is_set():
            try:
                self._follow()
            except (OSError, WebSocketException) as error:
                self.failure = str(error) or type(error).__name__
                log.info("the mirror of %s lost its connection: %s", self.venue.name, self.failure)
            for item in self.series.values():
                item.fall_silent()
            if self.connections:
                pause, self.connections = 0.25, 0
            self.is_over.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _follow(self) -> None:
        url = self.venue.stream_url(self.address, self.coins)
        with connect(url, open_timeout=TIMEOUT_S, ping_interval=PING_S, max_size=2**22) as socket:
            for hello in self.venue.hello(self.coins):
                socket.send(hello)
            self._fetch_history()
            due = time.monotonic() + PING_S
            while not self.is_over.is_set():
                try:
                    self._take(socket.recv(timeout=1.0))
                    self.connections = 1
                except TimeoutError:
                    self._check_alive()
                if self.venue.ping and time.monotonic() >= due:
                    socket.send(self.venue.ping)
                    due = time.monotonic() + PING_S

    def _check_alive(self) -> None:
        """Give up a connection on which every coin has been silent for long: some losses are never told."""
        heard = max(item.heard_ms for item in self.series.values())
        if heard and wall_ms() - heard > LONGEST_PAUSE_S * 1000:
            raise OSError("nothing was heard for too long")

    def _take(self, raw: str | bytes) -> None:
        try:
            seen = read_message(json.loads(raw))
        except (ValueError, KeyError, TypeError, IndexError):
            # Greetings and kinds that came after this was written.
            return
        now = wall_ms()
        for coin, _, quote in seen.quotes:
            if (item := self._of(coin)) is not None:
                item.take_quote(quote, now)
        for coin, deal in seen.prints:
            if (item := self._of(coin)) is not None:
                item.take_deal(deal, now)
        for coin, premium in seen.premiums:
            if (item := self._of(coin)) is not None:
                item.take_premium(premium, now)

    def _of(self, coin: str) -> LiveSeries | None:
        return self.series.get(self.venue.coin_of(coin))

    def _fetch_history(self) -> None:
        address = self.address or self.venue.address
        for coin, item in self.series.items():
            try:
                item.take_history(self.venue.history(address, coin, wall_ms()))
            except (OSError, httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                # Without the past a mirror is still a mirror: its candles begin now.
                log.info("the mirror has no history of %s: %s", coin, error)


def open_live(
    template: str, coins: Iterable[str], start_ms: int, *, wait_s: float = OPENING_S
) -> dict[str, LiveSeries]:
    """Connect and wait for a price of every coin; raises BadFeed with a sentence and a code."""
    name, _, address = template.partition(":")[2].partition("@")
    if name not in VENUES:
        raise BadFeed(f"There is no live feed {name!r}; known are {', '.join(VENUES)}.", "feed_unknown")
    if address and not address.startswith(("http://", "https://")):
        raise BadFeed(f"The address {address!r} of the live feed needs http:// or https://.", "feed_unknown")
    wanted = tuple(coins)
    series = {coin: LiveSeries(start_ms=start_ms) for coin in wanted}
    mirror = Mirror(venue=VENUES[name], address=address.rstrip("/") or None, coins=wanted, series=series)
    mirror.start()
    deadline = time.monotonic() + wait_s
    while not all(item.is_known for item in series.values()):
        if mirror.failure or time.monotonic() > deadline:
            mirror.stop()
            raise _cannot_open(mirror)
        time.sleep(0.02)
    return series


def _cannot_open(mirror: Mirror) -> BadFeed:
    where = mirror.address or mirror.venue.address
    if mirror.failure:
        return BadFeed(
            f"The public data of {mirror.venue.name} at {where} cannot be reached ({mirror.failure}); check the network, or "
            "give --feed a recording or leave it away.",
            "feed_unreachable",
        )
    silent = ", ".join(coin for coin, item in mirror.series.items() if not item.is_known)
    return BadFeed(
        f"{mirror.venue.name} at {where} sends no prices of {silent}; leave it out of --coins.", "feed_silent"
    )
