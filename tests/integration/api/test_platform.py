from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from sqlalchemy import text

from domain.accounts import RequestCount
from storage.postgres.engine import transaction
from storage.records import Scope
from tests.integration.api.conftest import Api, Served, Temporal, random_address
from tests.stack.paper import Paper
from workflows import ids
from workflows.platform.messages import HaltTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """An agent's key and address."""

    key: str
    address: str


@pytest.fixture
def wallet() -> Wallet:
    """A new agent wallet: an agent address is never used twice."""
    made = Account.create()
    return Wallet(key=f"0x{made.key.hex().removeprefix('0x')}", address=made.address.lower())


def told(temporal: Temporal) -> set[tuple[str, str]]:
    handle = temporal.client.get_workflow_handle(ids.PLATFORM)
    status = temporal.loop.run(handle.query("status", result_type=HaltTimes))
    return {(halt.scope, halt.key) for halt in status.halts}


def test_a_halt_is_closed_when_it_is_answered_and_the_platform_knows(alone: Served, temporal: Temporal) -> None:
    ann = alone.user("ann", is_admin=True)
    answer = ann.post("/admin/emergency-halt", {"reason": "flash crash"})
    assert answer.status_code == 200, answer.text
    halt = answer.json()
    assert (halt["closed"], halt["drained"], halt["is_told"]) == (True, False, True)
    assert float(halt["closed_ms"]) < 1000
    assert ("platform", "") in told(temporal)
    assert ann.get("/api/health").json()["trading_halted"] is True
    assert ann.get("/api/status").json()["trading_halted"] is True
    record = alone.parts.halts.in_force()[0]
    alone.parts.halts.mark_drained(record.id)
    assert ann.get("/admin/halt").json()["halts"][0]["drained"] is True
    released = ann.post("/admin/release")
    assert (released.json()["released"], released.json()["trading_halted"]) == (True, False)
    assert ("platform", "") not in told(temporal)
    acts = [entry.action for entry in alone.parts.audit.entries(object_="platform").items]
    assert acts == ["release", "halt"]


def test_a_halt_is_closed_while_temporal_is_away(served_without_temporal: Served) -> None:
    admin = served_without_temporal.user("ann", is_admin=True)
    answer = admin.post("/admin/emergency-halt", {"reason": "flash crash"})
    assert (answer.status_code, answer.json()["closed"], answer.json()["is_told"]) == (200, True, False)
    assert admin.get("/admin/halt").json()["trading_halted"] is True


def test_without_temporal_a_start_is_unavailable_and_says_when_to_try_again(served_without_temporal: Served) -> None:
    admin = served_without_temporal.user("ann", is_admin=True)
    answer = admin.post("/api/accounts", {"network": "paper", "address": random_address()})
    assert (answer.status_code, admin.code(answer)) == (503, "no_temporal")
    assert int(answer.headers["Retry-After"]) >= 1
    assert admin.get("/api/health").json()["parts"] == {"database": "ok", "temporal": "unavailable"}
    ready = admin.get("/api/health/ready")
    assert (ready.status_code, admin.code(ready)) == (503, "not_ready")


def test_an_emergency_stop_closes_the_gate_while_temporal_is_away(served_without_temporal: Served) -> None:
    parts = served_without_temporal.parts
    user = served_without_temporal.user("ann")
    user_id = user.get("/api/auth/me").json()["user_id"]
    parts.accounts.add(user_id, venue="hyperliquid", network="paper", address=random_address())
    agent = user.post("/api/agents", {"adviser": "trend", "coins": ["BTC"]}).json()["id"]
    answer = user.post("/api/agent/emergency-stop")
    assert (answer.status_code, user.code(answer)) == (503, "no_temporal")
    assert "Nothing opens any more" in answer.json()["error"]["message"]
    assert [halt.flag.key for halt in parts.halts.in_force()] == [agent]


@pytest.mark.parametrize("path", ["/admin/emergency-halt", "/admin/release"])
@pytest.mark.parametrize(("is_admin", "scope"), [(False, Scope.ADMIN), (True, Scope.TRADE), (False, Scope.READ)])
def test_halting_needs_an_administrators_admin_key(served: Served, path: str, is_admin: bool, scope: Scope) -> None:
    api = served.user(is_admin=is_admin, scopes=(scope,))
    before = served.parts.halts.in_force()
    answer = api.post(path)
    assert (answer.status_code, api.code(answer)) == (403, "scope_missing")
    assert served.parts.halts.in_force() == before
    assert api.get("/admin/halt").status_code == 403


