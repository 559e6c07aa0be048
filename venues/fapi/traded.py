"""Which coins an account may have traded: the venue lists trades coin by coin and cannot be asked for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from domain.accounts import AccountRef

SCAN_EVERY = 60.0
OVERLAP = timedelta(minutes=2)
ACTIVE = timedelta(minutes=15)


@dataclass(slots=True)
class Known:
    """One account's coins: when each was last of interest (monotonic), and from when on a newly found one has to be read."""

    seen: dict[str, float] = field(default_factory=dict)
    read_from: dict[str, datetime] = field(default_factory=dict)
    scanned_at: float = float("-inf")
    covered_from: datetime | None = None
    covered_to: datetime | None = None


class TradedCoins:
    """What this process has seen of each account's coins. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: dict[str, Known] = {}
        self._signed: dict[str, dict[str, float]] = {}
        self._lock = Lock()

    def note(self, account: AccountRef, coins: Iterable[str]) -> None:
        """Note coins that are held, ordered or looked up now."""
        with self._lock:
            known, now = self._known(account), self._clock()
            known.seen.update(dict.fromkeys(coins, now))

    def touch(self, account: AccountRef, coin: str) -> None:
        """Note one coin."""
        self.note(account, (coin,))

    def signed(self, signer: str, coin: str) -> None:
        """Note a coin that an order was signed for: whose it is, is known by the key alone."""
        with self._lock:
            self._signed.setdefault(signer, {})[coin] = self._clock()

    def scan_from(self, account: AccountRef, since: datetime) -> datetime | None:
        """Return from when on the income has to be read for coins, None when what was read still serves."""
        with self._lock:
            known = self._known(account)
            if known.covered_from is None or known.covered_to is None or since < known.covered_from:
                return since
            if self._clock() - known.scanned_at < SCAN_EVERY:
                return None
            return max(known.covered_from, min(since, known.covered_to - OVERLAP))

    def scanned(self, account: AccountRef, coins: Iterable[str], start: datetime, end: datetime) -> None:
        """Note the coins that the income named between two instants."""
        with self._lock:
            known, now = self._known(account), self._clock()
            for coin in coins:
                known.seen[coin] = now
                known.read_from[coin] = min(known.read_from.get(coin, start), start)
            known.scanned_at = now
            known.covered_from = start if known.covered_from is None else min(known.covered_from, start)
            known.covered_to = end

    def coins(self, account: AccountRef, signer: str, since: datetime) -> dict[str, datetime]:
        """Return the coins to read, each with the instant from which on; `signer` is the key that signs for the account."""
        with self._lock:
            known, now = self._known(account), self._clock()
            seen = [*known.seen.items(), *self._signed.get(signer, {}).items()]
            recent = {coin for coin, at in seen if now - at < ACTIVE.total_seconds()}
            coins = sorted(recent | known.read_from.keys())
            return {coin: min(since, known.read_from.get(coin, since)) for coin in coins}

    def caught_up(self, account: AccountRef, starts: Mapping[str, datetime]) -> None:
        """Note that coins were read from these instants on."""
        with self._lock:
            known = self._known(account)
            known.read_from = {
                coin: at for coin, at in known.read_from.items() if coin not in starts or at < starts[coin]
            }

    def _known(self, account: AccountRef) -> Known:
        return self._accounts.setdefault(account.account_id, Known())
