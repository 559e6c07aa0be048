"""What holding a position costs, as the venue tells everybody."""

from datetime import timedelta
from itertools import pairwise

import pytest

from domain.errors import Refused
from domain.funding import average, volatility
from tests.contracts.rigs.desk import Desk

SPAN = timedelta(days=25)


@pytest.mark.case(99)
def test_funding_is_told_as_the_next_estimate_and_a_history_without_holes_or_doubles(desk: Desk):
    oracle, now = desk.venue.funding, desk.venue.market.mark(desk.coin).market_time
    outlook, history = oracle.outlook(desk.coin), oracle.history(desk.coin, now - SPAN)
    assert timedelta(0) < outlook.next_at - now <= outlook.interval + timedelta(minutes=1)
    assert outlook.last is not None
    assert outlook.last.time == history[-1].time
    assert now - SPAN <= history[0].time <= now - SPAN + outlook.interval + timedelta(minutes=1)
    steps = {round((later.time - row.time) / outlook.interval) for row, later in pairwise(history)}
    assert steps == {1}
    assert {row.interval for row in history} == {outlook.interval}
    assert abs(outlook.predicted) < 1
    assert min(row.hourly for row in history) <= average(history) <= max(row.hourly for row in history)
    assert volatility(history) >= 0
    with pytest.raises(Refused) as caught:
        oracle.outlook("NOSUCHCOIN")
    assert caught.value.code == "unknown_coin"
