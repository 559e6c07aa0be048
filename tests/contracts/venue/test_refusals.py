"""What a venue definitely refuses has one stable code at every venue, and no effect."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from domain.money import Price, Quantity
from domain.orders import OrderTerms, Side, TimeInForce
from tests.contracts.rigs.desk import Desk
from venues.base import SightingStatus, Verdict


def _too_small(desk: Desk) -> OrderTerms:
    instrument = desk.instrument()
    if instrument.lot * desk.price() >= instrument.minimum_notional:
        px = instrument.minimum_notional / instrument.lot / 2
        desk.rig.server.move(desk.coin, px)
        return desk.terms(size=str(instrument.lot), px=Price(px))
    lots = instrument.minimum_notional / desk.price() / instrument.lot // 2
    return desk.terms(size=str(max(lots, Decimal(1)) * instrument.lot), px=desk.price())


def _off_tick(desk: Desk) -> OrderTerms:
    return desk.resting(px=Price(desk.price("0.97") + Decimal("0.123456")))


def _off_lot(desk: Desk) -> OrderTerms:
    terms = desk.resting()
    size = Quantity(terms.size + desk.instrument().lot / 2)
    return OrderTerms(coin=terms.coin, side=terms.side, size=size, limit_px=terms.limit_px, tif=terms.tif)


REFUSED: dict[str, Callable[[Desk], OrderTerms]] = {
    "post_only_would_match": lambda desk: desk.terms(tif=TimeInForce.ALO),
    "minimum_notional": _too_small,
    "insufficient_margin": lambda desk: desk.terms(size="50"),
    "price_step": _off_tick,
    "size_step": _off_lot,
    "price_band": lambda desk: desk.resting(side=Side.SELL, factor="0.1", size="0.05"),
}


@pytest.mark.case(40)
@pytest.mark.parametrize("code", list(REFUSED))
def test_what_the_venue_refuses_has_its_code_and_no_effect(desk: Desk, code: str):
    terms, name = REFUSED[code](desk), desk.name()
    answer = desk.place(terms, name)
    # Where a venue has one word for both, a step is a step.
    codes = {"price_step", "size_step"} if code.endswith("_step") else {code}
    assert (answer.verdict, answer.code in codes) == (Verdict.REFUSED, True), answer
    assert answer.text
    assert desk.found(name, terms).status in {
        SightingStatus.NOT_FOUND,
        SightingStatus.REJECTED,
        SightingStatus.CANCELLED,
    }
    assert desk.venue.accounts.portfolio(desk.account).is_flat


@pytest.mark.case(41)
def test_an_immediate_order_without_a_match_leaves_nothing(desk: Desk):
    terms, name = desk.terms(factor="0.96"), desk.name()
    answer = desk.place(terms, name)
    is_refused = (answer.verdict, answer.code) == (Verdict.REFUSED, "ioc_no_match")
    is_empty = answer.verdict is Verdict.ACCEPTED and not answer.filled_size and not answer.is_resting
    assert is_refused or is_empty, answer
    assert desk.found(name, terms).status in {SightingStatus.CANCELLED, SightingStatus.REJECTED}
    assert desk.venue.accounts.portfolio(desk.account).is_flat


@pytest.mark.case(42)
def test_leverage_is_set_and_read_back_and_too_much_is_refused(desk: Desk):
    assert desk.set_leverage(7).verdict is Verdict.ACCEPTED
    assert desk.venue.accounts.leverage(desk.account, desk.coin) == (7, True)
    refused = desk.set_leverage(400)
    assert (refused.verdict, refused.code) == (Verdict.REFUSED, "leverage_invalid")
    assert desk.venue.accounts.leverage(desk.account, desk.coin) == (7, True)


@pytest.mark.case(43)
def test_a_signer_that_may_not_act_is_refused_with_a_sentence_what_to_do(desk: Desk):
    with desk.rig.desk(is_linked=False) as stranger:
        answer = stranger.place(stranger.terms())
        assert answer.verdict is Verdict.REFUSED
        assert answer.code in {"agent_not_approved", "key_refused"}
        assert answer.action
        assert stranger.admitted() == []


@pytest.mark.case(44)
def test_the_same_client_id_on_another_open_order_is_told_apart_from_ours(desk: Desk):
    """A venue may take the second or refuse it; a lookup never shows the first order as the second."""
    terms, name = desk.resting(), desk.name()
    desk.accepted(terms, name)
    other = desk.resting(factor="0.965")
    answer = desk.place(other, name)
    if answer.verdict is Verdict.ACCEPTED:
        assert desk.found(name, other, answer.oid).matches
    else:
        assert answer.verdict is Verdict.UNKNOWN, "A copy was refused, which says nothing of the order."
        assert not desk.found(name, other).matches
        assert len(desk.orders()) == 1


@pytest.mark.case(45)
def test_a_venue_that_says_that_it_took_nothing_is_believed(desk: Desk):
    terms, name = desk.terms(), desk.name()
    request = desk.sign(terms, name)
    desk.rig.server.fault("http_503_busy")
    answer = desk.send(request)
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "venue_busy")
    assert answer.action
    assert desk.found(name, terms).status is SightingStatus.NOT_FOUND
    assert desk.admitted() == []


@pytest.mark.case(46)
def test_an_account_that_was_switched_to_hedge_mode_takes_no_order(desk: Desk):
    desk.rig.bad_link("wrong_position_mode", desk)
    answer = desk.place(desk.terms())
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "wrong_position_mode")
    assert answer.action
    assert desk.admitted() == []
