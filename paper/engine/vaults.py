"""Vaults: whose money is in them and what each depositor's part is worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(slots=True, kw_only=True)
class Share:
    """One depositor's part; `basis` is what was paid in for the units still held, `taken` the profit already paid out."""

    units: Decimal = ZERO
    basis: Decimal = ZERO
    taken: Decimal = ZERO
    entered_ms: int = 0
    locked_until: int = 0


@dataclass(slots=True, kw_only=True)
class Vault:
    """A vault; its money and positions are those of the account at its address, the leader's part is a share, too."""

    address: str
    leader: str
    name: str
    description: str
    created_ms: int
    commission: Decimal
    shares: dict[str, Share] = field(default_factory=dict)
    is_closed: bool = False
    allows_deposits: bool = True
    always_close_on_withdraw: bool = False

    @property
    def units(self) -> Decimal:
        """All units there are."""
        return sum((share.units for share in self.shares.values()), ZERO)

    def part(self, user: str) -> Decimal:
        """Return which fraction of the vault a depositor holds."""
        share, units = self.shares.get(user), self.units
        return share.units / units if share is not None and units else ZERO

    def equity(self, user: str, value: Decimal) -> Decimal:
        """Return what a depositor's part is worth when the vault is worth a value."""
        return self.part(user) * value
