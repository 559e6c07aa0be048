from dataclasses import replace
from datetime import timedelta

import pytest

from domain.candles import require_usable
from domain.errors import Refused
from tests.unit.domain.build import a_series


def test_a_fresh_series_without_gaps_is_returned():
    series = a_series([1, 2, 3])
    assert require_usable(series, at_least=3) is series


@pytest.mark.parametrize(("age", "is_fine"), [(timedelta(minutes=10), True), (timedelta(minutes=10, seconds=1), False)])
def test_a_series_may_be_two_bars_old_by_default(age, is_fine):
    series = a_series([1, 2, 3])
    old = replace(series, as_of=series.as_of + age)
    if is_fine:
        assert require_usable(old, at_least=3) is old
        return
    with pytest.raises(Refused) as caught:
        require_usable(old, at_least=3)
    assert caught.value.code == "candles_stale"


def test_the_age_can_be_bounded_more_tightly():
    series = a_series([1, 2, 3])
    with pytest.raises(Refused):
        require_usable(
            replace(series, as_of=series.as_of + timedelta(seconds=2)), at_least=3, max_age=timedelta(seconds=1)
        )


def test_bars_out_of_order_are_a_gap():
    series = a_series([1, 2, 3])
    with pytest.raises(Refused) as caught:
        require_usable(replace(series, candles=series.candles[::-1]), at_least=3)
    assert caught.value.code == "candles_gap"


def test_an_empty_series_is_too_short():
    with pytest.raises(Refused) as caught:
        require_usable(replace(a_series([1]), candles=()), at_least=1)
    assert caught.value.code == "candles_too_few"
