"""Request weight per network address and order counts per account, as the headers tell them (reference 2.3 and 3.3)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from paper.fapi.errors import Refused

MINUTE_MS = 60_000
PATIENCE = 20
BAN_MS = 120_000
LONGEST_BAN_MS = 3 * 86_400_000


@dataclass(slots=True)
class Window:
    """A sliding sum."""

    length_ms: int
    rows: deque[tuple[int, int]] = field(default_factory=deque)
    total: int = 0

    def used(self, now: int) -> int:
        """Return what was spent within the window."""
        while self.rows and self.rows[0][0] <= now - self.length_ms:
            self.total -= self.rows.popleft()[1]
        return self.total

    def add(self, amount: int, now: int) -> None:
        """Spend an amount."""
        if amount:
            self.rows.append((now, amount))
            self.total += amount

    def put(self, amount: int, at: int) -> None:
        """Count an amount as spent at a time before now."""
        self.rows = deque(sorted([*self.rows, (at, amount)]))
        self.total += amount


@dataclass(slots=True)
class Address:
    """One network address: its weight, how often it was told to stop, until when it is banned."""

    weight: Window = field(default_factory=lambda: Window(MINUTE_MS))
    ignored: Window = field(default_factory=lambda: Window(MINUTE_MS))
    banned_until: int = 0
    bans: int = 0


@dataclass(slots=True, kw_only=True)
class Limits:
    """The counters; off counts for the headers and refuses nothing but orders of users who are `held` to an interval."""

    is_on: bool = True
    weight_limit: int = 2400
    order_limits: tuple[tuple[str, int, int], ...] = ()
    addresses: dict[str, Address] = field(default_factory=dict)
    orders: dict[tuple[str, str], Window] = field(default_factory=dict)
    held: set[tuple[str, str]] = field(default_factory=set)

    def spend(self, ip: str, weight: int, now: int) -> None:
        """Spend a weight; raises Refused with 429, or 418 for who goes on asking."""
        place = self.addresses.setdefault(ip, Address())
        if self.is_on and now < place.banned_until:
            raise _banned(place.banned_until, ip)
        if self.is_on and place.weight.used(now) + weight > self.weight_limit:
            place.ignored.add(1, now)
            if place.ignored.used(now) > PATIENCE:
                place.banned_until = now + min(BAN_MS << place.bans, LONGEST_BAN_MS)
                place.bans += 1
                raise _banned(place.banned_until, ip)
            raise Refused(
                -1003,
                f"Too many requests; current limit of IP({ip}) is {self.weight_limit} requests per minute. "
                "Please use the websocket for live updates to avoid polling the API.",
            )
        place.weight.add(weight, now)

    def spend_orders(self, user: str, count: int, now: int) -> None:
        """Count new orders of an account; raises Refused with -1015."""
        for name, seconds, limit in self.order_limits:
            used = self._window(user, name, seconds).used(now)
            if (self.is_on or (user, name) in self.held) and used + count > limit:
                oldest = self._window(user, name, seconds).rows
                wait_s = (oldest[0][0] + seconds * 1000 - now + 999) // 1000 if oldest else seconds
                text = f"Too many new orders; current limit is {limit} orders per {name}."
                raise Refused(-1015, text, wait_s=max(wait_s, 1))
        for name, seconds, _ in self.order_limits:
            self._window(user, name, seconds).add(count, now)

    def leave(self, user: str, interval: str, left: int, seconds: float, now: int) -> None:
        """Leave a user so many orders of an interval for some seconds, and hold it to that; raises ValueError."""
        lengths = {name: (length, limit) for name, length, limit in self.order_limits}
        if interval not in lengths:
            raise ValueError(f"interval is one of {', '.join(lengths)}, not {interval!r}.")
        length, limit = lengths[interval]
        if not 0 < seconds <= length:
            raise ValueError(f"seconds must be above zero and {length} at most.")
        window = self._window(user, interval, length)
        spent = limit - left - window.used(now)
        if spent > 0:
            window.put(spent, now - int((length - seconds) * 1000))
        self.held.add((user, interval))

    def headers(self, ip: str, user: str | None, now: int) -> dict[str, str]:
        """Return the headers that tell what is used up."""
        shown = {"X-MBX-USED-WEIGHT-1M": str(self.addresses.setdefault(ip, Address()).weight.used(now))}
        for name, seconds, _ in self.order_limits if user is not None else ():
            shown[f"X-MBX-ORDER-COUNT-{name}"] = str(self._window(user or "", name, seconds).used(now))
        return shown

    def retry_after(self, ip: str, now: int) -> int:
        """Return in how many seconds an address may ask again."""
        place = self.addresses.setdefault(ip, Address())
        oldest = place.weight.rows[0][0] + MINUTE_MS if place.weight.rows else now
        return max((max(place.banned_until, oldest) - now + 999) // 1000, 1)

    def _window(self, user: str, name: str, seconds: int) -> Window:
        return self.orders.setdefault((user, name), Window(seconds * 1000))


def _banned(until: int, ip: str) -> Refused:
    text = f"Way too many requests; IP({ip}) banned until {until}. Please use the websocket for live updates to avoid bans."
    return Refused(-1003, text, 418)
