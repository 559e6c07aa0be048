"""The table that sorts answers, case by case."""

import json

import pytest

from domain.money import Price, Quantity
from tests.unit.venues.build import d
from venues.base import Answer, Verdict
from venues.hyperliquid import answers
from venues.hyperliquid.client import Reply

NO_MATCH = "Order could not immediately match against any resting orders. asset=0"
LATE = "Order was never placed, already canceled, or filled. asset=0"


def ok(body: object, status: int = 200) -> Reply:
    return Reply(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())


def statuses(*found: object, kind: str = "order") -> Reply:
    return ok({"status": "ok", "response": {"type": kind, "data": {"statuses": list(found)}}})


def err(text: str) -> Reply:
    return ok({"status": "err", "response": text})


DEFAULT = ok({"status": "ok", "response": {"type": "default"}})

REFUSALS = [
    (statuses({"error": "Price must be divisible by tick size. asset=0"}), "price_step"),
    (statuses({"error": "Order must have minimum value of $10. asset=4"}), "minimum_notional"),
    (statuses({"error": "Insufficient margin to place order. asset=0"}), "insufficient_margin"),
    (statuses({"error": "Reduce only order would increase position. asset=0"}), "reduce_only_would_increase"),
    (statuses({"error": "Post only order would have immediately matched, bbo was 1@2."}), "post_only_would_match"),
    (statuses({"error": NO_MATCH}), "ioc_no_match"),
    (statuses({"error": "No liquidity available for market order."}), "no_liquidity"),
    (statuses({"error": "Invalid TP/SL price. asset=0"}), "trigger_already_passed"),
    (statuses({"error": "Price too far from oracle asset=0"}), "price_band"),
    (statuses({"error": "Order has zero size."}), "size_step"),
    (statuses({"error": "Trading is halted"}), "trading_halted"),
    (err("User or API Wallet 0xab does not exist."), "agent_not_approved"),
    (err("L1 error: User or API Wallet 0xab does not exist."), "agent_not_approved"),
    (err("Must deposit before performing actions. User: 0xab"), "agent_not_approved"),
    (err("Vault not registered: 0xab"), "vault_refused"),
    (err("Too many cumulative requests sent (2 > 1) for cumulative volume traded $0."), "address_budget"),
    (err("Order price cannot be more than 80% away from the reference price"), "price_band"),
    (err("Signed action over weight limit of 200."), "batch_too_large"),
    (err("Main order cannot be trigger order."), "bad_trigger"),
]

UNKNOWNS = [
    (Reply(status=0, problem="ReadTimeout"), "no_answer"),
    (ok(b"null", 429), "http_429"),
    (ok(b"", 503), "http_503"),
    (ok({"status": "err", "response": "Insufficient margin to place order."}, 500), "http_500"),
    (ok(b"", 403), "http_403"),
    (ok(b"", 422), "http_422"),
    (ok(b""), "garbled_answer"),
    (ok(b"<html>"), "garbled_answer"),
    (ok(b"\xff\xfe"), "garbled_answer"),
    (ok([]), "garbled_answer"),
    (ok({"status": "ok"}), "garbled_answer"),
    (ok({"status": "err", "response": {"type": "default"}}), "garbled_answer"),
    (DEFAULT, "garbled_answer"),
    (statuses(), "short_answer"),
    (statuses({"resting": {"oid": 1}}, {"resting": {"oid": 2}}), "garbled_answer"),
    (statuses({"resting": {}}), "garbled_answer"),
    (statuses({"filled": {"oid": 1, "totalSz": "x", "avgPx": "1"}}), "garbled_answer"),
    (statuses({"error": "A text that nobody has seen"}), "unclear_refusal"),
    (statuses({"error": None}), "garbled_answer"),
    (err("A text that nobody has seen"), "unclear_refusal"),
    (err("Invalid nonce: duplicate nonce 5"), "duplicate_nonce"),
    (err("Invalid nonce: nonce too low 5 < 6"), "nonce_too_low"),
    (err("Invalid nonce: nonce too high 7 > 6"), "nonce_too_high"),
    (err("Action already expired"), "already_expired"),
    (statuses({"error": "Invalid nonce: duplicate nonce 5"}), "duplicate_nonce"),
]


@pytest.mark.parametrize(("reply", "code"), REFUSALS)
def test_an_order_is_refused_by_what_the_table_lists(reply: Reply, code: str):
    answer = answers.sort_order(reply)
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, code)


