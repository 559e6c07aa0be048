"""Risk limits and the profiles that users choose from. Fractions are of equity unless a name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from domain.errors import Refused
from domain.money import require_finite


class RiskProfile(StrEnum):
    """How much a user is willing to risk."""

    CONSERVATIVE = "conservative"
    MODERATE = "moderate"
    AGGRESSIVE = "aggressive"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """What an agent or a user may do. The defaults are the moderate profile.

    `max_position` bounds one position's notional, `max_asset_exposure` one asset's, `max_total_exposure` all of them
    together, each as a multiple of equity; `risk_per_trade` is what may be lost at the stop; `daily_loss`, `daily_fees` and
    `daily_turnover` are per trading day in `day_zone`; `loss_streak` losing trades in a row trip the breaker; a breaker
    without `cool_down` needs an explicit reset. `max_slippage` bounds a market order's limit from the mid.
    """

    profile: RiskProfile = RiskProfile.MODERATE
    max_position: Decimal = Decimal("1.0")
    max_asset_exposure: Decimal = Decimal("1.5")
    max_total_exposure: Decimal = Decimal("3.0")
    max_leverage: int = 5
    risk_per_trade: Decimal = Decimal("0.01")
    max_open_positions: int = 5
    max_orders_per_hour: int = 60
    daily_loss: Decimal = Decimal("0.05")
    daily_fees: Decimal = Decimal("0.02")
    daily_turnover: Decimal = Decimal(30)
    loss_streak: int = 6
    cool_down: timedelta | None = None
    allowed_coins: tuple[str, ...] = ()
    max_slippage: Decimal = Decimal("0.01")
    day_zone: str = "UTC"

    def __post_init__(self) -> None:
        fractions = {name: getattr(self, name) for name in _FRACTIONS}
        require_finite(**fractions)
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise Refused(
                    "limit_out_of_range",
                    f"The limit {name} is {value}, it must lie between {least} and {most}.",
                    action="Correct it.",
                    details={"limit": name, "least": str(least), "most": str(most)},
                )


_FRACTIONS = (
    "max_position",
    "max_asset_exposure",
    "max_total_exposure",
    "risk_per_trade",
    "daily_loss",
    "daily_fees",
    "daily_turnover",
    "max_slippage",
)
_BOUNDS: dict[str, tuple[Decimal | int, Decimal | int]] = {
    "max_position": (0, 1000),
    "max_asset_exposure": (0, 1000),
    "max_total_exposure": (0, 1000),
    "max_leverage": (1, 1000),
    "risk_per_trade": (0, 1),
    "max_open_positions": (0, 10_000),
    "max_orders_per_hour": (0, 1_000_000),
    "daily_loss": (0, 1),
    "daily_fees": (0, 1),
    "daily_turnover": (0, 1_000_000),
    "loss_streak": (0, 1_000_000),
    # A bound of 100 % would let a sell take any price down to zero.
    "max_slippage": (0, Decimal("0.5")),
}


MODERATE = RiskLimits()
CONSERVATIVE = replace(
    MODERATE,
    profile=RiskProfile.CONSERVATIVE,
    max_position=Decimal("0.5"),
    max_asset_exposure=Decimal("0.5"),
    max_total_exposure=Decimal("1.0"),
    max_leverage=2,
    risk_per_trade=Decimal("0.005"),
    max_open_positions=3,
    daily_loss=Decimal("0.02"),
    daily_turnover=Decimal(10),
    loss_streak=4,
)
AGGRESSIVE = replace(
    MODERATE,
    profile=RiskProfile.AGGRESSIVE,
    max_position=Decimal("2.0"),
    max_asset_exposure=Decimal("3.0"),
    max_total_exposure=Decimal("6.0"),
    max_leverage=10,
    risk_per_trade=Decimal("0.02"),
    max_open_positions=10,
    daily_loss=Decimal("0.10"),
    daily_turnover=Decimal(60),
    loss_streak=8,
)
PROFILES: dict[RiskProfile, RiskLimits] = {
    RiskProfile.CONSERVATIVE: CONSERVATIVE,
    RiskProfile.MODERATE: MODERATE,
    RiskProfile.AGGRESSIVE: AGGRESSIVE,
}
