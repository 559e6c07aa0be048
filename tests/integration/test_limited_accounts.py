"""An account that has sent too many requests: stops and closes come first, nothing opens, and somebody is told."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError

from activities.refusals import pause_with
from domain.accounts import KEPT_REQUESTS, AccountRef
from domain.intents import Intent
from domain.orders import OrderKey, OrderState
from domain.watch import CloseOrder, ProtectRequest
from storage.journal import OrderRow
from storage.postgres.limited import PostgresRequestCounts
from tests.integration.test_gone_owners import reconcile
from tests.integration.test_positions import opened, retried, size_held, triggers
from tests.stack.trading import Bench

SOON = timedelta(milliseconds=400)


def limit(desk: Bench, account: AccountRef) -> None:
    """Use the requests of an account up, and the one that is let through every ten seconds."""
    desk.paper.post("requests", user=account.address, left=-5_000, throttled=True)


def free(desk: Bench, account: AccountRef) -> None:
    desk.paper.post("requests", user=account.address)


def refused(desk: Bench, request: ProtectRequest) -> timedelta:
    """Protect, insist on a refusal, and return the pause before the next attempt."""
    with pytest.raises(ApplicationError) as caught:
        desk.positions.protect_position(request)
    assert "address_budget" in str(caught.value)
    assert caught.value.next_retry_delay is not None
    return caught.value.next_retry_delay


def limited(desk: Bench, name: str) -> tuple[Intent, AccountRef, ProtectRequest]:
    """An open position whose stop the venue has refused for the number of the account's requests."""
    intent = opened(desk, name)
    account = desk.accounts.ref(intent.account_id)
    request = ProtectRequest(intent=intent, protection=desk.stop_at("ETH", "0.9"))
    limit(desk, account)
    refused(desk, request)
    return intent, account, request


def test_a_stop_that_has_to_wait_for_the_limit_is_asked_for_steadily_and_told_at_once(desk: Bench) -> None:
    intent, account, request = limited(desk, "anna")
    (told,) = [notice for notice in desk.notifier.notices if notice.kind == "requests_used_up"]
    assert (told.user_id, told.details["account_id"]) == (intent.user_id, account.account_id)
    assert "Too many cumulative requests sent" in told.text
    assert refused(desk, request) == timedelta(seconds=2)
    free(desk, account)
    assert retried(lambda: desk.positions.protect_position(request)).is_protected
    assert len(triggers(desk, intent)) == 1


def test_a_close_waits_for_the_limit_as_a_stop_does(desk: Bench) -> None:
    intent, account, _ = limited(desk, "berta")
    for _ in range(2):
        with pytest.raises(ApplicationError) as caught:
            desk.positions.close_position(CloseOrder(intent=intent))
        assert caught.value.next_retry_delay == timedelta(seconds=2)
    closes = [row for row in desk.books.journal.orders_of(intent.intent_id) if row.key.step.startswith("close.")]
    assert [row.code for row in closes] == ["address_budget", "address_budget"]
    # A close that never came to the market is no reason to give more away.
    mark = desk.venues.of("hyperliquid", "paper").market.mark("ETH").mark_px
    assert all(row.terms.limit_px > mark * Decimal("0.97") for row in closes)
    free(desk, account)
    retried(lambda: desk.positions.close_position(CloseOrder(intent=intent)))
    assert size_held(desk, intent) == 0


def test_the_pauses_cover_ten_seconds_and_then_keep_ten_seconds(desk: Bench) -> None:
    intent, _, _ = limited(desk, "clara")
    (stop,) = [row for row in desk.books.journal.orders_of(intent.intent_id) if row.key.step == "protect.sl.1"]
    pauses = [pause_with([stop] * count, SOON).total_seconds() for count in range(1, 12)]
    assert sum(pauses[:8]) >= 10
    assert max(pauses[:8]) <= 2
    assert min(pauses[8:]) > 10


def test_a_refusal_of_another_kind_ends_the_steady_asking(desk: Bench) -> None:
    intent, account, request = limited(desk, "dora")
    free(desk, account)
    desk.paper.post("settings", trading_halted=True)
    with pytest.raises(ApplicationError) as caught:
        desk.positions.protect_position(request)
    desk.paper.post("settings", trading_halted=False)
    assert caught.value.next_retry_delay == SOON
    rows: list[OrderRow] = list(desk.books.journal.orders_of(intent.intent_id))
    assert [row.code for row in rows[-2:]] == ["address_budget", "trading_halted"]


def test_nothing_opens_on_an_account_that_waits_for_its_stop_and_others_do(desk: Bench) -> None:
    _, account, _ = limited(desk, "emma")
    other = desk.wish(account, "two", coin="SOL")
    before = len(desk.admitted(account))
    approval = desk.approve(other)
    assert (approval.order, approval.code) == (None, "address_budget")
    assert len(desk.admitted(account)) == before
    assert opened(desk, "erna").coin == "ETH"


def test_nothing_opens_after_an_opening_order_was_refused_for_the_number_of_requests(desk: Bench) -> None:
    account = desk.account("frida")
    order = desk.approved(desk.wish(account, "one"))
    desk.books.journal.note_leverage(account.account_id, "ETH", leverage=order.leverage, is_cross=True)
    limit(desk, account)
    ack = desk.orders.place_order(order)
    assert (ack.state, ack.code) == (OrderState.REFUSED, "address_budget")
    free(desk, account)
    assert desk.approve(desk.wish(account, "two", coin="SOL")).code == "address_budget"


