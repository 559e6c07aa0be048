"""The fenced submission, protection and closes at Binance and AsterDEX: the same parts, other venues."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError

from activities.keys import KeyRing as SigningKeys
from activities.refusals import pause_with, tell_if_lasting
from domain.accounts import AccountRef
from domain.errors import Retryable
from domain.intents import Intent, IntentKind, IntentPhase
from domain.orders import ApprovedOrder, OrderAck, OrderKey, OrderState, Side
from domain.watch import CloseOrder, FinishRequest, PositionReview, ProtectRequest, ReviewRequest
from runtime.secrets import KeyRing, Vault
from storage.postgres.engine import transaction
from storage.postgres.keys import PostgresSignerBook
from storage.postgres.users import PostgresUsers
from tests.integration.test_gone_owners import reconcile
from tests.stack.paper import Paper
from tests.stack.trading import Bench, bench
from venues.base import SigningKey, Verdict

VENUES = ("binance", "aster")


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Paper, ...]]:
    """All three paper exchanges."""
    folder = tmp_path_factory.mktemp("papers")
    with ExitStack() as opened:
        names = ("hyperliquid", "binance", "aster")
        yield tuple(opened.enter_context(Paper(folder / name, venue=name)) for name in names)


@pytest.fixture
def desk(papers: tuple[Paper, ...], database: str, tmp_path: Path, keys: KeyRing) -> Iterator[Bench]:
    """A bench over all of them."""
    made = bench(papers[0], database, tmp_path, keys, others=papers[1:])
    yield made
    for paper in papers:
        paper.clear_faults()
    made.close()


@pytest.fixture
def slow_desk(papers: tuple[Paper, ...], database: str, tmp_path: Path, keys: KeyRing) -> Iterator[Bench]:
    """A bench that believes "not found" only after a minute."""
    made = bench(
        papers[0],
        database,
        tmp_path,
        keys,
        others=papers[1:],
        BINANCE_LOOKUP_LAG_SECONDS="60",
        ASTER_LOOKUP_LAG_SECONDS="60",
    )
    yield made
    for paper in papers:
        paper.clear_faults()
    made.close()


def until(act: Callable[[], object], seconds: float = 30.0) -> object:
    """Repeat what says that it is not over yet, as the server repeats an activity."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except ApplicationError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def ended(desk: Bench, key: OrderKey) -> OrderAck:
    """Look once; raises while the outcome is not known."""
    ack = desk.orders.settle_row(key)
    if not ack.is_terminal:
        raise ApplicationError(str(ack))
    return ack


def reviewed(desk: Bench, wish: Intent, *, flat: bool) -> PositionReview:
    """Look until the position is (or is not) flat."""
    deadline = time.monotonic() + 30
    while True:
        review = desk.positions.review_position(ReviewRequest(intent=wish, protection=wish.protection))
        if review.is_flat is flat:
            return review
        assert time.monotonic() < deadline, review
        time.sleep(0.3)


@pytest.mark.parametrize("venue", VENUES)
def test_a_market_order_is_filled_and_its_fill_is_bound_by_its_order_id(desk: Bench, venue: str) -> None:
    account = desk.account("anna", venue=venue)
    order = desk.approved(desk.wish(account, "one"))
    ack = desk.orders.place_order(order)
    assert (ack.state, ack.filled_size) == (OrderState.DONE, Decimal("0.1")), ack
    desk.fence.sync.sync(account)
    fills = desk.books.intents.fills(order.key.intent_id)
    assert sum(fill.size for fill in fills) == Decimal("0.1")
    assert len(desk.admitted(account)) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_a_position_is_protected_and_closed_to_flat(desk: Bench, venue: str) -> None:
    account = desk.account("berta", venue=venue)
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", venue))
    desk.orders.place_order(desk.approved(wish))
    report = until(lambda: desk.positions.protect_position(ProtectRequest(intent=wish, protection=wish.protection)))
    assert getattr(report, "is_protected", False), report
    assert [order.trigger is not None for order in desk.fence.sync.sync(account).orders] == [True]
    until(lambda: desk.positions.close_position(CloseOrder(intent=wish)))
    assert desk.fence.sync.sync(account).is_flat


