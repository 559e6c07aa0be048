"""Writes of Binance: where they go, how often, and what they stand for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Misconfigured, Refused, Retryable
from domain.orders import Side
from tests.unit.venues.build_fapi import (
    API_KEY,
    BINANCE_ACCOUNT,
    BTC,
    CLIENT_ID,
    Said,
    Stub,
    algo_row,
    by_path,
    row,
    scripted,
    stop,
    terms,
)
from venues.base import SightingStatus, SignedRequest, Verdict
from venues.binance.config import BinanceConfig
from venues.binance.venue import BinanceVenue, connect
from venues.binance.wire import DIALECT
from venues.fapi.limits import RequestBudget

NOT_THERE = Said(status=400, body={"code": -2013, "msg": "Order does not exist."})
TOO_LATE = Said(status=400, body={"code": -2011, "msg": "Unknown order sent."})
NONCE = 1_700_000_000_000


@contextmanager
def venue_of(budget: RequestBudget | None = None, **answers: Any) -> Iterator[tuple[BinanceVenue, Stub]]:
    with scripted(by_path(answers)) as stub:
        venue = connect(
            BinanceConfig(url=stub.url), lambda _: API_KEY, budget or RequestBudget(1_000_000, timedelta(0))
        )
        try:
            yield venue, stub
        finally:
            venue.close()


def deadline() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=8)


def cancel_of(venue: BinanceVenue, oid: str) -> SignedRequest:
    return venue.trading.sign_cancel(
        key=API_KEY, instrument=BTC, oid=oid, client_id=CLIENT_ID, nonce=NONCE, expires_at=deadline()
    )


def look(venue: BinanceVenue, order: Any, oid: str = "") -> Any:
    return venue.trading.look_up(BINANCE_ACCOUNT, client_id=CLIENT_ID, instrument=BTC, terms=order, oid=oid)


def test_signing_asks_nobody():
    with venue_of() as (venue, stub):
        request = venue.trading.sign_order(
            key=API_KEY, client_id=CLIENT_ID, instrument=BTC, terms=terms(), nonce=NONCE, expires_at=deadline()
        )
        assert stub.asked == []
        assert API_KEY.secret.encode() not in request.body


def test_a_cancel_by_number_is_one_request_and_one_by_name_is_one_for_each_kind_of_order():
    with venue_of(order=TOO_LATE, algoOrder={"algoId": 9, "code": "200", "msg": "success"}) as (venue, stub):
        assert venue.trading.send(cancel_of(venue, "77")).code == "cancel_too_late"
        assert stub.paths() == ["DELETE /fapi/v1/order"]
        assert venue.trading.send(cancel_of(venue, "")).verdict is Verdict.ACCEPTED
        assert stub.paths()[1:] == ["DELETE /fapi/v1/order", "DELETE /fapi/v1/algoOrder"]
        assert venue.trading.send(cancel_of(venue, "algo-9")).verdict is Verdict.ACCEPTED
        assert stub.asked[-1].form["algoId"] == "9"


def test_a_cancel_that_worked_or_is_unknown_is_not_followed_by_another():
    with venue_of(order=row(status="CANCELED")) as (venue, stub):
        assert venue.trading.send(cancel_of(venue, "")).verdict is Verdict.ACCEPTED
        assert len(stub.asked) == 1
    with venue_of(order=Said(status=502, body=b"")) as (venue, stub):
        assert venue.trading.send(cancel_of(venue, "")).verdict is Verdict.UNKNOWN
        assert len(stub.asked) == 1


def test_leverage_is_two_requests_and_a_margin_type_that_is_in_force_is_no_refusal():
    same = Said(status=400, body={"code": -4046, "msg": "No need to change margin type."})
    with venue_of(marginType=same, leverage={"leverage": 5, "symbol": "BTCUSDT"}) as (venue, stub):
        request = venue.trading.sign_leverage(
            key=API_KEY, instrument=BTC, leverage=5, is_cross=True, nonce=NONCE, expires_at=deadline()
        )
        assert venue.trading.send(request).verdict is Verdict.ACCEPTED
        assert [one.form.get("marginType") or one.form["leverage"] for one in stub.asked] == ["CROSSED", "5"]


def test_a_margin_type_that_is_locked_ends_the_change():
    locked = Said(status=400, body={"code": -4048, "msg": "Margin type cannot be changed if there exists position."})
    with venue_of(marginType=locked) as (venue, stub):
        request = venue.trading.sign_leverage(
            key=API_KEY, instrument=BTC, leverage=5, is_cross=False, nonce=NONCE, expires_at=deadline()
        )
        answer = venue.trading.send(request)
        assert (answer.verdict, answer.code, len(stub.asked)) == (Verdict.REFUSED, "leverage_type_locked", 1)


def test_an_order_beyond_the_accounts_limit_is_not_sent_and_one_that_reduces_still_is():
    budget = RequestBudget(1_000_000, timedelta(0), DIALECT.order_limits)
    with venue_of(budget, order=row()) as (venue, stub):

        def send(order: Any) -> Any:
            return venue.trading.send(
                venue.trading.sign_order(
                    key=API_KEY, client_id=CLIENT_ID, instrument=BTC, terms=order, nonce=NONCE, expires_at=deadline()
                )
            )

        for _ in range(240):
            assert budget.admit_order(API_KEY.address, is_urgent=False)
        answer = send(terms())
        assert (answer.verdict, answer.code, stub.asked) == (Verdict.REFUSED, "rate_limited", [])
        assert send(terms(side=Side.SELL, reduce_only=True)).verdict is Verdict.ACCEPTED


def test_an_order_that_nobody_knows_is_not_found():
    with venue_of(order=NOT_THERE, algoOrder=NOT_THERE) as (venue, stub):
        assert look(venue, terms()).status is SightingStatus.NOT_FOUND
        assert look(venue, stop()).status is SightingStatus.NOT_FOUND
        assert stub.paths()[1:] == ["GET /fapi/v1/order", "GET /fapi/v1/algoOrder"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Said(status=500, body=b""), Retryable),
        (Said(body={}), Retryable),
        (Said(body=[]), Retryable),
        (Said(status=400, body={"code": -1000, "msg": "x"}), Retryable),
        (Said(status=401, body={"code": -2015, "msg": "x"}), Misconfigured),
        (Said(status=400, body={"code": -1121, "msg": "Invalid symbol."}), Refused),
    ],
)
def test_what_is_no_answer_to_a_lookup_is_never_not_found(answer: Said, kind: type[Exception]):
    with venue_of(order=answer) as (venue, _), pytest.raises(kind):
        look(venue, terms())


def test_a_conditional_order_is_followed_to_the_order_that_it_became():
    algo = algo_row(algoStatus="FINISHED", actualOrderId="123")
    market = row(orderId=123, type="MARKET", status="FILLED", side="SELL", executedQty="0.010")
    with venue_of(algoOrder=algo, order=market) as (venue, stub):
        seen = look(venue, stop())
        assert (seen.status, seen.oid) == (SightingStatus.FILLED, "123")
        assert stub.asked[-1].form["orderId"] == "123"


def test_a_conditional_order_whose_successor_does_not_show_yet_is_triggered():
    algo = algo_row(algoStatus="FINISHED", actualOrderId="123")
    with venue_of(algoOrder=algo, order=NOT_THERE) as (venue, _):
        assert look(venue, stop()).status is SightingStatus.TRIGGERED


def test_not_found_is_believed_for_three_days_and_no_longer():
    with venue_of() as (venue, _):
        horizon = venue.trading.lookup_horizon(BINANCE_ACCOUNT)
        assert horizon is not None
        assert timedelta(days=2, hours=22) < datetime.now(UTC) - horizon < timedelta(days=3)


def test_there_is_no_request_that_burns_a_nonce():
    with venue_of() as (venue, _):
        assert not venue.trading.capabilities.has_noop
        with pytest.raises(Refused) as caught:
            venue.trading.sign_noop(key=API_KEY, nonce=1, expires_at=None)
        assert caught.value.code == "no_noop"
