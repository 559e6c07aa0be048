"""What the venue shows to everybody, and what the adapter shows to nobody."""

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import Refused
from domain.instruments import Rounding, floor_size, round_price
from domain.money import Price, Quantity
from tests.contracts.rigs.desk import Desk


@pytest.mark.case(97)
def test_mark_instrument_and_closed_candles_are_read_and_an_unknown_coin_is_refused(desk: Desk):
    market, coin = desk.venue.market, desk.coin
    instrument, mark = market.instrument(coin), market.mark(coin)
    assert market.instruments()[coin] == instrument
    assert mark.mark_px > 0
    assert abs(mark.mid_px / mark.mark_px - 1) < Decimal("0.05")
    assert abs(mark.funding_rate) < Decimal("0.05")
    px, size = Price(mark.mark_px * Decimal("1.0123456789")), Quantity(Decimal("0.123456789"))
    assert round_price(px, instrument, Rounding.DOWN) <= px <= round_price(px, instrument, Rounding.UP)
    assert size - instrument.lot < floor_size(size, instrument) <= size
    series = market.candles(coin, "1m", 3)
    times = [bar.time for bar in series.candles]
    assert times == sorted(times)
    assert all(time + timedelta(minutes=1) <= series.as_of for time in times)
    with pytest.raises(Refused) as caught:
        market.instrument("NOSUCHCOIN")
    assert caught.value.code == "unknown_coin"


@pytest.mark.case(98)
def test_no_secret_and_no_signature_is_shown_by_requests_keys_answers_and_errors(desk: Desk):
    request = desk.sign(desk.resting(), desk.name())
    answer = desk.send(request)
    shown = " ".join(repr(one) for one in (request, desk.key, answer, desk.venue))
    assert desk.key.secret not in shown
    assert desk.key.secret.removeprefix("0x") not in shown
    assert "signature" not in shown
    assert request.digest in shown