def test_a_lost_stop_is_stood_in_for_before_a_no_op_is_sent_for_it(desk: Bench) -> None:
    """The venue may take one request in ten seconds: nobody knows it before one was refused."""
    intent = opened(desk, "greta")
    desk.paper.post("requests", user=desk.accounts.ref(intent.account_id).address, left=-5_000)
    request = ProtectRequest(intent=intent, protection=desk.stop_at("ETH", "0.9"))
    key = OrderKey(intent_id=intent.intent_id, step="protect.sl.1")
    desk.paper.fault("exchange", "drop", rate=1, count=1, match={"cloid": f"0x{key.client_id}"})
    assert retried(lambda: desk.positions.protect_position(request), seconds=4).is_protected
    assert desk.row(key.client_id).noop_state == ""
    assert len(triggers(desk, intent)) == 1


def test_the_no_op_for_a_lost_stop_comes_later(desk: Bench) -> None:
    intent = opened(desk, "gudrun")
    request = ProtectRequest(intent=intent, protection=desk.stop_at("ETH", "0.9"))
    key = OrderKey(intent_id=intent.intent_id, step="protect.sl.1")
    desk.paper.fault("exchange", "drop", rate=1, count=1, match={"cloid": f"0x{key.client_id}"})
    assert retried(lambda: desk.positions.protect_position(request), seconds=4).is_protected
    deadline = time.monotonic() + 20
    while not desk.orders.settle_row(key).is_terminal:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert desk.row(key.client_id).state == "EXPIRED"


def test_a_lost_close_of_a_limited_account_is_followed_by_another_and_not_by_a_no_op(desk: Bench) -> None:
    """The row is proved by reads then; it stands in the way of no other close meanwhile."""
    intent, account, _ = limited(desk, "hanna")
    free(desk, account)
    desk.paper.fault("exchange", "drop", rate=1, count=1, match={"reduce_only": True})
    retried(lambda: desk.positions.close_position(CloseOrder(intent=intent)))
    assert size_held(desk, intent) == 0
    lost = next(row for row in desk.books.journal.orders_of(intent.intent_id) if row.key.step == "close.1")
    assert lost.noop_state == "skipped"
    assert lost.sent_at is not None
    reducing, venue = desk.fence.reducing, desk.venues.of("hyperliquid", "paper")
    assert not reducing.is_waited_for(venue, lost, lost.sent_at + timedelta(seconds=4))
    assert reducing.is_waited_for(venue, lost, lost.sent_at)


def test_nothing_opens_with_the_last_requests_of_an_account_and_its_stop_and_close_are_sent(desk: Bench) -> None:
    intent = opened(desk, "ilse")
    account = desk.accounts.ref(intent.account_id)
    desk.paper.post("requests", user=account.address, left=KEPT_REQUESTS - 1)
    reconcile(desk, account)
    approval = desk.approve(desk.wish(account, "two", coin="SOL"))
    assert (approval.order, approval.code) == (None, "requests_low")
    assert "1,999 more requests" in approval.reason
    (told,) = [notice for notice in desk.notifier.notices if notice.kind == "requests_low"]
    assert (told.user_id, told.details["account_id"]) == (intent.user_id, account.account_id)
    desk.positions.protect_position(ProtectRequest(intent=intent, protection=desk.stop_at("ETH", "0.9")))
    retried(lambda: desk.positions.close_position(CloseOrder(intent=intent)))
    assert size_held(desk, intent) == 0


def test_an_account_opens_again_when_the_venue_lets_it_send_more(desk: Bench) -> None:
    account = desk.account("jana")
    desk.paper.post("requests", user=account.address, left=KEPT_REQUESTS - 1)
    reconcile(desk, account)
    assert desk.approve(desk.wish(account, "one")).code == "requests_low"
    desk.paper.post("requests", user=account.address, left=KEPT_REQUESTS)
    reconcile(desk, account)
    assert desk.approve(desk.wish(account, "two", coin="SOL")).order is not None


def test_a_count_is_read_again_only_when_the_reserve_could_have_been_reached(desk: Bench) -> None:
    account, counts = desk.account("karla"), PostgresRequestCounts(desk.engine)
    reconcile(desk, account)
    desk.paper.post("requests", user=account.address, left=KEPT_REQUESTS - 1)
    reconcile(desk, account)
    newest = counts.newest(account.account_id)
    assert newest is not None
    assert newest[0].left > KEPT_REQUESTS
    # Eight thousand are left, which take thirteen minutes at ten a second.
    with desk.engine.begin() as connection:
        connection.execute(text("update request_counts set read_at = read_at - interval '14 minutes'"))
    reconcile(desk, account)
    again = counts.newest(account.account_id)
    assert again is not None
    assert again[0].left == KEPT_REQUESTS - 1


def test_a_count_that_could_not_be_read_is_read_the_next_time_and_keeps_no_reconciliation_from_its_end(
    desk: Bench,
) -> None:
    account, counts = desk.account("laura"), PostgresRequestCounts(desk.engine)
    fault = desk.paper.fault("info", "http_500", type="userRateLimit", rate=1)
    assert reconcile(desk, account).portfolio.is_flat
    assert desk.paper.hits(fault) == 1
    assert counts.newest(account.account_id) is None
    desk.paper.lift(fault)
    reconcile(desk, account)
    assert counts.newest(account.account_id) is not None
