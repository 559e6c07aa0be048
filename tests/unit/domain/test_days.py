from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Misconfigured
from domain.risk import day_start, trading_day


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zone", "day", "start"),
    [
        ("2026-03-01 23:59:59", "UTC", "2026-03-01", "2026-03-01 00:00"),
        ("2026-03-01 23:59:59", "Europe/Berlin", "2026-03-02", "2026-03-01 23:00"),
        ("2026-07-01 22:00:00", "Europe/Berlin", "2026-07-02", "2026-07-01 22:00"),
        # Spring forward at 01:00 UTC: the day began an hour after the clock's offset of the afternoon would say.
        ("2026-03-29 12:00:00", "Europe/Berlin", "2026-03-29", "2026-03-28 23:00"),
        # Fall back: the day has 25 hours.
        ("2026-10-25 22:59:00", "Europe/Berlin", "2026-10-25", "2026-10-24 22:00"),
        ("2026-11-01 06:30:00", "America/New_York", "2026-11-01", "2026-11-01 04:00"),
        ("2026-03-08 04:59:00", "America/New_York", "2026-03-07", "2026-03-07 05:00"),
        # In Santiago the clock goes from 24:00 to 01:00: there is no midnight.
        ("2026-09-06 12:00:00", "America/Santiago", "2026-09-06", "2026-09-06 04:00"),
        ("2026-03-01 19:00:00", "Asia/Kathmandu", "2026-03-02", "2026-03-01 18:15"),
    ],
)
def test_the_trading_day_follows_the_clocks_of_its_zone(now, zone, day, start):
    assert trading_day(at(now), zone) == day
    assert day_start(at(now), zone) == at(start)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_of_a_changing_clock_has_23_or_25_hours(day, hours):
    noon = at(f"{day} 12:00")
    length = day_start(noon + timedelta(days=1), "Europe/Berlin") - day_start(noon, "Europe/Berlin")
    assert length == timedelta(hours=hours)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_an_unknown_zone_is_one_sentence(zone):
    with pytest.raises(Misconfigured) as caught:
        trading_day(at("2026-03-01 12:00"), zone)
    assert caught.value.code == "unknown_time_zone"
