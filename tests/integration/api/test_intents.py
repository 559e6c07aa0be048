from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import delete

from domain.accounts import HeldPosition, Portfolio
from domain.intents import api_intent_id
from domain.money import Money, Price, Quantity
from storage.postgres.engine import transaction
from storage.postgres.tables import idempotency
from tests.integration.api.conftest import Api, Served, Temporal, account_ref, wait_for
from workflows import ids

OPEN = {"kind": "open", "coin": "BTC", "side": "buy", "size": "0.01", "stop_px": "90000"}


def test_an_intent_is_started_and_shown_by_its_workflow(ann: Api, temporal: Temporal) -> None:
    answer = ann.post("/api/intents", OPEN)
    assert answer.status_code == 202, answer.text
    begun = answer.json()
    assert (begun["phase"], begun["size"], begun["source"]) == ("CREATED", "0.01", "request")
    assert begun["trace_id"] == answer.headers["X-Trace-Id"]
    shown = ann.get(f"/api/intents/{begun['id']}").json()
    assert (shown["phase"], shown["stop_px"], shown["source"]) == ("WORKING", "90000", "workflow")
    found = temporal.loop.run(temporal.client.get_workflow_handle(ids.intent(begun["id"])).describe())
    assert found.workflow_type == "TradeIntentWorkflow"
    assert found.search_attributes["TradingInstrument"] == ["BTC"]


def test_the_same_key_makes_one_intent_and_the_same_answer(ann: Api) -> None:
    key = str(uuid.uuid4())
    first, second = ann.post("/api/intents", OPEN, key=key), ann.post("/api/intents", OPEN, key=key)
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    user = ann.get("/api/auth/me").json()["user_id"]
    assert first.json()["id"] == api_intent_id(user, key)


def test_the_same_key_with_another_body_is_refused(ann: Api) -> None:
    key = str(uuid.uuid4())
    ann.post("/api/intents", OPEN, key=key)
    answer = ann.post("/api/intents", {**OPEN, "size": "9"}, key=key)
    assert (answer.status_code, ann.code(answer)) == (409, "idempotency_mismatch")


def test_a_repetition_after_a_lost_answer_finds_the_intent_that_was_started(ann: Api, served: Served) -> None:
    key = str(uuid.uuid4())
    first = ann.post("/api/intents", OPEN, key=key).json()
    # As after a crash between the start and the stored answer.
    with transaction(served.engine) as connection:
        connection.execute(delete(idempotency).where(idempotency.c.key == key))
    again = ann.post("/api/intents", {**OPEN, "size": "7"}, key=key)
    assert again.status_code == 202, again.text
    assert (again.json()["id"], again.json()["source"]) == (first["id"], "workflow")


def test_a_refused_request_frees_its_key(ann: Api) -> None:
    key = str(uuid.uuid4())
    assert ann.post("/api/intents", {**OPEN, "size": "-1"}, key=key).status_code == 422
    assert ann.post("/api/intents", OPEN, key=key).status_code == 202


def test_two_users_may_use_the_same_key(ann: Api, bob: Api) -> None:
    key = str(uuid.uuid4())
    mine, his = ann.post("/api/intents", OPEN, key=key).json(), bob.post("/api/intents", OPEN, key=key).json()
    assert mine["id"] != his["id"]
    assert mine["user_id"] != his["user_id"]


def test_an_intent_is_cancelled_once(ann: Api) -> None:
    intent_id = ann.post("/api/intents", OPEN).json()["id"]
    assert ann.post(f"/api/intents/{intent_id}/cancel").status_code == 202
    wait_for(lambda: ann.post(f"/api/intents/{intent_id}/cancel").status_code == 409)
    assert ann.code(ann.post(f"/api/intents/{intent_id}/cancel")) == "intent_over"
    shown = ann.get(f"/api/intents/{intent_id}").json()
    assert (shown["phase"], shown["source"]) == ("CANCELLED", "workflow")


def test_a_waiting_intent_is_executed_at_once_and_a_working_one_has_nothing_to_wait_for(ann: Api) -> None:
    intent_id = ann.post("/api/intents", {**OPEN, "criteria": {"mark_below": "1"}}).json()["id"]
    assert ann.get(f"/api/intents/{intent_id}").json()["phase"] == "WAITING"
    assert ann.post(f"/api/intents/{intent_id}/execute").status_code == 202
    assert ann.get(f"/api/intents/{intent_id}").json()["phase"] == "WORKING"
    again = ann.post(f"/api/intents/{intent_id}/execute")
    assert (again.status_code, ann.code(again)) == (409, "intent_not_waiting")


