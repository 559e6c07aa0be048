"""Rate limits: request weight per address of the network (REST), actions per account (reference 5.3)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from paper.engine.accounts import Account
from paper.engine.errors import ActionRefused
from paper.engine.fees import utc_day
from paper.engine.settings import Settings

Json = dict[str, Any]
WEIGHT_PER_MINUTE = 1200
MINUTE_MS = 60_000
BUFFER = 10_000
THROTTLED_EVERY_MS = 10_000
LIGHT = {"l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus"}
PER_TWENTY = {
    "recentTrades", "historicalOrders", "userFills", "userFillsByTime", "fundingHistory", "userFunding",
    "userNonFundingLedgerUpdates", "twapHistory", "userTwapSliceFills", "userTwapSliceFillsByTime", "delegatorHistory",
    "delegatorRewards",
}  # fmt: skip
BATCHES = {"order": "orders", "cancel": "cancels", "cancelByCloid": "cancels", "batchModify": "modifies"}


def batch_length(action: Json) -> int:
    """Return how many orders or cancels an action carries, at least one."""
    name = BATCHES.get(action["type"])
    rows = action.get(name) if name else None
    return len(rows) or 1 if isinstance(rows, list) else 1


def exchange_weight(action: Json) -> int:
    """Return the weight of an action."""
    return 1 + batch_length(action) // 40


def info_weight(kind: str) -> int:
    """Return the weight of a read before its answer is known."""
    if kind in LIGHT:
        return 2
    return 60 if kind == "userRole" else 20


def answer_weight(kind: str, answer: Any, unit: int = 1) -> int:
    """Return the extra weight of a long answer, `unit` for every twenty rows."""
    if not isinstance(answer, list):
        return 0
    if kind == "candleSnapshot":
        return len(answer) // 60 * unit
    return len(answer) // 20 * unit if kind in PER_TWENTY else 0


@dataclass(slots=True)
class Limits:
    """Sliding minute of weights per address; off answers yes to everything but to the accounts that are `counted` all the same."""

    is_on: bool = True
    counted: set[str] = field(default_factory=set)
    spent: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def admit_weight(self, ip: str, weight: int, now_ms: int) -> bool:
        """Spend a weight, or answer no and spend nothing."""
        if not self.is_on:
            return True
        if self._used(ip, now_ms) + weight > WEIGHT_PER_MINUTE:
            return False
        self.add_weight(ip, weight, now_ms)
        return True

    def seconds_left(self, ip: str, now_ms: int) -> int:
        """Return how long the oldest weight of the minute still counts, at least one second."""
        spent = self.spent.get(ip)
        return max((spent[0][0] + MINUTE_MS - now_ms + 999) // 1000, 1) if spent else 1

    def add_weight(self, ip: str, weight: int, now_ms: int) -> None:
        """Spend a weight without asking."""
        if self.is_on and weight:
            self.spent.setdefault(ip, deque()).append((now_ms, weight))
            self.totals[ip] = self.totals.get(ip, 0) + weight

    def _used(self, ip: str, now_ms: int) -> int:
        spent = self.spent.setdefault(ip, deque())
        while spent and spent[0][0] <= now_ms - MINUTE_MS:
            self.totals[ip] -= spent.popleft()[1]
        return self.totals.get(ip, 0)

    def count_action(self, account: Account, action: Json, now_ms: int, settings: Settings) -> None:
        """Count an action against its account; raises ActionRefused when the account has none left."""
        count = batch_length(action)
        if self.is_on:
            self._count_day(account, now_ms, settings)
        if self.is_on or account.address in self.counted:
            is_cancel = action["type"].startswith("cancel")
            self._check_account(account, count, now_ms, settings, is_cancel=is_cancel)
        account.requests_used += count

    def _check_account(self, account: Account, count: int, now_ms: int, settings: Settings, *, is_cancel: bool) -> None:
        cap = requests_cap(account)
        if is_cancel:
            cap = min(cap + settings.cancel_bonus, 2 * cap)
        if account.requests_used + count > cap:
            if now_ms - account.last_throttled_ms < THROTTLED_EVERY_MS:
                if settings.throttled_counts:
                    account.last_throttled_ms = now_ms
                raise ActionRefused(_too_many(account, cap))
            account.last_throttled_ms = now_ms

    def _count_day(self, account: Account, now_ms: int, settings: Settings) -> None:
        """Count an action of a unified account's day."""
        if not account.is_unified:
            return
        if account.actions_day != (today := utc_day(now_ms)):
            account.actions_day, account.actions_today = today, 0
        if account.actions_today >= settings.unified_daily_actions:
            # The venue's own words for this are not known.
            raise ActionRefused(f"Too many actions today ({settings.unified_daily_actions} a day).")
        account.actions_today += 1


@dataclass(slots=True)
class PerMinute:
    """How often something may happen in a minute per address of the network."""

    most: int
    seen: dict[str, deque[float]] = field(default_factory=dict)

    def admit(self, ip: str, now: float) -> bool:
        """Count one more, or answer no and count nothing; `now` in seconds."""
        times = self.seen.setdefault(ip, deque())
        while times and times[0] <= now - MINUTE_MS / 1000:
            times.popleft()
        if len(times) >= self.most:
            return False
        times.append(now)
        return True


def requests_cap(account: Account) -> int:
    """Return how many actions an account may send in its life so far."""
    return BUFFER + int(account.volume) + account.requests_bought


def _too_many(account: Account, cap: int) -> str:
    return (
        f"Too many cumulative requests sent ({account.requests_used} > {cap}) for cumulative volume traded "
        f"${account.volume:.2f}. Place taker orders to free up 1 request per USDC traded."
    )
