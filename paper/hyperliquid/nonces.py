"""Nonces: per signer the hundred highest are kept; a new one must be unused, above the lowest kept and near the clock."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from paper.engine.errors import ActionRefused

KEPT = 100
PAST_MS = 172_680_000
FUTURE_MS = 86_280_000


@dataclass(slots=True)
class Nonces:
    """The nonce sets of all signers."""

    kept: dict[str, list[int]] = field(default_factory=dict)

    def use(self, signer: str, nonce: int, now_ms: int) -> None:
        """Use up a nonce; raises ActionRefused where the venue refuses it."""
        mine = self.kept.get(signer)
        if mine is None:
            mine = self.kept[signer] = []
        if nonce <= now_ms - PAST_MS:
            raise ActionRefused(f"Invalid nonce: nonce too low {nonce} < {now_ms - PAST_MS}")
        if nonce >= now_ms + FUTURE_MS:
            raise ActionRefused(f"Invalid nonce: nonce too high {nonce} > {now_ms + FUTURE_MS}")
        if not mine or nonce > mine[-1]:
            # The clock makes nearly every nonce the highest.
            mine.append(nonce)
            if len(mine) > KEPT:
                del mine[0]
            return
        place = bisect_left(mine, nonce)
        if place < len(mine) and mine[place] == nonce:
            raise ActionRefused(f"Invalid nonce: duplicate nonce {nonce}")
        if len(mine) >= KEPT and nonce < mine[0]:
            raise ActionRefused(f"Invalid nonce: nonce too low {nonce} < {mine[0]}")
        self.restore(signer, nonce)

    def restore(self, signer: str, nonce: int) -> None:
        """Put a stored nonce back."""
        mine = self.kept.setdefault(signer, [])
        insort(mine, nonce)
        if len(mine) > KEPT:
            del mine[0]

    def forget(self, signer: str) -> None:
        """Drop the set of a pruned agent: its old actions could be replayed, which is why its address must not be reused."""
        self.kept.pop(signer, None)
