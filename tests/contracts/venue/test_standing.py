"""Clocks that differ, storms, restarts and links: what stands around an order."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import HoldfastError, Retryable
from tests.contracts.rigs.base import Rig
from tests.contracts.rigs.desk import Desk
from tests.contracts.rigs.known import PAPER_RIGS
from tests.contracts.rigs.server import PaperServer
from venues.base import SightingStatus, Verdict

STORM = 2000
THREADS = 8


@pytest.fixture
def strict(rig_name: str, case_number: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A venue that counts requests."""
    if rig_name not in PAPER_RIGS:
        pytest.skip("needs a paper server: a storm at a test network is a storm for others")
    made = PAPER_RIGS[rig_name]
    with PaperServer(tmp_path_factory.mktemp("strict"), made.paper_venue(), limits="on") as server:
        rig = made(server)
        if reason := rig.reason(case_number):
            pytest.skip(f"not applicable: {reason}")
        rig.reset()
        yield rig


@pytest.mark.case(80)
@pytest.mark.parametrize("seconds", [3, -3])
def test_an_order_is_admitted_by_a_venue_whose_clock_differs_a_little(desk: Desk, seconds: int):
    desk.rig.server.post("settings", clock_offset_ms=seconds * 1000)
    terms, name = desk.terms(), desk.name()
    answer = desk.place(terms, name)
    assert answer.verdict is Verdict.ACCEPTED, answer
    assert desk.found(name, terms).status is SightingStatus.FILLED


@pytest.mark.case(81)
@pytest.mark.parametrize("seconds", [30, -30])
def test_an_order_to_a_venue_half_a_minute_off_runs_once_or_provably_not(desk: Desk, seconds: int):
    desk.rig.server.post("settings", clock_offset_ms=seconds * 1000)
    terms, name = desk.terms(), desk.name()
    answer = desk.place(terms, name)
    admitted = len(desk.admitted())
    assert admitted == (1 if answer.verdict is Verdict.ACCEPTED else 0), answer
    assert answer.verdict is Verdict.ACCEPTED or answer.code in {"clock_skewed", "already_expired", "nonce_refused"}, (
        answer
    )


@pytest.mark.case(82)
def test_a_link_whose_clock_is_half_a_minute_off_gets_a_sentence(desk: Desk):
    desk.rig.server.post("settings", clock_offset_ms=30_000)
    link = desk.rig.bad_link("clock", desk)
    report = link.connection.accounts.check_link(link.account, link.signer)
    assert (report.ok, report.code) == (False, "clock_skewed")
    assert report.sentence


@pytest.mark.case(83)
def test_a_storm_of_reads_ends_in_retryable_and_never_in_a_ban(strict: Rig):
    with strict.desk(weight_per_minute=strict.weight_per_minute, budget_wait=timedelta()) as desk:
        codes = set()
        for _ in range(STORM):
            try:
                desk.orders()
            except Retryable as caught:
                codes.add(caught.code)
                break
        assert codes == {"rate_budget"}, "Our own budget ends before the venue's."
        # What was held back is for what must not wait.
        assert desk.venue.accounts.open_orders(desk.account, is_urgent=True) == ()


@pytest.mark.case(84)
def test_a_write_into_a_venue_that_is_stormed_by_others_is_unknown_or_runs_once(strict: Rig):
    with strict.desk() as desk:
        request = desk.sign(desk.resting(), desk.name())
        strict.exhaust(desk)
        answer = desk.send(request)
        # At Binance an order weighs nothing, so that the storm of others does not touch it.
        assert answer.verdict in {Verdict.UNKNOWN, Verdict.ACCEPTED}, answer
        assert len(desk.admitted()) == (1 if answer.verdict is Verdict.ACCEPTED else 0)
        with pytest.raises(Retryable) as caught:
            desk.orders()
        assert caught.value.code in {"rate_limited", "rate_budget"}