def test_a_user_pauses_and_resumes_only_his_own_trading(ann: Api, bob: Api) -> None:
    paused = bob.post("/api/control/pause", {"reason": "holiday"})
    assert (paused.status_code, paused.json()["scope"]) == (200, "user")
    assert bob.get("/api/status").json()["halts"][0]["reason"] == "holiday"
    assert ann.get("/api/status").json()["halts"] == []
    assert ann.post("/api/control/resume").json()["released"] is False
    assert bob.post("/api/control/resume").json()["released"] is True
    assert bob.get("/api/status").json()["halts"] == []


def test_a_user_cannot_release_what_an_administrator_halted(ann: Api, bob: Api) -> None:
    user = bob.get("/api/auth/me").json()["user_id"]
    ann.post("/admin/emergency-halt", {"scope": "user", "key": user})
    answer = bob.post("/api/control/resume")
    assert (answer.status_code, bob.code(answer)) == (403, "halted_by_admin")


@pytest.mark.parametrize(
    "scope", [{"scope": "venue"}, {"scope": "venue", "key": "moon"}, {"scope": "platform", "key": "x"}]
)
def test_a_halt_without_the_right_key_of_its_scope_is_refused(ann: Api, scope: dict[str, str]) -> None:
    answer = ann.post("/admin/emergency-halt", scope)
    assert (answer.status_code, ann.code(answer)) == (422, "bad_scope")


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer hf_wrong", "Basic abc", "Bearer " + "x" * 5000])
def test_a_wrong_key_is_unauthenticated(served: Served, token: str) -> None:
    api = served.client("hf_none")
    answer = api.http.get("/api/agents", headers={"Authorization": token})
    assert (answer.status_code, api.code(answer)) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_stops_working(served: Served) -> None:
    users = served.parts.users
    user = users.add(f"carol-{random_address()}")
    issued = users.issue(user.user_id)
    api = served.client(issued.secret)
    assert api.get("/api/auth/me").status_code == 200
    users.revoke(user.user_id, issued.key.key_id)
    assert api.get("/api/auth/me").status_code == 401


def test_a_read_key_reads_and_changes_nothing(served: Served) -> None:
    api = served.user(scopes=(Scope.READ,))
    assert api.get("/api/agents").status_code == 200
    for answer in (api.post("/api/agents"), api.delete("/api/settings"), api.http.put("/api/settings", json={})):
        assert (answer.status_code, api.code(answer)) == (403, "scope_missing")


def test_every_post_needs_an_idempotency_key(served: Served) -> None:
    api = served.user("ann", is_admin=True)
    routes = served.app.openapi()["paths"]
    # A decode changes nothing, and Temporal's Web UI that calls it knows nothing of our keys.
    posts = [path for path, methods in routes.items() if "post" in methods and not path.endswith("/decode")]
    assert len(posts) >= 15
    for path in posts:
        answer = api.http.post(path.replace("{intent_id}", "x"), json={})
        assert (answer.status_code, api.code(answer)) == (400, "idempotency_key_missing"), path


def test_an_agent_key_goes_in_and_never_comes_out(ann: Api, served: Served, wallet: Wallet) -> None:
    account = ann.get("/api/accounts").json()["items"][0]["id"]
    changed = ann.patch(f"/api/accounts/{account}", {"agent_key": wallet.key, "agent_name": "desk"})
    assert changed.status_code == 200, changed.text
    assert changed.json()["signer"]["address"] == wallet.address
    everything = changed.text + ann.get("/api/accounts").text + ann.get(f"/api/accounts/{account}").text
    assert wallet.key[2:] not in everything
    again = ann.patch(f"/api/accounts/{account}", {"agent_key": wallet.key})
    assert (again.status_code, ann.code(again)) == (409, "signer_used")


def test_a_wrong_agent_key_is_not_quoted_back(ann: Api) -> None:
    account = ann.get("/api/accounts").json()["items"][0]["id"]
    answer = ann.patch(f"/api/accounts/{account}", {"agent_key": "0xdeadbeef5ecret"})
    assert (answer.status_code, ann.code(answer)) == (422, "invalid_request")
    assert "5ecret" not in answer.text


def test_the_address_of_the_agent_is_not_the_masters(served: Served, wallet: Wallet) -> None:
    api = served.user()
    answer = api.post("/api/accounts", {"network": "paper", "address": wallet.address, "agent_key": wallet.key})
    assert (answer.status_code, api.code(answer)) == (422, "address_is_agent")
    assert api.get("/api/accounts").json()["items"] == []


