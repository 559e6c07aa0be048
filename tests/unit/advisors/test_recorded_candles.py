"""The strategies on the real market: they trade, now and then, and their stops lie on the right side."""

import os
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from advisors.registry import built_in
from domain.candles import Candle, CandleSeries
from domain.decisions import Action, MarketView, Situation
from domain.money import price, quantity
from tests.unit.domain.build import a_portfolio

DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[4] / "shared" / "data"))
STEP = timedelta(minutes=5)
EAGER = {"eager": "true", "hold_cycles": "1"}


def recorded(coin: str, count: int) -> list[Candle]:
    file = DATA / "candles" / f"hl_{coin}_5m.parquet"
    if not file.exists():
        pytest.skip(f"the recorded data is not at {DATA}")
    parquet = pytest.importorskip("pyarrow.parquet")
    return [
        Candle(
            time=row["date"],
            open=price(str(row["open"])),
            high=price(str(row["high"])),
            low=price(str(row["low"])),
            close=price(str(row["close"])),
            volume=quantity(str(row["volume"])),
        )
        for row in parquet.read_table(file).slice(0, count).to_pylist()
    ]


@pytest.mark.data
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
@pytest.mark.parametrize(("name", "settings"), [("trend", {}), ("trend", EAGER), ("mean_reversion", {})])
def test_a_strategy_trades_on_recorded_candles_with_its_stop_and_profit_on_the_right_sides(coin, name, settings):
    candles = recorded(coin, 500)
    adviser = built_in().named(name)
    seen: Counter[Action] = Counter()
    for end in range(adviser.candles_needed, len(candles)):
        bars = tuple(candles[end - adviser.candles_needed : end])
        series = CandleSeries(coin=coin, interval="5m", candles=bars, as_of=bars[-1].time + STEP)
        px = bars[-1].close
        view = MarketView(coin=coin, as_of=series.as_of, mark_px=px, mid_px=px, funding_rate=Decimal(0), candles=series)
        situation = Situation(agent_id="a", cycle=end, views=(view,), portfolio=a_portfolio(), settings=settings)
        (proposal,) = adviser.advise(situation).proposals
        seen[proposal.action] += 1
        if proposal.action is Action.HOLD:
            continue
        sign = 1 if proposal.action is Action.OPEN_LONG else -1
        assert proposal.stop_px is not None
        assert proposal.take_profit_px is not None
        assert sign * (px - proposal.stop_px) >= px * Decimal("0.002")
        assert sign * (proposal.take_profit_px - px) > 0
    trades = seen[Action.OPEN_LONG] + seen[Action.OPEN_SHORT]
    assert trades == (sum(seen.values()) // 2 if settings else trades)
    assert 0 < trades < sum(seen.values())
