"""What an answer to a write proves: by its code and its words, and never by its status alone."""

from typing import Any

import pytest

from tests.unit.venues.build_fapi import algo_row, error, ok, row
from venues.aster.wire import DIALECT as ASTER
from venues.base import Verdict
from venues.binance.wire import DIALECT as BINANCE
from venues.fapi.answers import sort_cancel, sort_order, sort_setting
from venues.fapi.client import Reply
from venues.fapi.dialect import Dialect
from venues.fapi.refusals import UNPROVEN

PAGE = b"<html><body><h1>503 Service Unavailable</h1></body></html>"


def test_an_order_that_rests_is_accepted_with_its_number():
    answer = sort_order(BINANCE, ok(row()))
    assert (answer.verdict, answer.oid, answer.is_resting) == (Verdict.ACCEPTED, "77", True)


def test_a_filled_order_tells_size_and_price():
    answer = sort_order(BINANCE, ok(row(status="FILLED", executedQty="0.010", avgPrice="59990.50")))
    assert (answer.is_resting, str(answer.filled_size), str(answer.average_px)) == (False, "0.010", "59990.50")


def test_an_immediate_order_that_filled_in_part_is_accepted_with_what_it_got():
    answer = sort_order(BINANCE, ok(row(status="EXPIRED", timeInForce="IOC", executedQty="0.004", avgPrice="60000")))
    assert (answer.verdict, str(answer.filled_size), answer.is_resting) == (Verdict.ACCEPTED, "0.004", False)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"status": "EXPIRED", "timeInForce": "IOC"}, "ioc_no_match"),
        ({"status": "EXPIRED", "timeInForce": "GTX"}, "post_only_would_match"),
        ({"status": "EXPIRED_IN_MATCH"}, "self_trade_prevented"),
        ({"status": "EXPIRED", "type": "MARKET"}, "no_liquidity"),
        ({"status": "EXPIRED"}, "expired"),
    ],
)
def test_an_order_that_ended_without_a_fill_is_refused_by_the_reason(changed: dict[str, Any], code: str):
    answer = sort_order(BINANCE, ok(row(**changed)))
    assert (answer.verdict, answer.code, answer.oid) == (Verdict.REFUSED, code, "77")


def test_a_conditional_order_has_a_number_of_its_own_kind():
    answer = sort_order(BINANCE, ok(algo_row()))
    assert (answer.verdict, answer.oid, answer.is_resting) == (Verdict.ACCEPTED, "algo-9", True)


@pytest.mark.parametrize("sort", [sort_order, sort_cancel, sort_setting])
@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b'"ok"', b'{"orderId":77,"sta', b"\xff\xfe", b'{"orderId":"x"}', PAGE],
)
def test_a_200_that_says_nothing_is_unknown(sort: Any, body: bytes):
    answer = sort(BINANCE, Reply(status=200, body=body))
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, "garbled_answer")


@pytest.mark.parametrize("changed", [{"status": None}, {"orderId": None}, {"executedQty": "many"}, {"avgPrice": "NaN"}])
def test_an_order_row_with_one_strange_field_is_unknown(changed: dict[str, Any]):
    assert sort_order(BINANCE, ok(row(**changed))).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("sort", [sort_order, sort_cancel, sort_setting])
def test_no_answer_is_unknown(sort: Any):
    answer = sort(ASTER, Reply(status=0, problem="ReadTimeout"))
    assert (answer.verdict, answer.code, answer.text) == (Verdict.UNKNOWN, "no_answer", "ReadTimeout")