def test_what_belongs_to_another_account_is_refused_and_nothing_of_it_is_stored(served: Served, paper: Paper) -> None:
    """The venue executes what an agent signs on the account of its own master, whatever account we meant."""
    mine, other = Account.create(), Account.create()
    for account in (mine, other):
        paper.post("deposit", user=account.address, usdc="1000")
    agent_key = "0x" + Exchange(other, paper.url).approve_agent("bot")[1].removeprefix("0x")
    agent = Account.from_key(agent_key).address
    api = served.user()
    body = {"network": "paper", "address": mine.address}

    as_master = api.post("/api/accounts", {"network": "paper", "address": agent})
    assert (as_master.status_code, api.code(as_master)) == (422, "address_is_agent")
    assert other.address.lower() in as_master.text
    foreign = api.post("/api/accounts", body | {"agent_key": agent_key})
    assert (foreign.status_code, api.code(foreign)) == (422, "agent_of_another")
    anothers = api.post("/api/accounts", body | {"agent_key": "0x" + bytes(other.key).hex()})
    assert (anothers.status_code, api.code(anothers)) == (422, "key_is_an_account")
    assert api.get("/api/accounts").json()["items"] == []

    added = api.post("/api/accounts", body).json()["id"]
    later = api.patch(f"/api/accounts/{added}", {"agent_key": agent_key})
    assert (later.status_code, api.code(later)) == (422, "agent_of_another")
    assert api.get(f"/api/accounts/{added}").json()["signer"] is None


def test_a_link_that_was_never_approved_is_one_sentence_of_what_to_do(ann: Api, paper: Paper, wallet: Wallet) -> None:
    account = ann.get("/api/accounts").json()["items"][0]
    missing = ann.get(f"/api/accounts/{account['id']}/link")
    assert (missing.status_code, ann.code(missing)) == (404, "signer_unknown")
    ann.patch(f"/api/accounts/{account['id']}", {"agent_key": wallet.key})
    paper.post("deposit", user=account["address"], usdc="1000")
    link = ann.get(f"/api/accounts/{account['id']}/link").json()
    assert (link["ok"], link["code"]) == (False, "agent_not_approved")
    assert wallet.address in link["sentence"]


def test_an_account_has_one_owner(ann: Api, bob: Api) -> None:
    address = bob.get("/api/accounts").json()["items"][0]["address"]
    answer = ann.post("/api/accounts", {"network": "paper", "address": address.upper().replace("0X", "0x")})
    assert (answer.status_code, ann.code(answer)) == (409, "account_exists")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_account_of_another_user_does_not_exist(ann: Api, bob: Api, method: str) -> None:
    account = bob.get("/api/accounts").json()["items"][0]["id"]
    body = {"name": "mine"} if method == "PATCH" else None
    answer = ann.http.request(method, f"/api/accounts/{account}", json=body)
    assert (answer.status_code, ann.code(answer)) == (404, "account_unknown")
    assert bob.get(f"/api/accounts/{account}").json()["active"] is True


def test_an_account_shows_how_many_more_requests_the_venue_takes_of_it(served: Served, ann: Api) -> None:
    (account,) = ann.get("/api/accounts").json()["items"]
    assert account["requests_left"] is None
    served.parts.request_counts.keep(account["id"], RequestCount(used=9_000, allowed=10_500))
    assert ann.get(f"/api/accounts/{account['id']}").json()["requests_left"] == 1_500


def test_a_removed_account_is_not_traded_any_more(ann: Api) -> None:
    account = ann.get("/api/accounts").json()["items"][0]["id"]
    assert ann.delete(f"/api/accounts/{account}").status_code == 204
    intent = {"coin": "BTC", "side": "buy", "size": "1", "account_id": account}
    answer = ann.post("/api/positions/open", intent)
    assert (answer.status_code, ann.code(answer)) == (409, "account_inactive")


def test_settings_are_typed_and_return_to_their_defaults(ann: Api) -> None:
    assert ann.http.put("/api/settings", json={"risk_profile": "conservative"}).json() == {
        "risk_profile": "conservative",
        "close_manual_positions": False,
    }
    assert ann.code(ann.http.put("/api/settings", json={"colour": "red"})) == "invalid_request"
    assert ann.delete("/api/settings?key=risk_profile").json()["risk_profile"] == "moderate"
    assert ann.code(ann.delete("/api/settings?key=colour")) == "setting_unknown"