@pytest.mark.parametrize("venue", VENUES)
def test_a_stop_is_moved_and_one_stop_is_left(desk: Bench, venue: str) -> None:
    """Binance keeps one whole-position stop, so there the old one goes first; elsewhere the new one comes first."""
    account = desk.account("carla", venue=venue)
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", venue))
    desk.orders.place_order(desk.approved(wish))
    until(lambda: desk.positions.protect_position(ProtectRequest(intent=wish, protection=wish.protection)))
    nearer = desk.stop_at("ETH", "0.95", venue)
    until(lambda: desk.positions.protect_position(ProtectRequest(intent=wish, protection=nearer)))

    orders = desk.fence.sync.sync(account).orders
    assert [order.trigger and order.trigger.px for order in orders] == [nearer.stop_px]
    steps = [(row.key.step, row.state, row.code) for row in desk.books.journal.orders_of(wish.intent_id)]
    assert (OrderState.REFUSED, "trigger_exists") in {(state, code) for _, state, code in steps} or venue == "aster"
    assert [state for _, state, _ in steps].count(OrderState.WORKING) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_a_fired_stop_is_what_closed_the_position(desk: Bench, venue: str) -> None:
    """Its fills name the order that the stop became, and no client id of ours."""
    account = desk.account("dora", venue=venue)
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.97", venue))
    desk.orders.place_order(desk.approved(wish))
    until(lambda: desk.positions.protect_position(ProtectRequest(intent=wish, protection=wish.protection)))
    stop_px = wish.protection.stop_px
    assert stop_px is not None
    before = desk.venues.of(venue, "paper").market.mark("ETH").mark_px
    paper = desk.papers[venue]
    paper.post("price", coin="ETH", px=str(stop_px - 1))
    try:
        review = reviewed(desk, wish, flat=True)
        assert (review.is_flat, review.closed_by) == (True, "stop_loss")
    finally:
        paper.post("price", coin="ETH", px=str(before))


@pytest.mark.parametrize("venue", VENUES)
def test_fills_without_client_ids_are_protected_where_they_are_seen(desk: Bench, venue: str) -> None:
    """The sender stands still after its send: the stream's fills name an order number that no row knows yet."""
    account = desk.account("emil", venue=venue)
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", venue))
    order = desk.approved(wish)
    desk.papers[venue].fault("exchange", "execute_then_drop", rate=1, count=1, type="order")
    desk.papers[venue].fault("info", "http_500", rate=1, count=1, type="order")
    assert desk.orders.place_order(order).state is OrderState.UNKNOWN

    desk.books.intents.show(wish.intent_id, IntentPhase.SENDING)
    desk.fence.protecting.guard(wish.intent_id, desk.fence.sync.read_fills(account))
    assert [order.trigger is not None for order in desk.fence.sync.sync(account).orders] == [True]


@pytest.mark.parametrize("venue", VENUES)
def test_a_fill_whose_sending_was_lost_with_the_database_is_protected_at_once(desk: Bench, venue: str) -> None:
    """The database came back as it was before the claim: its row says that nothing was sent, and the fill names no client id."""
    account = desk.account("ines", venue=venue)
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", venue))
    order = desk.approved(wish)
    sent_by_an_earlier_life(desk, account, order)
    fills = desk.fence.sync.read_fills(account)
    assert [fill.client_id for fill in fills] == [""]
    assert [order.trigger is not None for order in desk.fence.sync.sync(account).orders] == [True]
    (row,) = (row for row in desk.books.journal.orders_of(wish.intent_id) if row.terms.is_opening)
    assert (row.state, row.filled_size) == (OrderState.DONE, order.terms.size)


def sent_by_an_earlier_life(desk: Bench, account: AccountRef, order: ApprovedOrder) -> None:
    trading, sealer = desk.venues.of(account.venue, account.network).trading, Vault(desk.ring)
    now = trading.venue_time(account)
    claim = desk.books.journal.account_claim(
        account.account_id, expires_at=now + timedelta(seconds=2), venue_now=now, max_lead_seconds=10
    )
    request = trading.sign_order(
        key=SigningKeys(PostgresSignerBook(desk.engine, sealer), sealer).open(claim.signer),
        client_id=order.key.client_id,
        instrument=order.instrument,
        terms=order.terms,
        nonce=claim.nonce,
        expires_at=claim.expires_at,
    )
    assert trading.send(request).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("venue", VENUES)
