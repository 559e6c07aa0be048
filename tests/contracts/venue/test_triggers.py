"""Stops and take-profits of the whole position: they wait, fire, are refused once passed, and stay ours."""

from decimal import Decimal

import pytest

from domain.orders import Side, TriggerKind
from tests.contracts.rigs.desk import Desk
from venues.base import SightingStatus, Verdict

STOP, TAKE = TriggerKind.STOP_LOSS, TriggerKind.TAKE_PROFIT


@pytest.mark.case(30)
@pytest.mark.parametrize(("kind", "factor"), [(STOP, "0.95"), (TAKE, "1.06")])
def test_a_trigger_of_the_whole_position_waits_and_is_listed_as_what_it_is(desk: Desk, kind: TriggerKind, factor: str):
    desk.accepted(desk.terms())
    terms, name = desk.trigger(factor, kind), desk.name()
    assert desk.accepted(terms, name).is_resting
    (waiting,) = desk.orders()
    assert (waiting.client_id, waiting.trigger, waiting.reduce_only) == (name, terms.trigger, True)
    assert waiting.side is Side.SELL
    seen = desk.found(name, terms)
    assert (seen.status, seen.matches, bool(seen.oid)) == (SightingStatus.OPEN, True, True)
    assert desk.held() == Decimal("0.01")


@pytest.mark.case(31)
@pytest.mark.parametrize(("kind", "factor", "through"), [(STOP, "0.95", "0.94"), (TAKE, "1.06", "1.07")])
def test_a_trigger_that_fires_closes_the_whole_position_and_is_still_found(
    desk: Desk, kind: TriggerKind, factor: str, through: str
):
    desk.accepted(desk.terms())
    terms, name = desk.trigger(factor, kind), desk.name()
    desk.accepted(terms, name)
    before = desk.found(name, terms)
    desk.rig.server.move(desk.coin, desk.price(through))
    after = desk.becomes(name, terms, SightingStatus.FILLED, before.oid)
    assert after.matches
    assert desk.found(name, terms).status is SightingStatus.FILLED
    assert desk.held() == 0
    assert desk.orders() == ()
    closing = desk.fills()[-1]
    assert (closing.side, closing.is_liquidation) == (Side.SELL, False)


@pytest.mark.case(32)
@pytest.mark.parametrize(("kind", "factor"), [(STOP, "1.05"), (TAKE, "0.95")])
def test_a_trigger_whose_price_has_passed_is_refused_as_such(desk: Desk, kind: TriggerKind, factor: str):
    desk.accepted(desk.terms())
    answer = desk.place(desk.trigger(factor, kind))
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "trigger_already_passed")
    assert (desk.held(), desk.orders()) == (Decimal("0.01"), ())


@pytest.mark.case(33)
def test_a_stop_covers_what_the_position_has_grown_to(desk: Desk):
    desk.accepted(desk.terms())
    desk.accepted(desk.trigger("0.95"))
    desk.accepted(desk.terms(size="0.02"))
    assert desk.held() == Decimal("0.03")
    desk.rig.server.move(desk.coin, desk.price("0.94"))
    desk.rig.wait(lambda: desk.held() == 0)


@pytest.mark.case(34)
@pytest.mark.parametrize("is_by_oid", [True, False])
def test_a_waiting_stop_is_cancelled_by_either_name(desk: Desk, is_by_oid: bool):
    desk.accepted(desk.terms())
    terms, name = desk.trigger("0.95"), desk.name()
    desk.accepted(terms, name)
    oid = desk.found(name, terms).oid if is_by_oid else ""
    assert desk.cancel(oid=oid, client_id=name).verdict is Verdict.ACCEPTED
    assert desk.found(name, terms).status is SightingStatus.CANCELLED
    desk.rig.server.move(desk.coin, desk.price("0.94"))
    assert (desk.orders(), desk.held()) == ((), Decimal("0.01"))


@pytest.mark.case(35)
def test_a_stop_whose_position_is_gone_opens_nothing(desk: Desk):
    desk.accepted(desk.terms())
    terms, name = desk.trigger("0.95"), desk.name()
    desk.accepted(terms, name)
    desk.accepted(desk.closing())
    desk.rig.server.move(desk.coin, desk.price("0.94"))
    desk.rig.wait(lambda: desk.orders() == ())
    assert desk.held() == 0
    assert desk.found(name, terms).status in {SightingStatus.CANCELLED, SightingStatus.REJECTED}


@pytest.mark.case(36)
def test_a_stop_of_a_short_position_buys_it_back(desk: Desk):
    desk.accepted(desk.terms(side=Side.SELL, factor="0.97"))
    terms, name = desk.trigger("1.05", side=Side.BUY), desk.name()
    desk.accepted(terms, name)
    desk.rig.server.move(desk.coin, desk.price("1.06"))
    assert desk.becomes(name, terms, SightingStatus.FILLED).matches
    assert desk.held() == 0


@pytest.mark.case(37)
def test_a_second_stop_of_the_whole_position_is_taken_beside_the_first_or_refused_by_name(desk: Desk):
    desk.accepted(desk.terms())
    first, second = desk.name(), desk.name()
    desk.accepted(desk.trigger("0.95"), first)
    answer = desk.place(desk.trigger("0.96"), second)
    names = {order.client_id for order in desk.orders()}
    if answer.verdict is Verdict.ACCEPTED:
        assert names == {first, second}
    else:
        assert (answer.verdict, answer.code) == (Verdict.REFUSED, "trigger_exists")
        assert names == {first}
        assert answer.action


@pytest.mark.case(38)
def test_a_stop_and_a_take_profit_wait_side_by_side(desk: Desk):
    desk.accepted(desk.terms())
    terms = {kind: desk.trigger(factor, kind) for kind, factor in ((STOP, "0.95"), (TAKE, "1.06"))}
    names = {kind: desk.name() for kind in terms}
    for kind, trigger in terms.items():
        desk.accepted(trigger, names[kind])
    listed = {order.client_id: order.trigger for order in desk.orders()}
    assert listed == {names[kind]: trigger.trigger for kind, trigger in terms.items()}


@pytest.mark.case(39)
def test_the_other_trigger_opens_nothing_after_one_has_closed_the_position(desk: Desk):
    desk.accepted(desk.terms())
    desk.accepted(desk.trigger("0.95"))
    terms, name = desk.trigger("1.06", TAKE), desk.name()
    desk.accepted(terms, name)
    desk.rig.server.move(desk.coin, desk.price("1.07"))
    assert desk.becomes(name, terms, SightingStatus.FILLED).matches
    desk.rig.server.move(desk.coin, desk.price("0.94"))
    desk.rig.wait(lambda: desk.orders() == ())
    assert desk.held() == 0
