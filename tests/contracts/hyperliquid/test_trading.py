"""Orders, cancels, triggers and noops with real signatures."""

from datetime import timedelta

import pytest

from domain.orders import Side, TimeInForce
from tests.contracts.hyperliquid.trader import PaperServer, Trader
from venues.base import SightingStatus, Verdict

GTC, IOC, ALO = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.ALO


def test_a_market_order_is_filled_and_found_under_its_client_id(trader: Trader):
    terms, name = trader.terms(), trader.name()
    answer = trader.place(terms, name)
    assert (answer.verdict, answer.filled_size, answer.is_resting) == (Verdict.ACCEPTED, terms.size, False)
    assert answer.average_px is not None
    assert answer.average_px <= terms.limit_px
    seen = trader.look(name, terms)
    assert (seen.status, seen.oid, seen.matches) == (SightingStatus.FILLED, answer.oid, True)


def test_a_resting_order_is_found_and_cancelled_by_its_order_id(trader: Trader):
    terms, name = trader.terms(factor="0.8", tif=GTC), trader.name()
    answer = trader.place(terms, name)
    assert (answer.verdict, answer.is_resting) == (Verdict.ACCEPTED, True)
    assert trader.look(name, terms).status is SightingStatus.OPEN
    assert trader.cancel(oid=answer.oid).verdict is Verdict.ACCEPTED
    seen = trader.look(name, terms, oid=answer.oid)
    assert (seen.status, seen.matches) == (SightingStatus.CANCELLED, True)


def test_a_resting_order_is_cancelled_by_its_client_id(trader: Trader):
    name = trader.name()
    trader.place(trader.terms(factor="0.8", tif=GTC), name)
    assert trader.cancel(client_id=name).verdict is Verdict.ACCEPTED
    assert trader.venue.accounts.open_orders(trader.account) == ()


def test_a_cancel_that_comes_too_late_is_refused(trader: Trader):
    answer = trader.place(trader.terms())
    late = trader.cancel(oid=answer.oid)
    assert (late.verdict, late.code) == (Verdict.REFUSED, "cancel_too_late")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"tif": ALO}, "post_only_would_match"),
        ({"factor": "0.8"}, "ioc_no_match"),
        ({"size": "0.0001"}, "minimum_notional"),
        ({"size": "5"}, "insufficient_margin"),
        ({"side": Side.SELL, "factor": "0.95", "reduce_only": True}, "reduce_only_would_increase"),
    ],
)
def test_what_the_venue_refuses_is_refused_with_its_code_and_has_no_effect(trader: Trader, changed, code):
    trader.server.post("price", coin="BTC", px="60000")
    answer = trader.place(trader.terms(**changed))
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, code)
    assert trader.venue.accounts.portfolio(trader.account).is_flat


def test_a_whole_position_stop_waits_fires_and_stays_ours(trader: Trader):
    trader.place(trader.terms())
    terms, name = trader.stop("0.95"), trader.name()
    answer = trader.place(terms, name)
    assert (answer.verdict, answer.is_resting) == (Verdict.ACCEPTED, True)
    (waiting,) = trader.venue.accounts.open_orders(trader.account)
    assert (waiting.client_id, waiting.trigger, waiting.reduce_only) == (name, terms.trigger, True)
    before = trader.look(name, terms)
    assert (before.status, before.matches) == (SightingStatus.OPEN, True)
    trader.server.post("price", coin="BTC", px=str(trader.price("0.94")))
    after = trader.look(name, terms, oid=before.oid)
    assert (after.status, after.matches) == (SightingStatus.FILLED, True)
    assert trader.venue.accounts.portfolio(trader.account).is_flat


def test_a_stop_whose_price_has_passed_is_refused_as_such(trader: Trader):
    trader.place(trader.terms())
    answer = trader.place(trader.stop("1.05"))
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "trigger_already_passed")