def test_a_venue_whose_clock_steps_back_is_closed_at_with_few_requests(desk: Bench, venue: str) -> None:
    """The estimate of its clock is half a minute old at most; what it refuses for its time has the clock read anew."""
    account = desk.account("jutta", venue=venue)
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", venue))
    desk.orders.place_order(desk.approved(wish))
    until(lambda: desk.positions.protect_position(ProtectRequest(intent=wish, protection=wish.protection)))
    desk.papers[venue].post("settings", clock_offset_ms=-5_000)
    try:
        until(lambda: desk.positions.close_position(CloseOrder(intent=wish)))
    finally:
        desk.papers[venue].post("settings", clock_offset_ms=0)
    assert len(desk.books.journal.orders_of(wish.intent_id)) <= 4


def test_a_leverage_that_is_refused_for_its_time_is_set_again(desk: Bench) -> None:
    """The venue's clock has stepped ahead of our estimate: what we sign is too old, and that is no refusal of the order."""
    account = desk.account("klaus", venue="binance")
    order = desk.approved(desk.wish(account, "one"))
    desk.fence.clock.read(desk.venues.of("binance", "paper"), account)
    desk.papers["binance"].post("settings", clock_offset_ms=20_000)
    try:
        with pytest.raises(Retryable, match="at a wrong time"):
            desk.orders.place_order(order)
        assert desk.orders.place_order(order).state is OrderState.DONE
    finally:
        desk.papers["binance"].post("settings", clock_offset_ms=0)


@pytest.mark.parametrize("venue", VENUES)
def test_a_lost_stop_is_not_waited_for_until_its_absence_is_proved(desk: Bench, venue: str) -> None:
    """The proof takes a deadline and a lag, minutes at AsterDEX; a second whole-position stop harms nobody."""
    account = desk.account("hanna", venue=venue)
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", venue))
    desk.orders.place_order(desk.approved(wish))
    name = OrderKey(intent_id=wish.intent_id, step="protect.sl.1").client_id
    desk.papers[venue].fault("exchange", "drop", rate=1, count=1, match={"cloid": name})
    until(lambda: desk.positions.protect_position(ProtectRequest(intent=wish, protection=wish.protection)))
    first, second = desk.books.journal.orders_of(wish.intent_id)[1:]
    assert (first.state, second.state) == (OrderState.UNKNOWN, OrderState.WORKING)
    assert first.sent_at is not None
    assert second.sent_at is not None
    assert second.sent_at - first.sent_at < timedelta(seconds=3)

    until(lambda: desk.positions.close_position(CloseOrder(intent=wish)))
    finish = FinishRequest(intent=wish, phase=IntentPhase.CLOSED, code="closed", reason="")
    until(lambda: desk.positions.finish_intent(finish))
    assert {row.state for row in desk.books.journal.orders_of(wish.intent_id)} <= {OrderState.DONE, OrderState.EXPIRED}
    assert desk.fence.sync.sync(account).orders == ()


@pytest.mark.parametrize("venue", VENUES)
def test_a_stop_that_lookups_show_late_is_the_one_that_stays(desk: Bench, venue: str) -> None:
    """Its stand-in is refused at Binance, which keeps one stop; at AsterDEX one of the two goes again."""
    account = desk.account("ida", venue=venue)
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", venue))
    desk.orders.place_order(desk.approved(wish))
    paper = desk.papers[venue]
    name = OrderKey(intent_id=wish.intent_id, step="protect.sl.1").client_id
    paper.fault("exchange", "execute_then_drop", rate=1, count=1, match={"cloid": name})
    for kind in ("order", "openOrders", "algoOrder", "openAlgoOrders"):
        paper.fault("info", "info_lag", rate=1, type=kind, seconds=4)
    protect = ProtectRequest(intent=wish, protection=wish.protection)
    until(lambda: desk.positions.protect_position(protect))
    paper.clear_faults()
    desk.positions.protect_position(protect)
    assert [order.trigger is not None for order in desk.fence.sync.sync(account).orders] == [True]


