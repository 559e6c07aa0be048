"""The perpetual contracts of these venues: filters, precision and leverage brackets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from paper.engine.instruments import Perp, Tier, perp

QUOTE = "USDT"
# Maintenance rates of the venue's brackets are half the initial margin, which is what the engine's tiers mean.
_LARGE = ((0, 125), (300_000, 100), (3_000_000, 50), (12_000_000, 20), (70_000_000, 10), (200_000_000, 5))
_SMALL = ((0, 75), (50_000, 50), (600_000, 25), (1_600_000, 20), (6_000_000, 10), (15_000_000, 5), (30_000_000, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One contract; prices in USDT, quantities in the base asset."""

    coin: str
    base: str
    symbol: str
    tick: Decimal
    price_decimals: int
    step: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    max_price: Decimal
    min_price: Decimal
    min_notional: Decimal
    tiers: tuple[Tier, ...]
    multiplier_up: Decimal = Decimal("1.0500")
    multiplier_down: Decimal = Decimal("0.9500")
    trigger_protect: Decimal = Decimal("0.0500")
    take_bound: Decimal = Decimal("0.05")
    liquidation_fee: Decimal = Decimal("0.012500")
    max_orders: int = 200

    @property
    def size_decimals(self) -> int:
        """How many decimals a quantity has."""
        exponent = self.step.as_tuple().exponent
        return -exponent if isinstance(exponent, int) else 0

    @property
    def max_leverage(self) -> int:
        """The leverage of the lowest bracket."""
        return self.tiers[0].max_leverage

    def perp(self, asset: int) -> Perp:
        """Return the engine's side of the contract."""
        return replace(perp(self.coin, asset), size_decimals=self.size_decimals, tiers=self.tiers)


def _tiers(steps: tuple[tuple[int, int], ...]) -> tuple[Tier, ...]:
    return tuple(Tier(lower_bound=Decimal(lower), max_leverage=leverage) for lower, leverage in steps)


# coin: (base, tick, decimals of a price, step, brackets, least notional of Binance in USDT)
_KNOWN: dict[str, tuple[str, str, int, str, tuple[tuple[int, int], ...], int]] = {
    "BTC": ("BTC", "0.10", 2, "0.001", _LARGE, 100),
    "ETH": ("ETH", "0.01", 2, "0.001", _LARGE, 20),
    "SOL": ("SOL", "0.0100", 4, "0.01", _SMALL, 5),
    "XRP": ("XRP", "0.0001", 4, "0.1", _SMALL, 5),
    "DOGE": ("DOGE", "0.000010", 6, "1", _SMALL, 5),
    "HYPE": ("HYPE", "0.00100", 5, "0.01", _SMALL, 5),
    "BNB": ("BNB", "0.010", 3, "0.01", _SMALL, 5),
    "AVAX": ("AVAX", "0.0010", 4, "1", _SMALL, 5),
    "LINK": ("LINK", "0.001", 3, "0.01", _SMALL, 20),
    "kPEPE": ("1000PEPE", "0.0000001", 7, "1", _SMALL, 5),
}


def contract(coin: str, least_notional: Decimal | None = None) -> Contract:
    """Return the contract of a coin; `least_notional` replaces the one of Binance."""
    base, tick, decimals, step, steps, notional = _KNOWN.get(coin, (coin, "0.0010", 4, "0.1", _SMALL, 5))
    size = Decimal(step)
    large = size * 1_000_000 if size < 1 else Decimal(10_000_000)
    return Contract(
        coin=coin,
        base=base,
        symbol=base + QUOTE,
        tick=Decimal(tick),
        price_decimals=decimals,
        step=size,
        max_qty=large,
        market_max_qty=large / 8,
        max_price=Decimal(4_529_764) if coin == "BTC" else Decimal(306_177),
        min_price=max(Decimal(tick), Decimal("556.80")) if coin == "BTC" else Decimal(tick),
        min_notional=Decimal(notional) if least_notional is None else least_notional,
        tiers=_tiers(steps),
    )