def test_an_amendment_answers_with_the_new_status(ann: Api) -> None:
    intent_id = ann.post("/api/intents", OPEN).json()["id"]
    changed = ann.patch(f"/api/intents/{intent_id}", {"stop_px": "95000"})
    assert (changed.status_code, changed.json()["stop_px"]) == (200, "95000")
    refused = ann.patch(f"/api/intents/{intent_id}", {"limit_px": "1"})
    assert (refused.status_code, ann.code(refused)) == (409, "amend_refused")


@pytest.mark.parametrize("act", ["", "/cancel", "/close", "/execute"])
def test_an_intent_of_another_user_does_not_exist(ann: Api, bob: Api, act: str) -> None:
    intent_id = bob.post("/api/intents", OPEN).json()["id"]
    path = f"/api/intents/{intent_id}{act}"
    answer = ann.post(path) if act else ann.get(path)
    assert (answer.status_code, ann.code(answer)) == (404, "intent_unknown")
    assert bob.get(f"/api/intents/{intent_id}").json()["phase"] == "WORKING"


def test_a_close_takes_its_side_from_the_position(ann: Api, served: Served) -> None:
    nothing = ann.post("/api/positions/close", {"coin": "BTC"})
    assert (nothing.status_code, ann.code(nothing)) == (409, "no_position")
    account = account_ref(ann)
    held = HeldPosition(
        coin="BTC", size=Quantity(Decimal("-0.5")), entry_px=Price(Decimal(100)), mark_px=Price(Decimal(90))
    )
    shown = Portfolio(
        account_id=account.account_id,
        as_of=datetime.now(UTC),
        equity=Money(Decimal(1000)),
        available=Money(Decimal(900)),
        positions=(held,),
    )
    served.parts.portfolios.save(account, shown)
    closing = ann.post("/api/positions/close", {"coin": "BTC", "reason": "enough"})
    assert closing.status_code == 202, closing.text
    assert (closing.json()["kind"], closing.json()["side"], closing.json()["size"]) == ("close", "buy", None)
    position = ann.get("/api/positions").json()["items"][0]
    assert (position["side"], position["notional"]) == ("sell", "45")


@pytest.mark.parametrize(
    "change",
    [
        {"side": None},
        {"size": None},
        {"notional": "5"},
        {"size": 0.01},
        {"size": "NaN"},
        {"size": "1e999999"},
        {"size": "0"},
        {"style": "limit"},
        {"limit_px": "5"},
        {"take_profit_px": "80000"},
        {"wait_seconds": "0"},
        {"max_age_seconds": "301"},
        {"surprise": 1},
        {"coin": "BT C"},
        {"kind": "close"},
    ],
)
def test_an_intent_with_a_wrong_field_is_refused_with_a_sentence(ann: Api, change: dict[str, object]) -> None:
    answer = ann.post("/api/intents", {**OPEN, **change})
    assert (answer.status_code, ann.code(answer)) == (422, "invalid_request"), answer.text
    assert answer.json()["error"]["details"]


def test_a_limit_intent_with_criteria_reaches_its_workflow_as_asked(ann: Api, temporal: Temporal) -> None:
    from workflows.trade_intent.messages import TradeIntentInput

    body = {
        **OPEN,
        "style": "limit",
        "limit_px": "99000.5",
        "tif": "alo",
        "criteria": {"mark_below": "99500"},
        "wait_seconds": "60",
        "work_seconds": "30",
        "max_age_seconds": "12.5",
    }
    intent_id = ann.post("/api/intents", body).json()["id"]
    handle = temporal.client.get_workflow_handle(ids.intent(intent_id))
    event = temporal.loop.run(anext(aiter(handle.fetch_history_events())))
    payloads = event.workflow_execution_started_event_attributes.input
    (start,) = temporal.loop.run(
        temporal.client.data_converter.decode(payloads.payloads, type_hints=[TradeIntentInput])
    )
    policy = start.intent.policy
    assert (policy.style, policy.limit_px, policy.tif) == ("limit", Decimal("99000.5"), "alo")
    assert policy.criteria.mark_below == Decimal(99500)
    assert policy.max_age.total_seconds() == 12.5
    assert policy.work_for is not None
    assert policy.wait_until is not None
    assert policy.check_every.total_seconds() == 6
    assert start.intent.user_id == ann.get("/api/auth/me").json()["user_id"]
