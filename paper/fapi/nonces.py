"""Nonces in microseconds (reference 2.1): within ten seconds of the venue's clock, the latest hundred of each user are kept."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field

from paper.fapi.errors import Refused

KEPT = 100
WINDOW_US = 10_000_000


@dataclass(slots=True)
class Nonces:
    """Used nonces by user, sorted."""

    used: dict[str, list[int]] = field(default_factory=dict)

    def use(self, user: str, nonce: int, now_ms: int) -> None:
        """Use a nonce up; raises Refused when it is too far from the clock, used before, or below a full list."""
        if abs(nonce - now_ms * 1000) > WINDOW_US:
            raise Refused(-4225, "Nonce Expired")
        kept = self.used.setdefault(user, [])
        if nonce in kept:
            # The venue says the same of a duplicate: its own demonstration of the empty request shows it.
            raise Refused(-4225, "Nonce Expired")
        if len(kept) >= KEPT and nonce < kept[0]:
            raise Refused(-4225, "Nonce Expired")
        self.restore(user, nonce)

    def restore(self, user: str, nonce: int) -> None:
        """Enter a used nonce without asking."""
        kept = self.used.setdefault(user, [])
        insort(kept, nonce)
        del kept[: max(len(kept) - KEPT, 0)]