@pytest.mark.case(85)
def test_a_restarted_venue_knows_orders_positions_and_stops_and_fires_them(desk: Desk):
    rig = desk.rig
    resting, name = desk.resting(), desk.name()
    answer = desk.accepted(resting, name)
    desk.accepted(desk.terms())
    stop, stop_name = desk.trigger("0.98"), desk.name()
    desk.accepted(stop, stop_name)
    before = (desk.orders(), desk.fills(), desk.held())
    rig.server.restart()
    rig.wait(lambda: _answers(desk))
    assert (desk.orders(), desk.fills(), desk.held()) == before
    assert desk.found(name, resting, answer.oid).matches
    rig.server.move(desk.coin, desk.price("0.975"))
    assert desk.becomes(stop_name, stop, SightingStatus.FILLED).matches
    assert desk.held() == 0
    assert desk.cancel(oid=answer.oid, client_id=name).verdict is Verdict.ACCEPTED


def _answers(desk: Desk) -> bool:
    try:
        desk.orders()
    except Retryable:
        return False
    return True


@pytest.mark.case(86)
def test_a_good_link_is_good(desk: Desk):
    report = desk.venue.accounts.check_link(desk.account, desk.key.address)
    assert (report.ok, report.code) == (True, "ok"), report


@pytest.mark.case(87)
def test_a_key_that_may_not_act_is_told_before_any_order(desk: Desk):
    _is_told(desk, "bad_key")


@pytest.mark.case(88)
def test_an_account_in_the_wrong_position_mode_is_told_before_any_order(desk: Desk):
    _is_told(desk, "wrong_position_mode")


@pytest.mark.case(89)
def test_a_key_that_can_withdraw_is_refused_before_any_order(desk: Desk):
    _is_told(desk, "can_withdraw")


@pytest.mark.case(90)
def test_a_key_of_the_wrong_shape_is_told_before_any_order(desk: Desk):
    _is_told(desk, "malformed")


def _is_told(desk: Desk, kind: str) -> None:
    link = desk.rig.bad_link(kind, desk)
    report = link.connection.accounts.check_link(link.account, link.signer)
    assert (report.ok, report.code) == (False, link.code), report
    assert report.sentence.endswith(".")
    assert desk.admitted() == []
    if link.connection is not desk.venue:
        link.connection.close()


@pytest.mark.case(91)
def test_a_new_account_shows_its_money_and_nothing_else(desk: Desk):
    found = desk.venue.accounts.portfolio(desk.account)
    assert (found.equity, found.available, found.is_flat) == (Decimal(10000), Decimal(10000), True)
    assert found.as_of >= desk.started


@pytest.mark.case(92)
def test_deposits_are_transfers(desk: Desk):
    desk.rig.deposit(desk, "500")
    found = desk.venue.accounts.transfers_since(desk.account, desk.started - timedelta(days=1))
    assert [(one.kind, one.amount) for one in found] == [("deposit", Decimal(10000)), ("deposit", Decimal(500))]


@pytest.mark.case(94)
def test_a_key_that_is_bound_to_another_address_is_told_before_any_order(desk: Desk):
    _is_told(desk, "elsewhere")


@pytest.mark.case(95)
def test_a_key_without_the_right_to_trade_is_told_before_any_order(desk: Desk):
    _is_told(desk, "no_futures")


@pytest.mark.case(96)
def test_orders_and_reads_of_many_threads_with_one_key_do_not_hinder_each_other(desk: Desk):
    terms = desk.resting()
    requests = [desk.sign(terms, desk.name()) for _ in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        reads = [pool.submit(desk.held) for _ in range(THREADS)]
        answers = list(pool.map(desk.send, requests))
        assert {read.result() for read in reads} == {Decimal(0)}
    assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}, answers
    assert {order.oid for order in desk.orders()} == {answer.oid for answer in answers}


@pytest.mark.case(93)
def test_a_key_that_breaks_touches_no_other_account_of_the_connection(desk: Desk):
    with desk.rig.desk() as other:
        desk.rig.share(desk, other)
        desk.rig.break_key(desk)
        with pytest.raises(HoldfastError):
            desk.orders()
        assert desk.place(desk.resting()).verdict is Verdict.REFUSED
        served = desk.venue.accounts.portfolio(other.account)
        assert (served.equity, served.orders) == (Decimal(10000), ())
        request = other.sign(other.resting(), other.name())
        assert desk.venue.trading.send(request).verdict is Verdict.ACCEPTED