@pytest.mark.parametrize(("reply", "code"), UNKNOWNS)
def test_an_order_is_unknown_by_everything_else(reply: Reply, code: str):
    answer = answers.sort_order(reply)
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, code)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            statuses({"resting": {"oid": 77, "cloid": "0x1"}}),
            Answer(verdict=Verdict.ACCEPTED, oid="77", is_resting=True),
        ),
        (
            statuses({"filled": {"totalSz": "0.02", "avgPx": "1891.4", "oid": 78}}),
            Answer(verdict=Verdict.ACCEPTED, oid="78", filled_size=Quantity(d("0.02")), average_px=Price(d("1891.4"))),
        ),
        (statuses("waitingForTrigger"), Answer(verdict=Verdict.ACCEPTED, is_resting=True)),
        (statuses("waitingForFill"), Answer(verdict=Verdict.ACCEPTED, is_resting=True)),
    ],
)
def test_an_order_is_accepted_by_an_order_id_or_a_waiting_trigger(reply: Reply, expected: Answer):
    assert answers.sort_order(reply) == expected


@pytest.mark.parametrize(
    ("reply", "verdict", "code"),
    [
        (statuses("success", kind="cancel"), Verdict.ACCEPTED, ""),
        (statuses({"error": LATE}, kind="cancel"), Verdict.REFUSED, "cancel_too_late"),
        (statuses({"error": "Something else"}, kind="cancel"), Verdict.UNKNOWN, "unclear_refusal"),
        (statuses(kind="cancel"), Verdict.UNKNOWN, "short_answer"),
        (err("User or API Wallet 0xab does not exist."), Verdict.UNKNOWN, "agent_not_approved"),
        (err("Action already expired"), Verdict.UNKNOWN, "already_expired"),
        (Reply(status=0), Verdict.UNKNOWN, "no_answer"),
        (ok(b"null", 429), Verdict.UNKNOWN, "http_429"),
    ],
)
def test_a_cancel_is_refused_only_when_there_is_nothing_left_to_cancel(reply: Reply, verdict: Verdict, code: str):
    answer = answers.sort_cancel(reply)
    assert (answer.verdict, answer.code) == (verdict, code)


@pytest.mark.parametrize(
    ("reply", "verdict", "code"),
    [
        (DEFAULT, Verdict.ACCEPTED, ""),
        (err("Invalid nonce: duplicate nonce 5"), Verdict.REFUSED, "duplicate_nonce"),
        (err("Invalid nonce: nonce too low 5 < 6"), Verdict.UNKNOWN, "nonce_too_low"),
        (err("User or API Wallet 0xab does not exist."), Verdict.UNKNOWN, "agent_not_approved"),
        (err("Too many cumulative requests sent (2 > 1)"), Verdict.UNKNOWN, "address_budget"),
        (ok({"status": "ok", "response": {"type": "order"}}), Verdict.UNKNOWN, "garbled_answer"),
        (ok(DEFAULT.body, 502), Verdict.UNKNOWN, "http_502"),
        (Reply(status=0), Verdict.UNKNOWN, "no_answer"),
    ],
)
def test_a_noop_proves_something_only_when_it_was_admitted_or_its_nonce_was_used(
    reply: Reply, verdict: Verdict, code: str
):
    answer = answers.sort_noop(reply)
    assert (answer.verdict, answer.code) == (verdict, code)


@pytest.mark.parametrize(
    ("reply", "verdict", "code"),
    [
        (DEFAULT, Verdict.ACCEPTED, ""),
        (err("Invalid leverage value"), Verdict.REFUSED, "leverage_invalid"),
        (err("Cannot switch leverage type with open position."), Verdict.REFUSED, "leverage_type_locked"),
        (err("Invalid nonce: duplicate nonce 5"), Verdict.UNKNOWN, "duplicate_nonce"),
        (ok(b""), Verdict.UNKNOWN, "garbled_answer"),
    ],
)
def test_a_change_of_leverage_is_sorted(reply: Reply, verdict: Verdict, code: str):
    answer = answers.sort_plain(reply)
    assert (answer.verdict, answer.code) == (verdict, code)


def test_an_unapproved_agent_gets_one_sentence_of_what_to_do():
    answer = answers.sort_order(err("User or API Wallet 0xab does not exist."))
    assert answer.action.startswith("Approve the agent wallet again with `holdfast account key ACCOUNT --send`")
    assert "0xab" in answer.text


def test_the_venues_words_are_cut_short():
    assert len(answers.sort_order(ok(b"x" * 5000)).text) == answers.TEXT_LIMIT


def test_every_code_is_snake_case_and_every_advice_belongs_to_a_code():
    codes = {code for _, code in answers.ACTION_REFUSALS + answers.UNCLEAR}
    assert all(code == code.lower() and code.isidentifier() for code in codes)
    assert set(answers.ACTIONS) <= codes
