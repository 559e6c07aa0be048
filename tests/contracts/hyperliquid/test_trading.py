"""Retention, uncertain answers and agents that come to be approved."""

from datetime import timedelta

from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.hyperliquid import HyperliquidRig, approve
from venues.base import SightingStatus, Verdict


def test_a_stop_may_be_answered_with_an_order_id(desk: Desk):
    desk.rig.server.post("settings", position_tpsl_status="resting")
    desk.accepted(desk.terms())
    terms, name = desk.trigger("0.9"), desk.name()
    answer = desk.place(terms, name)
    assert (answer.is_resting, answer.oid) == (True, desk.look(name, terms).oid)


def test_an_agent_that_nobody_approved_is_refused_with_a_sentence_and_trades_once_it_is(rig: HyperliquidRig):
    with rig.desk(is_linked=False) as desk:
        answer = desk.place(desk.terms())
        assert (answer.verdict, answer.code) == (Verdict.REFUSED, "agent_not_approved")
        assert "holdfast account key ACCOUNT --send" in answer.action
        assert approve(desk).verdict is Verdict.ACCEPTED
        assert desk.place(desk.terms()).verdict is Verdict.ACCEPTED


def test_orders_that_the_venue_forgot_move_the_horizon_of_lookups(rig: HyperliquidRig):
    with rig.desk(order_retention=2) as desk:
        rig.server.post("settings", order_retention=2)
        assert desk.venue.trading.lookup_horizon(desk.account) is None
        sent = [desk.deadline(0)]
        terms, names = desk.terms(size="0.001"), [desk.name() for _ in range(3)]
        for name in names:
            desk.place(terms, name)
            sent.append(desk.deadline(0))
        assert desk.look(names[0], terms).status is SightingStatus.NOT_FOUND
        assert desk.look(names[2], terms).status is SightingStatus.FILLED
        horizon = desk.venue.trading.lookup_horizon(desk.account)
        assert horizon is not None
        assert sent[1] <= horizon <= sent[2] + timedelta(milliseconds=1)
