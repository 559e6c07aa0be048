"""What hypothesis draws from: instruments as venues have them, prices and sizes far beyond what they allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from domain.fills import Fill
from domain.instruments import Instrument
from domain.money import Money, Price, Quantity
from domain.orders import Side

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    """Perpetuals and spot of Hyperliquid (five figures) and instruments with a plain tick."""
    size_decimals = draw(st.integers(0, 6))
    is_perpetual = draw(st.booleans())
    return Instrument(
        venue="hyperliquid",
        coin="X",
        asset_id=1,
        size_decimals=size_decimals,
        price_decimals=(6 if is_perpetual else 8) - size_decimals,
        significant_figures=draw(st.sampled_from([5, 5, 5, None])),
        minimum_notional=Money(draw(st.sampled_from([Decimal(10), Decimal(5), Decimal("0.5")]))),
    )


def decimals(low: str, high: str, places: int = 10) -> st.SearchStrategy[Decimal]:
    """Decimals of every magnitude in a range, not only large ones."""
    least, most = Decimal(low), Decimal(high)
    scaled = st.builds(
        lambda digits, exponent: Decimal(digits).scaleb(exponent),
        st.integers(1, 10**12),
        st.integers(-places, most.adjusted()),
    )
    return scaled.filter(lambda value: least <= value <= most)


prices = decimals("0.0000001", "10000000").map(Price)
sizes = decimals("0.0000001", "1000000").map(Quantity)


def fills_of(steps: list[tuple[Side, Decimal, Decimal, Decimal]], coin: str = "BTC") -> list[Fill]:
    """Fills a second apart from (side, size, price, fee)."""
    return [
        Fill(
            account_id="a",
            time=NOW + timedelta(seconds=number),
            coin=coin,
            trade_id=str(number),
            oid="1",
            side=side,
            px=Price(px),
            size=Quantity(size),
            fee=Money(fee),
        )
        for number, (side, size, px, fee) in enumerate(steps)
    ]


steps = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.sampled_from([Decimal("0.001"), Decimal("0.5"), Decimal(1), Decimal(3)]) | decimals("0.00001", "1000", 5),
        decimals("0.0001", "100000", 4),
        st.decimals(-1, 5, places=6),
    ),
    max_size=25,
)
