from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from domain.risk import day_start, trading_day

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Kathmandu", "Australia/Lord_Howe"]
instants = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(instants, st.sampled_from(ZONES))
@example(datetime(2026, 9, 6, 4, tzinfo=UTC), "America/Santiago")
@example(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "Europe/Berlin")
def test_a_day_begins_at_its_first_instant_and_not_one_earlier(now, zone):
    start = day_start(now, zone)
    assert start <= now < start + timedelta(hours=25, minutes=1)
    assert trading_day(start, zone) == trading_day(now, zone)
    assert trading_day(start - timedelta(microseconds=1), zone) < trading_day(now, zone)
    assert day_start(start, zone) == start