@pytest.mark.parametrize("dialect", [BINANCE, ASTER])
@pytest.mark.parametrize("status", [302, 400, 403, 404, 408, 418, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", PAGE, b'{"error":"x"}', b'{"code":"-2019","msg":"Margin is insufficient."}'])
def test_a_status_without_a_code_of_the_venue_is_unknown(dialect: Dialect, status: int, body: bytes):
    assert sort_order(dialect, Reply(status=status, body=body)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("dialect", [BINANCE, ASTER])
@pytest.mark.parametrize("status", [403, 408, 418, 429])
def test_limits_walls_and_time_outs_are_unknown_whatever_code_they_carry(dialect: Dialect, status: int):
    for code in (-2019, -1003, -1015, -1007):
        assert sort_order(dialect, error(status, code, "…")).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("dialect", [BINANCE, ASTER])
@pytest.mark.parametrize(
    "code", sorted(dialect_code for dialect_code in (*UNPROVEN, -1016, -2010, -2011, -2013, -9999))
)
def test_codes_that_prove_nothing_are_unknown(dialect: Dialect, code: int):
    answer = sort_order(dialect, error(400, code, "…"))
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.code == (UNPROVEN[code][1] if code in UNPROVEN else "unclear_refusal")


@pytest.mark.parametrize("dialect", [BINANCE, ASTER])
def test_every_listed_refusal_is_refused_by_its_stable_code_and_none_is_unproven_as_well(dialect: Dialect):
    assert not dialect.refusals.keys() & (UNPROVEN.keys() | {-1016, -2010, -2011, -2013})
    for code, (text, ours) in dialect.refusals.items():
        answer = sort_order(dialect, error(400, code, text))
        assert (answer.verdict, answer.code) == (Verdict.REFUSED, ours), code
        assert str(code) in answer.text


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (error(503, -1000, "Unknown error, please check your request or try again later."), Verdict.UNKNOWN),
        (Reply(status=503, body=b"Service Unavailable."), Verdict.REFUSED),
        (Reply(status=503, body=b'{"code":0,"msg":"Service Unavailable."}'), Verdict.REFUSED),
        (Reply(status=503, body=b'{"msg":"Service Unavailable."}'), Verdict.REFUSED),
        (Reply(status=503, body=b"Service Unavailable"), Verdict.UNKNOWN),
        (Reply(status=502, body=b"Service Unavailable."), Verdict.UNKNOWN),
        (Reply(status=503, body=PAGE), Verdict.UNKNOWN),
        (error(503, -1001, "Internal error; unable to process your request. Please try again."), Verdict.REFUSED),
        (
            error(503, -1008, "Request throttled by system-level protection. Reduce-only orders are exempt."),
            Verdict.REFUSED,
        ),
        (error(503, -1006, "An unexpected response was received. Execution status unknown."), Verdict.UNKNOWN),
        (error(503, -1007, "Timeout waiting for response from backend server."), Verdict.UNKNOWN),
        (error(503, -2019, "Margin is insufficient."), Verdict.UNKNOWN),
    ],
)
def test_the_503s_of_binance_are_told_apart_by_their_words(reply: Reply, verdict: Verdict):
    answer = sort_order(BINANCE, reply)
    assert answer.verdict is verdict
    assert answer.code == (
        "venue_busy" if verdict is Verdict.REFUSED else "http_502" if reply.status == 502 else "http_503"
    )
    # The documentation of the other venue knows no such words.
    assert sort_order(ASTER, reply).verdict is Verdict.UNKNOWN


def test_an_agent_that_nobody_knows_is_refused_by_words_since_its_code_is_the_unknown_error():
    known = sort_order(ASTER, error(400, -1000, "No agent found"))
    assert (known.verdict, known.code) == (Verdict.REFUSED, "agent_not_approved")
    assert known.action
    assert sort_order(ASTER, error(400, -1000, "Unknown error")).verdict is Verdict.UNKNOWN
    assert sort_order(BINANCE, error(400, -1000, "No agent found")).verdict is Verdict.UNKNOWN


def test_a_nonce_that_is_refused_says_nothing_of_the_order():
    answer = sort_order(ASTER, error(400, -4225, "Nonce Expired"))
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, "nonce_refused")


def test_a_client_id_that_is_taken_says_nothing_of_the_order():
    answer = sort_order(BINANCE, error(400, -4116, "ClientOrderId is duplicated."))
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, "client_id_taken")


@pytest.mark.parametrize(
    "body", [row(status="CANCELED"), row(status="EXPIRED"), {"algoId": 9, "code": "200", "msg": "success"}]
)
def test_a_cancel_that_worked_is_accepted(body: Any):
    assert sort_cancel(BINANCE, ok(body)).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("code", [-2011, -2013])
def test_a_cancel_of_what_is_not_open_came_too_late(code: int):
    answer = sort_cancel(BINANCE, error(400, code, "Unknown order sent."))
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "cancel_too_late")
    assert sort_cancel(BINANCE, error(503, code, "Unknown order sent.")).verdict is Verdict.UNKNOWN


def test_a_cancel_that_was_refused_for_any_other_reason_is_unknown():
    answer = sort_cancel(BINANCE, error(400, -1021, "Timestamp for this request is outside of the recvWindow."))
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, "clock_skewed")
    assert sort_cancel(BINANCE, ok(row(status="NEW"))).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("code", [-4046, -4059])
def test_a_setting_that_is_in_force_already_is_accepted(code: int):
    assert sort_setting(BINANCE, error(400, code, "No need to change.")).verdict is Verdict.ACCEPTED
    assert sort_setting(BINANCE, ok({"leverage": 7, "symbol": "BTCUSDT"})).verdict is Verdict.ACCEPTED
    assert sort_setting(BINANCE, ok({"code": 200, "msg": "success"})).verdict is Verdict.ACCEPTED


def test_the_words_of_the_venue_are_cut_short():
    assert len(sort_order(BINANCE, error(400, -9999, "x" * 5000)).text) <= 200
