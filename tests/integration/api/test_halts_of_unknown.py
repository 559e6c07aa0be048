"""A halt that names nobody who is known is in force all the same, and says so where it cannot be overlooked."""

from __future__ import annotations

import base64
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from commands.exits import Exit
from domain.halts import HaltScope
from tests.integration.api.conftest import Api, Served, Temporal, with_account
from tests.integration.api.test_platform import told
from tests.stack.command_line import Answered, Holdfast, command_line

KEY_OF_OTHERS = f"others:{base64.b64encode(b'o' * 32).decode()}"


@pytest.fixture
def holdfast(
    alone: Served,
    temporal: Temporal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Holdfast:
    """The command line of an operator: database and Temporal, no API."""
    run = command_line(tmp_path, monkeypatch, capsys)
    url = alone.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    places = {
        "DATABASE_URL": url,
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": temporal.namespace,
        "HOLDFAST_ENV": "testing",
        # Of another deployment: what is sealed with it no worker here can read.
        "HOLDFAST_MASTER_KEY": KEY_OF_OTHERS,
    }
    return lambda *arguments: run(*arguments, **places)


@pytest.fixture
def ann(alone: Served) -> Api:
    return with_account(alone.user("ann", is_admin=True))


def agent_of(api: Api, name: str) -> str:
    made = api.post("/api/agents", {"adviser": "trend", "coins": ["BTC"], "name": name})
    return str(made.json()["id"])


def keys_in_force(served: Served) -> set[tuple[str, str]]:
    return {(halt.flag.scope, halt.flag.key) for halt in served.parts.halts.in_force()}


def answer_of(answered: Answered) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answered.stdout)
    return found


@pytest.mark.parametrize("scope", ["user", "agent"])
def test_the_api_halts_whom_it_does_not_know_and_warns(alone: Served, ann: Api, scope: str) -> None:
    key = str(uuid.uuid4())
    answer = ann.post("/admin/emergency-halt", {"scope": scope, "key": key})

    assert answer.status_code == 200, answer.text
    halt = answer.json()
    assert (halt["closed"], halt["matches"]) == (True, 0)
    assert halt["warning"].startswith(f"No {scope} {key} is known here, so this halt may stop nothing")
    assert (scope, key) in keys_in_force(alone)


def test_the_api_does_not_warn_of_whom_it_knows(ann: Api) -> None:
    user = ann.get("/api/auth/me").json()["user_id"]
    for body in ({"scope": "agent", "key": agent_of(ann, "one")}, {"scope": "user", "key": user}, {}):
        halt = ann.post("/admin/emergency-halt", body).json()
        assert (halt["matches"], halt["warning"]) == (1, "")
    assert ann.post("/api/control/pause").json()["matches"] == 1


def test_a_halt_of_nobody_is_closed_and_the_command_ends_with_one(alone: Served, holdfast: Holdfast) -> None:
    answer = holdfast("halt", "--scope", "agent", "--key", "nobody", "--wait", "0")

    assert answer.returncode == Exit.NO
    assert "CLOSED in" in answer.stdout
    assert "No agent nobody is known here, so this halt may stop nothing: it is in force" in answer.stderr
    assert "[halt_matches_nothing]" in answer.stderr
    assert keys_in_force(alone) == {("agent", "nobody")}
    assert holdfast("release", "--scope", "agent", "--key", "nobody").returncode == Exit.DONE
    assert keys_in_force(alone) == set()


@pytest.mark.parametrize("by_name", [True, False])
def test_an_agent_is_halted_and_released_by_its_id_or_its_name(
    alone: Served, ann: Api, holdfast: Holdfast, by_name: bool
) -> None:
    agent = agent_of(ann, "one")
    asked = ("--scope", "agent", "--key", "one" if by_name else agent)
    answer = holdfast("halt", *asked, "--wait", "0", "--json")

    assert answer.returncode == Exit.DONE, answer.stderr
    closed = answer_of(answer)
    assert (closed["key"], closed["matches"], closed["warning"], closed["row"]) == (agent, 1, "", True)
    assert keys_in_force(alone) == {("agent", agent)}
    assert answer_of(holdfast("release", *asked, "--json"))["released"] is True
    assert keys_in_force(alone) == set()


def test_an_operators_host_with_keys_of_its_own_tells_the_platform(
    ann: Api, temporal: Temporal, holdfast: Holdfast
) -> None:
    ann.post("/admin/emergency-halt", {"scope": "user", "key": "somebody"})
    agent = agent_of(ann, "one")
    assert holdfast("halt", "--scope", "agent", "--key", agent, "--wait", "0").returncode == Exit.DONE
    assert {("user", "somebody"), ("agent", agent)} <= told(temporal)
    assert holdfast("release", "--scope", "agent", "--key", agent).returncode == Exit.DONE
    assert ("agent", agent) not in told(temporal)


def test_a_user_is_halted_by_name(alone: Served, ann: Api, holdfast: Holdfast) -> None:
    user = ann.get("/api/auth/me").json()["user_id"]
    closed = answer_of(holdfast("halt", "--scope", "user", "--key", ann.name, "--wait", "0", "--json"))
    assert (closed["key"], closed["matches"]) == (user, 1)


def test_a_name_of_two_is_asked_back_with_their_ids(alone: Served, ann: Api, holdfast: Holdfast) -> None:
    twins = [agent_of(ann, "twin"), agent_of(ann, "twin")]
    answer = holdfast("halt", "--scope", "agent", "--key", "twin", "--wait", "0")

    assert answer.returncode == Exit.REFUSED
    assert f"There are 2 agents called twin; nothing is halted. Give the id with --key: {' or '.join(twins)}." in (
        " ".join(answer.stderr.split())
    )
    assert keys_in_force(alone) == set()


def test_an_id_wins_over_a_name_that_looks_like_it(alone: Served, ann: Api) -> None:
    first = agent_of(ann, "first")
    agent_of(ann, first)
    assert alone.parts.names.ids(HaltScope.AGENT, first) == (first,)