@pytest.mark.parametrize("venue", VENUES)
def test_a_stop_left_by_an_owner_that_is_gone_is_cancelled_once_the_position_is(desk: Bench, venue: str) -> None:
    """It would close what is opened next; Hyperliquid drops it by itself. While its owner runs, it is the owner's."""
    account = desk.account("jana", venue=venue)
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", venue))
    desk.orders.place_order(desk.approved(wish))
    until(lambda: desk.positions.protect_position(ProtectRequest(intent=wish, protection=wish.protection)))
    close = desk.wish(account, "two", kind=IntentKind.CLOSE, side=Side.SELL, size=None)
    until(lambda: desk.positions.close_position(CloseOrder(intent=close)))
    assert len(desk.fence.sync.sync(account).orders) == 1

    reconcile(desk, account, wish.intent_id)
    assert len(desk.fence.sync.sync(account).orders) == 1
    reconcile(desk, account)
    assert desk.fence.sync.sync(account).orders == ()
    assert desk.books.intents.owner(account.account_id, "ETH") == ""


def test_a_row_at_aster_is_feared_for_as_long_as_its_nonce_lives(desk: Bench) -> None:
    """No deadline is on the wire there, so none of ours may end earlier: not the maximum age of the decision either."""
    account = desk.account("frida", venue="aster")
    wish = desk.wish(account, "one")
    order = desk.approved(wish, max_age=timedelta(seconds=3))
    desk.orders.place_order(order)
    row = desk.row(order.key.client_id)
    longest = desk.venues.of("aster", "paper").trading.capabilities.default_deadline
    assert row.expires_at.timestamp() * 1000 >= row.nonce + longest.total_seconds() * 1000
    assert row.expires_at > row.not_after


def test_a_row_at_binance_dies_no_later_than_its_decision(desk: Bench) -> None:
    """Timestamp and recvWindow are a true deadline."""
    account = desk.account("gesa", venue="binance")
    order = desk.approved(desk.wish(account, "one"), max_age=timedelta(milliseconds=1500))
    desk.orders.place_order(order)
    row = desk.row(order.key.client_id)
    assert row.expires_at <= row.not_after


def test_an_order_that_vanished_at_aster_is_not_sent_again(desk: Bench) -> None:
    """It was absent twice after its nonce's life, which is believed for the row and not trusted with a second order."""
    account = desk.account("hanna", venue="aster")
    wish = desk.wish(account, "one")
    order = desk.approved(wish, max_age=timedelta(minutes=5))
    desk.papers["aster"].fault("exchange", "drop", rate=1, count=1, type="order")
    assert desk.orders.place_order(order).state is OrderState.UNKNOWN
    until(lambda: ended(desk, order.key))

    again = desk.approve(wish, "open.2", max_age=timedelta(minutes=5))
    assert (again.order, again.code) == (None, "not_sent_again")
    assert desk.admitted(account) == []


def test_an_order_that_vanished_at_binance_may_be_sent_again(desk: Bench) -> None:
    """Past timestamp and recvWindow it can never run."""
    account = desk.account("ida", venue="binance")
    wish = desk.wish(account, "one")
    order = desk.approved(wish, max_age=timedelta(minutes=5))
    desk.papers["binance"].fault("exchange", "drop", rate=1, count=1, type="order")
    assert desk.orders.place_order(order).state is OrderState.UNKNOWN
    until(lambda: ended(desk, order.key))

    again = desk.approved(wish, step="open.2", max_age=timedelta(minutes=5))
    assert desk.orders.place_order(again).state is OrderState.DONE
    assert len(desk.admitted(account)) == 1