def test_every_answer_carries_trace_id_and_security_headers(ann: Api) -> None:
    answer = ann.get("/api/agents", headers={"X-Trace-Id": "my-trace-0001"})
    assert answer.headers["X-Trace-Id"] == "my-trace-0001"
    assert len(answer.headers["X-Request-Id"]) == 32
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    other = ann.get("/api/agents", headers={"X-Trace-Id": 'bad" trace'})
    assert other.headers["X-Trace-Id"] != 'bad" trace'
    error = ann.get("/nowhere", headers={"X-Trace-Id": "my-trace-0002"})
    assert error.json()["error"]["trace_id"] == "my-trace-0002"


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        ("GET", "/nowhere", None, 404, "route_not_found"),
        ("PUT", "/api/agents", None, 405, "method_not_allowed"),
        ("POST", "/api/agents", b"{not json", 400, "bad_request"),
        ("POST", "/api/agents", b"[]", 422, "invalid_request"),
        ("POST", "/api/agents", b"x" * 300_000, 413, "body_too_large"),
        ("GET", "/api/agents/%00", None, 422, "invalid_request"),
        ("GET", "/api/orders?limit=0", None, 422, "invalid_request"),
        ("GET", "/api/orders?cursor=x", None, 400, "bad_cursor"),
    ],
)
def test_every_refusal_is_the_one_envelope(
    ann: Api, method: str, path: str, content: bytes | None, status: int, code: str
) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = ann.http.request(method, path, content=content, headers=headers)
    assert (answer.status_code, ann.code(answer)) == (status, code), answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "action", "details", "trace_id"}
    assert error["message"].endswith(".")
    assert error["action"]


def test_a_body_without_a_length_is_limited_too(ann: Api) -> None:
    def chunks():
        for _ in range(100):
            yield b"x" * 10_000

    answer = ann.http.post("/api/agents", content=chunks(), headers={"Idempotency-Key": "k"})
    assert (answer.status_code, ann.code(answer)) == (413, "body_too_large")


def test_only_allowed_origins_may_call_from_a_browser(ann: Api) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "Idempotency-Key"}
    good = ann.http.options("/api/agents", headers={"Origin": "https://desk.example", **asked})
    assert good.headers["Access-Control-Allow-Origin"] == "https://desk.example"
    bad = ann.http.options("/api/agents", headers={"Origin": "https://evil.example", **asked})
    assert "Access-Control-Allow-Origin" not in bad.headers


def test_a_fault_of_ours_is_an_envelope_without_its_inside(alone: Served) -> None:
    ann = alone.user("ann", is_admin=True)
    with transaction(alone.engine) as connection:
        connection.execute(text("drop table agents cascade"))
    answer = ann.get("/api/agents")
    assert (answer.status_code, ann.code(answer)) == (500, "internal_error")
    assert "relation" not in answer.text
    assert answer.json()["error"]["trace_id"] == answer.headers["X-Trace-Id"]


def test_each_request_is_logged_with_its_ids_and_without_its_secrets(
    ann: Api, logged: list[Any], wallet: Wallet
) -> None:
    account = ann.get("/api/accounts").json()["items"][0]["id"]
    logged.clear()
    ann.http.patch(
        f"/api/accounts/{account}?x=1", json={"agent_key": wallet.key}, headers={"X-Trace-Id": "my-trace-0003"}
    )
    (entry,) = [entry for entry in logged if entry["event"] == "request"]
    assert (entry["method"], entry["status"], entry["trace_id"]) == ("PATCH", 200, "my-trace-0003")
    assert entry["route"] == "/api/accounts/{account_id}"
    assert entry["user_id"] == ann.get("/api/auth/me").json()["user_id"]
    assert wallet.key[2:] not in str(logged)
    assert ann.key not in str(logged)


def test_metrics_need_a_key(ann: Api) -> None:
    assert ann.get("/metrics").status_code == 200
    assert ann.http.get("/metrics", headers={"Authorization": ""}).status_code == 401


def test_a_claim_whose_process_died_is_taken_over_after_a_minute(alone: Served) -> None:
    ann = alone.user("ann", is_admin=True)
    user = ann.get("/api/auth/me").json()["user_id"]
    digest = hashlib.sha256(b"POST\x00/api/control/resume\x00\x00{}").hexdigest()
    assert alone.parts.idempotency.claim(user, "k1", digest) is None
    answer = ann.post("/api/control/resume", key="k1")
    assert (answer.status_code, ann.code(answer)) == (409, "idempotency_in_progress")
    aged = text("update idempotency set created_at = created_at - interval '61 seconds'")
    with transaction(alone.engine) as connection:
        connection.execute(aged)
    assert ann.post("/api/control/resume", key="k1").status_code == 200