def test_a_stop_may_be_answered_with_an_order_id(trader: Trader):
    trader.server.post("settings", position_tpsl_status="resting")
    trader.place(trader.terms())
    terms, name = trader.stop("0.9"), trader.name()
    answer = trader.place(terms, name)
    assert (answer.is_resting, answer.oid) == (True, trader.look(name, terms).oid)


def test_the_same_bytes_twice_make_one_order_and_the_second_answer_is_unknown(trader: Trader):
    request = trader.sign(trader.terms(), trader.name())
    first, second = trader.venue.trading.send(request), trader.venue.trading.send(request)
    assert (first.verdict, second.verdict, second.code) == (Verdict.ACCEPTED, Verdict.UNKNOWN, "duplicate_nonce")
    assert len(trader.admitted()) == 1


def test_an_order_past_its_deadline_is_not_admitted_and_its_answer_is_unknown(trader: Trader):
    terms, name = trader.terms(), trader.name()
    answer = trader.venue.trading.send(trader.sign(terms, name, expires_at=trader.deadline(-1)))
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, "already_expired")
    assert trader.look(name, terms).status is SightingStatus.NOT_FOUND
    assert trader.admitted() == []


def test_a_noop_burns_the_nonce_of_an_order_that_never_arrived(trader: Trader):
    terms, name, nonce = trader.terms(), trader.name(), trader.fresh_nonce()
    request = trader.sign(terms, name, nonce=nonce)
    assert trader.noop(nonce).verdict is Verdict.ACCEPTED
    late = trader.venue.trading.send(request)
    assert (late.verdict, late.code) == (Verdict.UNKNOWN, "duplicate_nonce")
    assert trader.admitted() == []


def test_a_noop_after_an_admitted_order_says_that_the_nonce_was_used(trader: Trader):
    nonce = trader.fresh_nonce()
    trader.venue.trading.send(trader.sign(trader.terms(), trader.name(), nonce=nonce))
    answer = trader.noop(nonce)
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "duplicate_nonce")


def test_an_agent_that_nobody_approved_is_refused_with_a_sentence(server: PaperServer):
    with Trader.funded(server, is_approved=False) as trader:
        answer = trader.place(trader.terms())
        assert (answer.verdict, answer.code) == (Verdict.REFUSED, "agent_not_approved")
        assert "holdfast account approve" in answer.action
        assert trader.approve().verdict is Verdict.ACCEPTED
        assert trader.place(trader.terms()).verdict is Verdict.ACCEPTED


def test_leverage_is_set_and_read_back(trader: Trader):
    def change(leverage: int):
        request = trader.venue.trading.sign_leverage(
            key=trader.agent,
            instrument=trader.instrument(),
            leverage=leverage,
            is_cross=True,
            nonce=trader.fresh_nonce(),
            expires_at=trader.deadline(),
        )
        return trader.venue.trading.send(request)

    assert change(7).verdict is Verdict.ACCEPTED
    assert trader.venue.accounts.leverage(trader.account, "BTC") == (7, True)
    refused = change(400)
    assert (refused.verdict, refused.code) == (Verdict.REFUSED, "leverage_invalid")


def test_orders_that_the_venue_forgot_move_the_horizon_of_lookups(server: PaperServer):
    server.reset()
    with Trader.funded(server, order_retention=2) as trader:
        server.post("settings", order_retention=2)
        assert trader.venue.trading.lookup_horizon(trader.account) is None
        sent = [trader.deadline(0)]
        terms, names = trader.terms(size="0.001"), [trader.name() for _ in range(3)]
        for name in names:
            trader.place(terms, name)
            sent.append(trader.deadline(0))
        assert trader.look(names[0], terms).status is SightingStatus.NOT_FOUND
        assert trader.look(names[2], terms).status is SightingStatus.FILLED
        horizon = trader.venue.trading.lookup_horizon(trader.account)
        assert horizon is not None
        assert sent[1] <= horizon <= sent[2] + timedelta(milliseconds=1)
    server.reset()