def test_an_order_refused_for_its_time_is_proved_absent_and_then_placed_anew(desk: Bench) -> None:
    """The venue's clock has stepped ahead of our estimate: what came was too old, and a copy of it might have come in time."""
    account = desk.account("lola", venue="binance")
    wish = desk.wish(account, "one")
    order = desk.approved(wish, max_age=timedelta(minutes=5))
    desk.books.journal.note_leverage(account.account_id, "ETH", leverage=order.leverage, is_cross=True)
    desk.fence.clock.read(desk.venues.of("binance", "paper"), account)
    desk.papers["binance"].post("settings", clock_offset_ms=20_000)
    try:
        ack = desk.orders.place_order(order)
        assert (ack.state, ack.code) == (OrderState.UNKNOWN, "clock_skewed")
        until(lambda: ended(desk, order.key))
        ack = desk.orders.settle_row(order.key)
        assert (ack.state, ack.code) == (OrderState.EXPIRED, "clock_skewed")
        again = desk.approved(wish, step="open.2", max_age=timedelta(minutes=5))
        assert desk.orders.place_order(again).state is OrderState.DONE
    finally:
        desk.papers["binance"].post("settings", clock_offset_ms=0)
    assert len(desk.admitted(account)) == 1


def test_an_order_whose_late_copy_was_refused_for_its_time_is_adopted(desk: Bench) -> None:
    """The network delivered it twice: the first copy filled and was not answered, the second one was too old."""
    account = desk.account("mara", venue="binance")
    order = desk.approved(desk.wish(account, "one"))
    desk.papers["binance"].fault("exchange", "duplicate_late", rate=1, count=1, type="order", seconds=2.5)
    ack = desk.orders.place_order(order)
    assert (ack.state, ack.filled_size) == (OrderState.DONE, Decimal("0.1"))
    assert len(desk.admitted(account)) == 1


def test_an_order_refused_for_its_time_twice_ends_as_refused(desk: Bench) -> None:
    """The clock was read anew between the two, so that a third one would be refused as well."""
    account = desk.account("nora", venue="binance")
    wish = desk.wish(account, "one")
    desk.papers["binance"].fault("exchange", "delay", rate=1, count=2, type="order", seconds=2.5)
    states = []
    for step in ("open", "open.2"):
        order = desk.approved(wish, step=step, max_age=timedelta(minutes=5))
        assert desk.orders.place_order(order).state is OrderState.UNKNOWN
        until(functools.partial(ended, desk, order.key))
        states.append((desk.orders.settle_row(order.key).state, desk.orders.settle_row(order.key).code))
    assert states == [(OrderState.EXPIRED, "clock_skewed"), (OrderState.REFUSED, "clock_skewed")]
    assert "NTP" in desk.orders.settle_row(order.key).reason
    assert desk.admitted(account) == []


def test_closes_that_come_too_late_are_sent_less_and_less_often_and_told_of(desk: Bench) -> None:
    """Whether a copy of them ran is not known yet; that the next one comes too late as well is likely."""
    account = desk.account("paul", venue="binance")
    wish = desk.wish(account, "one")
    desk.orders.place_order(desk.approved(wish))
    desk.papers["binance"].fault("exchange", "delay", rate=1, match={"reduce_only": True}, seconds=2.5)
    with pytest.raises(ApplicationError):
        desk.positions.close_position(CloseOrder(intent=wish))
    close = desk.books.journal.orders_of(wish.intent_id)[-1]
    assert (close.key.step, close.state, close.code) == ("close.1", OrderState.UNKNOWN, "clock_skewed")
    pauses = [pause_with([close] * count, timedelta(seconds=1)) for count in (3, 5, 20)]
    assert pauses == [timedelta(seconds=seconds) for seconds in (1, 4, 30)]
    tell_if_lasting(desk.notifier, wish, "close", [close] * 4)
    assert [notice.kind for notice in desk.notifier.notices] == ["reducing_refused"]
    desk.papers["binance"].clear_faults()
    until(lambda: desk.positions.close_position(CloseOrder(intent=wish)))
    assert desk.fence.sync.sync(account).is_flat


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("fault", ["drop", "execute_then_drop"])
def test_a_close_without_an_answer_does_not_keep_a_position_open(slow_desk: Bench, venue: str, fault: str) -> None:
    """Proof that the lost one never runs comes a minute later here; by then the position is long gone."""
    desk = slow_desk
    account = desk.account(f"karla-{fault}", venue=venue)
    wish = desk.wish(account, "one")
    desk.orders.place_order(desk.approved(wish))
    desk.papers[venue].fault("exchange", fault, rate=1, count=1, match={"reduce_only": True})

    def is_flat() -> None:
        with contextlib.suppress(ApplicationError):
            desk.positions.close_position(CloseOrder(intent=wish))
        if not desk.fence.sync.sync(account).is_flat:
            raise ApplicationError("still open")

    until(is_flat)
    closes = {row.key.step: row.state for row in desk.books.journal.orders_of(wish.intent_id) if row.terms.reduce_only}
    assert closes == (
        {"close.1": OrderState.UNKNOWN, "close.2": OrderState.DONE} if fault == "drop" else {"close.1": OrderState.DONE}
    )
    sold = [fill for fill in desk.books.intents.fills(wish.intent_id) if fill.side is Side.SELL]
    assert sum(fill.size for fill in sold) == Decimal("0.1")


