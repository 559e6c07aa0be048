from __future__ import annotations

import pytest

from domain.halts import HaltFlag
from tests.integration.api.conftest import Api, Served, Temporal, wait_for
from workflows import ids
from workflows.platform.messages import HaltTimes
from workflows.user_agent.messages import AgentReport

AGENT = {"adviser": "trend", "coins": ["BTC", "ETH"]}


def made(api: Api, **changes: object) -> str:
    answer = api.post("/api/agents", {**AGENT, **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_an_agent_starts_pauses_resumes_and_stops(ann: Api) -> None:
    agent_id = made(ann, name="first")
    started = ann.post("/api/agent/start")
    assert started.status_code == 202, started.text
    assert ann.get("/api/agent/status").json()["status"] == "running"
    assert ann.post("/api/agent/pause", {"reason": "lunch"}).status_code == 202
    status = ann.get("/api/agent/status").json()
    assert (status["status"], status["source"], status["agent_id"]) == ("paused", "workflow", agent_id)
    assert f"lunch by {ann.name}" in status["note"]
    assert ann.post("/api/agent/resume").status_code == 202
    assert ann.post("/api/agent/stop").status_code == 202
    wait_for(lambda: ann.get("/api/agent/status").json()["source"] == "database")


def test_a_running_agent_cannot_be_started_twice_and_a_stopped_one_can(ann: Api) -> None:
    made(ann)
    assert ann.post("/api/agent/start").status_code == 202
    again = ann.post("/api/agent/start")
    assert (again.status_code, ann.code(again)) == (409, "agent_running")
    ann.post("/api/agent/stop")
    wait_for(lambda: ann.post("/api/agent/start").status_code == 202)


def test_the_start_runs_the_account_its_stream_and_the_platform(ann: Api, temporal: Temporal) -> None:
    made(ann)
    ann.post("/api/agent/start")
    account = ann.get("/api/accounts").json()["items"][0]
    for workflow_id in (ids.account(account["id"]), ids.stream("hyperliquid", "default", 0), ids.PLATFORM):
        found = temporal.loop.run(temporal.client.get_workflow_handle(workflow_id).describe())
        assert found.status is not None
        assert found.status.name == "RUNNING"


def test_a_signal_to_an_agent_that_does_not_run_is_a_conflict(ann: Api) -> None:
    made(ann)
    answer = ann.post("/api/agent/pause")
    assert (answer.status_code, ann.code(answer)) == (409, "agent_not_running")


def test_with_two_agents_the_request_has_to_say_which(ann: Api) -> None:
    first, second = made(ann), made(ann)
    answer = ann.post("/api/agent/start")
    assert (answer.status_code, ann.code(answer)) == (409, "agent_ambiguous")
    assert set(answer.json()["error"]["details"]["agents"].split(",")) == {first, second}
    assert ann.post("/api/agent/start", {"agent_id": first}).status_code == 202


def test_emergency_stop_without_an_id_reaches_every_agent_running_or_not(
    ann: Api, bob: Api, temporal: Temporal
) -> None:
    first, second, other = made(ann), made(ann), made(bob)
    ann.post("/api/agent/start", {"agent_id": first})
    bob.post("/api/agent/start")
    answer = ann.post("/api/agent/emergency-stop", {"reason": "fire"})
    assert answer.status_code == 202, answer.text
    assert {state["agent_id"] for state in answer.json()["items"]} == {first, second}
    user = ann.get("/api/auth/me").json()["user_id"]
    for agent_id in (first, second):
        handle = temporal.client.get_workflow_handle(ids.agent(user, agent_id))
        assert temporal.loop.run(handle.result()) == f"emergency_stop: fire by {ann.name}"
    assert bob.get(f"/api/agent/status?agent_id={other}").json()["status"] == "running"


def test_going_live_has_to_be_confirmed_and_is_audited(ann: Api, served: Served) -> None:
    refused = ann.post("/api/agents", {**AGENT, "mode": "live"})
    assert (refused.status_code, ann.code(refused)) == (409, "confirmation_required")
    agent_id = made(ann)
    refused = ann.patch(f"/api/agents/{agent_id}", {"mode": "live"})
    assert ann.code(refused) == "confirmation_required"
    assert ann.get(f"/api/agents/{agent_id}").json()["mode"] == "simulate"
    live = ann.patch(f"/api/agents/{agent_id}", {"mode": "live", "confirm": True})
    assert live.json()["mode"] == "live"
    acts = [entry.action for entry in served.parts.audit.entries(object_=f"agent/{agent_id}").items]
    assert acts == ["agent.live", "agent.change", "agent.add"]


def test_a_change_reaches_the_running_agent(ann: Api) -> None:
    agent_id = made(ann)
    ann.post("/api/agent/start")
    changed = ann.patch(f"/api/agents/{agent_id}", {"coins": ["SOL"], "limits": {"max_leverage": 2}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["risk_profile"] == "custom"
    assert ann.get("/api/agent/status").json()["note"].endswith("[SOL]")


def test_a_change_that_the_workflow_refuses_changes_nothing(ann: Api) -> None:
    agent_id = made(ann)
    ann.post("/api/agent/start")
    answer = ann.patch(f"/api/agents/{agent_id}", {"coins": [f"C{n}" for n in range(11)]})
    assert (answer.status_code, ann.code(answer)) == (409, "reconfigure_refused")
    assert ann.get(f"/api/agents/{agent_id}").json()["coins"] == ["BTC", "ETH"]


def test_a_running_agent_cannot_be_deleted(ann: Api) -> None:
    agent_id = made(ann)
    ann.post("/api/agent/start")
    assert ann.code(ann.delete(f"/api/agents/{agent_id}")) == "agent_running"
    ann.post("/api/agent/stop")
    wait_for(lambda: ann.delete(f"/api/agents/{agent_id}").status_code == 204)
    assert ann.get(f"/api/agents/{agent_id}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/agents/{id}"),
        ("PATCH", "/api/agents/{id}"),
        ("DELETE", "/api/agents/{id}"),
        ("GET", "/api/agents/{id}/decisions"),
        ("GET", "/api/agent/status?agent_id={id}"),
    ],
)
def test_an_agent_of_another_user_does_not_exist(ann: Api, bob: Api, method: str, path: str) -> None:
    agent_id = made(bob)
    answer = ann.http.request(method, path.format(id=agent_id), json={"name": "mine"} if method == "PATCH" else None)
    assert (answer.status_code, ann.code(answer)) == (404, "agent_unknown")


@pytest.mark.parametrize("act", ["start", "stop", "pause", "resume", "emergency-stop"])
def test_an_agent_of_another_user_cannot_be_told_anything(ann: Api, bob: Api, act: str, temporal: Temporal) -> None:
    agent_id = made(bob)
    bob.post("/api/agent/start")
    answer = ann.post(f"/api/agent/{act}", {"agent_id": agent_id})
    assert (answer.status_code, ann.code(answer)) == (404, "agent_unknown")
    user = bob.get("/api/auth/me").json()["user_id"]
    handle = temporal.client.get_workflow_handle(ids.agent(user, agent_id))
    assert temporal.loop.run(handle.query("status", result_type=AgentReport)).note.startswith("started")


def test_an_agent_on_an_account_of_another_user_is_refused(ann: Api, bob: Api) -> None:
    account = bob.get("/api/accounts").json()["items"][0]["id"]
    answer = ann.post("/api/agents", {**AGENT, "account_id": account})
    assert (answer.status_code, ann.code(answer)) == (404, "account_unknown")


def test_an_unknown_adviser_is_named_with_those_that_exist(ann: Api) -> None:
    answer = ann.post("/api/agents", {**AGENT, "adviser": "oracle"})
    assert (answer.status_code, ann.code(answer)) == (422, "adviser_unknown")
    assert "trend" in answer.json()["error"]["details"]["names"]


def test_a_start_during_an_emergency_stop_leaves_its_halt_alone(ann: Api, served: Served) -> None:
    agent_id = made(ann)
    ann.post("/api/agent/start")
    served.parts.halts.commit(HaltFlag(scope="agent", key=agent_id, reason="emergency", by=ann.name))
    answer = ann.post("/api/agent/start")
    assert (answer.status_code, ann.code(answer)) == (409, "agent_running")
    assert agent_id in {halt.flag.key for halt in served.parts.halts.in_force()}


def test_a_start_lifts_the_halt_of_the_users_own_emergency_stop_only(
    ann: Api, served: Served, temporal: Temporal
) -> None:
    agent_id = made(ann)
    served.parts.halts.commit(HaltFlag(scope="agent", key=agent_id, reason="emergency", by=ann.name))
    assert ann.post("/api/agent/start").status_code == 202
    assert agent_id not in {halt.flag.key for halt in served.parts.halts.in_force()}
    ann.post("/api/agent/stop")
    wait_for(lambda: ann.get("/api/agent/status").json()["source"] == "database")
    ann.post("/admin/emergency-halt", {"scope": "agent", "key": agent_id})
    answer = ann.post("/api/agent/start")
    assert (answer.status_code, ann.code(answer)) == (403, "halted_by_admin")
    told = temporal.loop.run(temporal.client.get_workflow_handle(ids.PLATFORM).query("status", result_type=HaltTimes))
    assert (agent_id, f"admin:{ann.name}") in {(halt.key, halt.by) for halt in told.halts}
