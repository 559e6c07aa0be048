"""Fees by the volume of the last fourteen days (reference 5.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paper.engine.accounts import Account, DayVolume
from paper.engine.settings import Settings

DAYS = 14
KEPT_DAYS = 31
REFERRAL_DISCOUNT = Decimal("0.04")
REFERRAL_VOLUME = Decimal(25_000_000)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What an account pays as a fraction of the notional; negative is a rebate."""

    taker: Decimal
    maker: Decimal
    spot_taker: Decimal
    spot_maker: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Above which fourteen-day volume (USD) which rates apply."""

    cutoff: Decimal
    rates: Rates


def _tier(cutoff: int, taker: str, maker: str, spot_taker: str, spot_maker: str) -> Tier:
    rates = Rates(
        taker=Decimal(taker), maker=Decimal(maker), spot_taker=Decimal(spot_taker), spot_maker=Decimal(spot_maker)
    )
    return Tier(cutoff=Decimal(cutoff), rates=rates)


TIERS = (
    _tier(0, "0.00045", "0.00015", "0.0007", "0.0004"),
    _tier(5_000_000, "0.0004", "0.00012", "0.0006", "0.0003"),
    _tier(25_000_000, "0.00035", "0.00008", "0.0005", "0.0002"),
    _tier(100_000_000, "0.0003", "0.00004", "0.0004", "0.0001"),
    _tier(500_000_000, "0.00028", "0", "0.00035", "0"),
    _tier(2_000_000_000, "0.00026", "0", "0.0003", "0"),
    _tier(7_000_000_000, "0.00024", "0", "0.00025", "0"),
)
# Above which share of the venue's maker volume which rebate is paid.
REBATES = (
    (Decimal("0.005"), Decimal("-0.00001")),
    (Decimal("0.015"), Decimal("-0.00002")),
    (Decimal("0.03"), Decimal("-0.00003")),
)


def utc_day(ms: int, back: int = 0) -> str:
    """Return the UTC date of a time, or of some days before."""
    return (datetime.fromtimestamp(ms / 1000, UTC).date() - timedelta(days=back)).isoformat()


def count_volume(owner: Account, ms: int, notional: Decimal, *, crossed: bool, is_spot: bool) -> None:
    """Count a fill for the fees of whoever pays them; days that no tier looks at any more go."""
    today = utc_day(ms)
    if today not in owner.days:
        oldest = utc_day(ms, KEPT_DAYS)
        owner.days = {day: volume for day, volume in owner.days.items() if day > oldest}
        owner.days[today] = DayVolume()
    volume = owner.days[today]
    volume.cross += notional if crossed else ZERO
    volume.add += ZERO if crossed else notional
    volume.weighted += 2 * notional if is_spot else notional


@dataclass(slots=True)
class Fees:
    """The rates of all accounts; kept for a day, as the venue changes tiers at midnight UTC only."""

    kept: dict[str, tuple[str, Rates]] = field(default_factory=dict)

    def rates(self, owner: Account, ms: int, settings: Settings) -> Rates:
        """Return what an account pays now."""
        today = utc_day(ms)
        day, rates = self.kept.get(owner.address, ("", TIERS[0].rates))
        if day != today or settings.fee_tier_at_once:
            rates = self._computed(owner, ms, settings)
            self.kept[owner.address] = (today, rates)
        if owner.referred_by and owner.volume < REFERRAL_VOLUME:
            return _discounted(rates)
        return rates

    def _computed(self, owner: Account, ms: int, settings: Settings) -> Rates:
        first = 0 if settings.fee_tier_at_once else 1
        wanted = {utc_day(ms, back) for back in range(first, first + DAYS)}
        days = [volume for day, volume in owner.days.items() if day in wanted]
        weighted = sum((volume.weighted for volume in days), ZERO)
        rates = [tier for tier in TIERS if weighted >= tier.cutoff][-1].rates
        share = sum((volume.add for volume in days), ZERO) / (settings.exchange_daily_volume * DAYS)
        rebates = [rebate for cutoff, rebate in REBATES if share > cutoff]
        if not rebates:
            return rates
        return Rates(
            taker=rates.taker, maker=rebates[-1], spot_taker=rates.spot_taker, spot_maker=min(rebates[-1], ZERO)
        )


def _discounted(rates: Rates) -> Rates:
    left = 1 - REFERRAL_DISCOUNT
    maker, spot_maker = rates.maker, rates.spot_maker
    return Rates(
        taker=rates.taker * left,
        maker=maker * left if maker > 0 else maker,
        spot_taker=rates.spot_taker * left,
        spot_maker=spot_maker * left if spot_maker > 0 else spot_maker,
    )