@pytest.mark.parametrize(("venue", "is_open"), [("hyperliquid", True), ("binance", True), ("aster", False)])
def test_a_database_that_has_just_started_waits_for_what_each_venue_may_still_show(
    desk: Bench, venue: str, is_open: bool
) -> None:
    """The account was looked at five seconds after the start: past deadline and lag of four at two venues, not of six at Aster."""
    account = desk.account(f"lena-{venue}", venue=venue)
    order = desk.approved(desk.wish(account, "one"))
    with transaction(desk.engine) as connection:
        connection.execute(text("update epochs set seen_at = now() - interval '100 seconds'"))
        connection.execute(text("update accounts set created_at = now() - interval '1 hour'"))
        connection.execute(text("update portfolios set synced_at = now() - interval '95 seconds'"))
    if is_open:
        assert desk.orders.place_order(order).state is OrderState.DONE
    else:
        with pytest.raises(Retryable, match="has just started"):
            desk.orders.place_order(order)
        assert desk.admitted(account) == []


def keyed_at_aster(desk: Bench, name: str) -> AccountRef:
    """Add a user of AsterDEX with an API key of the older kind."""
    paper = desk.papers["aster"]
    made = paper.post("account", user=name)
    paper.post("deposit", user=name, amount="10000")
    key = SigningKey(address=made["api_key"], secret=made["api_secret"])
    checks = desk.venues.of("aster", "paper").key_checks
    assert checks is not None
    address = checks.identify(key)
    desk.owners[address] = name
    user = PostgresUsers(desk.engine).add(name)
    record = desk.accounts.add(user.user_id, venue="aster", network="paper", address=address)
    PostgresSignerBook(desk.engine, Vault(desk.ring)).add(record.ref.account_id, address=key.address, secret=key.secret)
    return record.ref


def test_an_order_refused_for_its_time_at_aster_is_not_sent_again(desk: Bench) -> None:
    """Its documentation does not say that what was taken runs within the window: absent is believed, a second order is not sent."""
    account = keyed_at_aster(desk, "olga")
    wish = desk.wish(account, "one")
    order = desk.approved(wish, max_age=timedelta(minutes=5))
    desk.books.journal.note_leverage(account.account_id, "ETH", leverage=order.leverage, is_cross=True)
    desk.fence.clock.read(desk.venues.of("aster", "paper"), account)
    desk.papers["aster"].post("settings", clock_offset_ms=70_000)
    try:
        ack = desk.orders.place_order(order)
        assert (ack.state, ack.code) == (OrderState.UNKNOWN, "clock_skewed")
        until(lambda: ended(desk, order.key))
        ack = desk.orders.settle_row(order.key)
        assert (ack.state, ack.code) == (OrderState.EXPIRED, "clock_skewed")
    finally:
        desk.papers["aster"].post("settings", clock_offset_ms=0)
    assert desk.approve(wish, "open.2", max_age=timedelta(minutes=5)).code == "not_sent_again"
    assert desk.admitted(account) == []


def test_an_older_api_key_trades_at_aster_as_well(desk: Bench) -> None:
    """Such an account is named by its alias, and its requests carry a window."""
    account = keyed_at_aster(desk, "maria")
    wish = desk.wish(account, "one", protection=desk.stop_at("ETH", "0.9", "aster"))

    assert desk.orders.place_order(desk.approved(wish)).state is OrderState.DONE
    until(lambda: desk.positions.protect_position(ProtectRequest(intent=wish, protection=wish.protection)))
    until(lambda: desk.positions.close_position(CloseOrder(intent=wish)))
    assert desk.fence.sync.sync(account).is_flat
