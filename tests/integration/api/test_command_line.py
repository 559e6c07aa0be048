"""The commands against the served API: what a person asks for arrives whole, and the API alone says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api.schemas.agents import LimitsBody
from commands.agents import COUNTS
from commands.exits import Exit
from domain.intents import Intent
from tests.integration.api.conftest import Api, Temporal, random_address, wait_for, with_account
from tests.stack.command_line import Answered, Holdfast, command_line
from workflows import ids
from workflows.trade_intent.messages import TradeIntentInput

Of = Callable[..., Answered]


@pytest.fixture
def holdfast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Holdfast:
    return command_line(tmp_path, monkeypatch, capsys)


@pytest.fixture
def anns(holdfast: Holdfast, ann: Api) -> Of:
    """Run a command as Ann."""
    return lambda *arguments: holdfast(*arguments, HOLDFAST_API_URL=ann.base_url, HOLDFAST_API_KEY=ann.key)


def answer_of(answered: Answered) -> dict[str, Any]:
    assert answered.returncode == Exit.DONE, answered.stdout + answered.stderr
    found: dict[str, Any] = json.loads(answered.stdout)
    return found


def intent_started(temporal: Temporal, intent_id: str) -> Intent:
    """Read what the workflow of an intent was given."""
    handle = temporal.client.get_workflow_handle(ids.intent(intent_id))
    event = temporal.loop.run(anext(aiter(handle.fetch_history_events())))
    payloads = event.workflow_execution_started_event_attributes.input.payloads
    (start,) = temporal.loop.run(temporal.client.data_converter.decode(payloads, type_hints=[TradeIntentInput]))
    assert isinstance(start, TradeIntentInput)
    return start.intent


def test_an_intent_with_everything_that_can_be_said_arrives_as_it_was_said(anns: Of, temporal: Temporal) -> None:
    asked = "intent open btc sell --notional 250 --limit 99000.5 --tif alo --stop 101000 --take-profit 90000"
    asked += " --mark-above 98000 --mark-below 99500 --max-funding 0.01% --wait-for 2h --check-every 5"
    asked += " --good-for 30m --max-age 12.5s --reason dip --wait 0 --json"
    made = answer_of(anns(*asked.split()))

    intent = intent_started(temporal, made["id"])
    assert (intent.coin, intent.side, intent.notional, intent.size) == ("BTC", "sell", Decimal(250), None)
    assert (intent.protection.stop_px, intent.protection.take_profit_px) == (Decimal(101000), Decimal(90000))
    policy = intent.policy
    assert (policy.style, policy.limit_px, policy.tif) == ("limit", Decimal("99000.5"), "alo")
    criteria = policy.criteria
    assert (criteria.mark_above, criteria.mark_below) == (Decimal(98000), Decimal(99500))
    assert criteria.max_funding == Decimal("0.0001")
    assert policy.wait_until is not None
    waits = policy.wait_until - intent.decided_at
    assert timedelta(hours=2) - timedelta(minutes=1) < waits < timedelta(hours=2) + timedelta(minutes=1)
    assert (policy.check_every, policy.work_for) == (timedelta(seconds=5), timedelta(minutes=30))
    assert (policy.max_age, intent.reason) == (timedelta(seconds=12.5), "dip")


def test_an_intent_that_waits_is_executed_at_once_by_hand(anns: Of) -> None:
    made = answer_of(
        anns(*["intent", "open", "BTC", "buy", "--size", "0.01", "--mark-below", "1", "--wait", "0", "--json"])
    )
    assert answer_of(anns("intent", "show", made["id"], "--json"))["phase"] == "WAITING"
    assert answer_of(anns("intent", "execute", made["id"], "--json"))["phase"] == "WORKING"
    assert answer_of(anns("intent", "cancel", made["id"], "--json"))["phase"] == "CANCELLED"


@pytest.mark.parametrize(("asked", "bound"), [("0.3%", "0.003"), ("0.002", "0.002"), ("20%", "0.01")])
def test_a_slippage_bound_tightens_the_limits_and_never_widens_them(
    anns: Of, temporal: Temporal, asked: str, bound: str
) -> None:
    made = answer_of(anns(*f"intent open BTC buy --size 0.01 --max-slippage {asked} --wait 0 --json".split()))
    assert intent_started(temporal, made["id"]).limits.max_slippage == Decimal(bound)


def test_an_intent_of_an_agent_takes_its_account_and_its_limits(anns: Of, ann: Api, temporal: Temporal) -> None:
    with_account(ann)
    account = ann.get("/api/accounts").json()["items"][1]["id"]
    agent = answer_of(
        anns(*f"agent create trend BTC --name careful --account {account} --limit max_leverage=2 --json".split())
    )
    made = answer_of(
        anns(*["intent", "open", "BTC", "buy", "--size", "0.01", "--agent", "careful", "--wait", "0", "--json"])
    )

    intent = intent_started(temporal, made["id"])
    assert (intent.agent_id, intent.account_id, intent.limits.max_leverage) == (agent["id"], account, 2)


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ("--tif alo", "invalid_request", "tif gtc and alo need a limit order with --limit"),
        ("--limit 9 --max-slippage 1%", "invalid_request", "a limit order takes no --max-slippage"),
        ("--wait-for 2h", "invalid_request", "--wait-for needs criteria to wait for"),
        ("--mark-below 9 --wait-for soon", "invalid_request", "--wait-for: 'soon' is not a decimal number. See"),
        ("--mark-below 9 --wait-for 31d", "invalid_request", "--wait-for: Input should be less than"),
        ("--good-for -5", "invalid_request", "--good-for: Input should be greater than 0"),
        ("--mark-above -1", "invalid_request", "--mark-above: has to be above zero"),
        ("--max-slippage 60%", "invalid_request", "--max-slippage: Input should be less than or equal to 0.5"),
        ("--max-age 10m", "invalid_request", "--max-age: Input should be less than or equal to 300"),
        ("--notional 5", "invalid_request", "an open needs exactly one of size and notional"),
        ("--stop 9 --take-profit 8", "invalid_request", "--stop and --take-profit are on the wrong sides"),
        ("--agent nobody", "agent_unknown", "There are 0 agents called nobody."),
        ("--account nowhere", "account_unknown", "There are 0 accounts called nowhere."),
    ],
)
def test_what_is_wrong_with_an_intent_is_one_sentence_that_names_the_option(
    anns: Of, options: str, code: str, sentence: str
) -> None:
    answered = anns("intent", "open", "BTC", "buy", "--size", "0.01", *options.split())

    assert answered.returncode == Exit.REFUSED, answered.stdout + answered.stderr
    assert sentence in answered.stderr
    assert f"[{code}]" in answered.stderr
    assert answered.stderr.strip().count("\n") == 0


def test_an_agent_is_made_as_it_was_asked_for(anns: Of, ann: Api) -> None:
    asked = "agent create trend btc kPEPE --name mine --every 15m --interval 1h --profile conservative --set fast=8"
    asked += (
        " --set eager=true --limit max_leverage=3 --limit cool_down_seconds=4h --limit allowed_coins=btc,kPEPE --json"
    )
    made = answer_of(anns(*asked.split()))

    shown = ann.get(f"/api/agents/{made['id']}").json()
    assert shown == made
    assert (shown["name"], shown["adviser"], shown["coins"]) == ("mine", "trend", ["BTC", "kPEPE"])
    assert (shown["cycle_seconds"], shown["interval"], shown["mode"]) == ("900", "1h", "simulate")
    assert shown["settings"] == {"fast": "8", "eager": "true"}
    limits = shown["limits"]
    assert (limits["max_leverage"], limits["max_open_positions"]) == (3, 3)
    assert (limits["allowed_coins"], shown["risk_profile"]) == (["BTC", "kPEPE"], "custom")
    assert not shown["active"]


def test_an_agent_is_made_and_started_by_one_command_and_once_by_its_key(anns: Of, ann: Api) -> None:
    asked = ("agent", "create", "trend", "ETH", "--name", "twice", "--start", "--key", "mine-1", "--json")
    first, second = answer_of(anns(*asked)), answer_of(anns(*asked))

    assert (first["id"], first["status"]) == (second["id"], "running")
    assert [row["name"] for row in ann.get("/api/agents").json()["items"]] == ["twice"]
    assert answer_of(anns("agent", "status", "twice", "--json"))["status"] == "running"
    anns("agent", "stop", "twice")
    wait_for(lambda: ann.get("/api/agent/status").json()["source"] == "database")


def test_an_agent_is_changed_where_something_is_given_and_deleted(anns: Of, ann: Api) -> None:
    asked = "agent create trend BTC ETH --name mine --set fast=8 --set adx_min=15 --limit max_leverage=2"
    before = answer_of(anns(*asked.split(), "--json"))
    more = (
        "agent change mine --name ours --every 1h --coin sol --set fast=7 --set adx_min= --limit daily_loss=2% --json"
    )
    after = answer_of(anns(*more.split()))

    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"name", "cycle_seconds", "coins", "settings", "limits"}
    assert (after["name"], after["cycle_seconds"], after["coins"]) == ("ours", "3600", ["SOL"])
    assert after["settings"] == {"fast": "7"}
    assert (after["limits"]["max_leverage"], after["limits"]["daily_loss"]) == (2, "0.02")
    assert "Repeat it with --yes." in anns("agent", "change", "ours", "--mode", "live").stderr
    assert answer_of(anns("agent", "change", "ours", "--mode", "live", "--yes", "--json"))["mode"] == "live"
    nothing = anns("agent", "change", "ours")
    assert "send at least one field to change" in nothing.stderr
    assert answer_of(anns("agent", "delete", "ours", "--json")) == {"deleted": before["id"]}
    assert ann.get("/api/agents").json()["items"] == []


def test_an_agent_without_a_cycle_has_decided_nothing(anns: Of) -> None:
    anns("agent", "create", "trend", "BTC", "--name", "idle")
    assert anns("agent", "decisions", "idle").stdout == "It has decided nothing yet.\n"
    assert anns("agent", "decisions", "idle", "--json").stdout.strip() == "[]"


def test_going_live_needs_a_yes(anns: Of, ann: Api) -> None:
    refused = anns("agent", "create", "trend", "ETH", "--mode", "live")
    assert refused.returncode == Exit.REFUSED
    assert "Repeat it with --yes. [confirmation_required]" in refused.stderr
    assert ann.get("/api/agents").json()["items"] == []
    assert answer_of(anns("agent", "create", "trend", "ETH", "--mode", "live", "--yes", "--json"))["mode"] == "live"


def test_an_agent_that_cannot_start_is_made_and_the_sentence_says_so(anns: Of, ann: Api) -> None:
    account = ann.get("/api/accounts").json()["items"][0]["id"]
    agent = answer_of(anns("agent", "create", "trend", "ETH", "--key", "k", "--json"))["id"]
    ann.post("/admin/emergency-halt", {"scope": "agent", "key": agent})
    answered = anns("agent", "create", "trend", "ETH", "--key", "k", "--start")
    ann.post("/admin/release", {"scope": "agent", "key": agent})

    assert account
    assert answered.returncode == Exit.REFUSED
    assert f"Agent {agent} is made but not started: An administrator has halted" in answered.stderr


@pytest.mark.parametrize(
    ("options", "code", "exit_code", "sentence"),
    [
        ("oracle BTC", "adviser_unknown", Exit.REFUSED, "there are mean_reversion, trend"),
        ("trend BTC --set fats=8", "adviser_setting", Exit.REFUSED, "'fats' is no setting of this adviser"),
        ("trend BTC --set fast=x", "adviser_setting", Exit.REFUSED, "Correct it with --set."),
        ("trend BTC --set fast", "bad_option", Exit.USAGE, "--set fast is no NAME=VALUE."),
        ("trend BTC --set fast=1 --set fast=2", "bad_option", Exit.USAGE, "--set fast is given twice."),
        ("trend BTC --limit max_leverage=x", "invalid_request", Exit.REFUSED, "--limit max_leverage: Input should be"),
        ("trend BTC --limit max_lever=3", "invalid_request", Exit.REFUSED, "--limit max_lever: Extra inputs"),
        ("trend BTC --mode paper", "invalid_request", Exit.REFUSED, "--mode: Input should be 'simulate' or 'live'"),
        ("trend BTC --every 2d", "invalid_request", Exit.REFUSED, "--every: Input should be less than or equal"),
        ("trend BTC --interval 7m", "invalid_request", Exit.REFUSED, "--interval: "),
        ("trend BTC --profile wild", "invalid_request", Exit.REFUSED, "--profile: Input should be"),
        ("trend B!", "invalid_request", Exit.REFUSED, "COINS: String should match"),
    ],
)
def test_what_is_wrong_with_an_agent_is_one_sentence_that_names_the_option(
    anns: Of, ann: Api, options: str, code: str, exit_code: Exit, sentence: str
) -> None:
    answered = anns("agent", "create", *options.split())

    assert answered.returncode == exit_code, answered.stdout + answered.stderr
    assert sentence in answered.stderr
    assert f"[{code}]" in answered.stderr
    assert answered.stderr.strip().count("\n") == 0
    assert ann.get("/api/agents").json()["items"] == []


def test_with_two_accounts_the_sentence_names_them_and_a_name_is_enough(anns: Of, ann: Api) -> None:
    second = {"network": "paper", "address": random_address(), "name": "second"}
    assert ann.post("/api/accounts", second).status_code == 201
    answered = anns("agent", "create", "trend", "BTC")
    assert "Say which one with --account: " in answered.stderr
    made = answer_of(anns("agent", "create", "trend", "BTC", "--account", "second", "--json"))
    assert made["account_id"] == ann.get("/api/accounts").json()["items"][1]["id"]


def test_the_limits_that_are_whole_numbers_are_known_to_the_command() -> None:
    fields = LimitsBody.model_json_schema()["properties"]
    whole = {name for name, field in fields.items() if field["anyOf"][0]["type"] == "integer"}
    assert whole == COUNTS
