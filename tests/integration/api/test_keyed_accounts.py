"""Accounts at Binance and AsterDEX over the API: a key is checked with the venue before anything of it is stored."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from sqlalchemy import text

from domain.errors import Refused
from runtime.loading import load_settings
from runtime.postgres import Postgres
from runtime.secrets import KeyRing
from storage.postgres.engine import transaction
from tests.integration.api.conftest import Api, Served, Temporal, environment_of, serving
from tests.stack.paper import ROOT, Paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """An API that serves paper exchanges of Binance and AsterDEX."""

    served: Served
    binance: Paper
    aster: Paper


@pytest.fixture(scope="module")
def desk(
    postgres: Postgres,
    migrated_template: str,
    temporal: Temporal,
    keys: KeyRing,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Desk]:
    """One for all tests of the module."""
    folder = tmp_path_factory.mktemp("keyed")
    url = postgres.create_database(f"keyed_{secrets.token_hex(6)}", template=migrated_template)
    with Paper(folder / "binance", venue="binance") as binance, Paper(folder / "aster", venue="aster") as aster:
        given = environment_of(Path(folder), temporal.address, temporal.namespace)
        given |= {"BINANCE_URL": binance.url, "ASTER_URL": aster.url}
        for served in serving(load_settings(given, env_file=None), url, keys):
            yield Desk(served=served, binance=binance, aster=aster)


@pytest.fixture
def ann(desk: Desk) -> Api:
    """A user without an account."""
    return desk.served.user("ann")


def binance_key(desk: Desk, **account: Any) -> dict[str, str]:
    """Make a user at Binance; returns the key as the API takes it."""
    made = desk.binance.post("account", user=f"user-{secrets.token_hex(6)}", **account)
    return {"api_key": made["api_key"], "api_secret": made["api_secret"]}


def body_of(key: dict[str, str], **changes: str) -> dict[str, str]:
    """A new account at Binance."""
    return {"venue": "binance", "network": "paper", **key, **changes}


def everything_stored(desk: Desk) -> str:
    """Every row of every table, as text."""
    with transaction(desk.served.engine) as connection:
        names = list(connection.scalars(text("select tablename from pg_tables where schemaname = 'public'")))
        rows = [str(row) for name in names for row in connection.execute(text(f'select t::text from "{name}" t'))]
    return "\n".join(rows)


def test_an_api_key_names_its_account_and_its_secret_is_seen_nowhere(desk: Desk, ann: Api, logged: list[Any]) -> None:
    key = binance_key(desk)
    added = ann.post("/api/accounts", body_of(key))

    assert added.status_code == 201, added.text
    account = added.json()
    assert account["address"].startswith("binance:")
    link = ann.get(f"/api/accounts/{account['id']}/link")
    assert (link.json()["ok"], link.json()["code"]) == (True, "ok")
    shown = added.text + link.text + ann.get("/api/accounts").text + str(logged)
    assert key["api_secret"] not in shown + everything_stored(desk)
    assert key["api_key"] not in shown


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"position_mode": "hedge"}, "wrong_position_mode"),
        ({"permissions": {"trade": True, "withdraw": True}}, "key_can_withdraw"),
        ({"permissions": {"trade": True, "futures": False}}, "futures_not_enabled"),
    ],
)
def test_a_key_that_does_not_fit_is_refused_in_a_sentence_and_nothing_is_stored(
    desk: Desk, ann: Api, fault: dict[str, Any], code: str
) -> None:
    key = binance_key(desk, **fault)
    answer = ann.post("/api/accounts", body_of(key))

    assert (answer.status_code, ann.code(answer)) == (422, code), answer.text
    assert answer.json()["error"]["message"].endswith((".", ")"))
    assert ann.get("/api/accounts").json()["items"] == []
    assert key["api_secret"] not in answer.text + everything_stored(desk)
    assert key["api_key"] not in everything_stored(desk)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"api_secret": "f" * 64}, "key_refused"),
        ({"api_key": "e" * 64}, "key_refused"),
        ({"api_secret": "not a secret 5ecret"}, "key_malformed"),
    ],
)
def test_a_wrong_key_is_told_and_not_quoted_back(
    desk: Desk, ann: Api, logged: list[Any], changes: dict[str, str], code: str
) -> None:
    answer = ann.post("/api/accounts", body_of(binance_key(desk), **changes))

    assert (answer.status_code, ann.code(answer)) == (422, code), answer.text
    for value in changes.values():
        assert value not in answer.text + str(logged)
    assert ann.get("/api/accounts").json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"venue": "binance", "network": "paper"},
        {"venue": "binance", "network": "paper", "api_key": "a" * 64},
        {"venue": "binance", "network": "paper", "address": "0x" + "1" * 40, "agent_key": "0x" + "1" * 64},
        {"venue": "aster", "network": "paper", "address": "0x" + "1" * 40},
        {"venue": "hyperliquid", "network": "paper", "api_key": "a" * 64, "api_secret": "b" * 64},
        {"venue": "kraken", "network": "paper", "api_key": "a" * 64, "api_secret": "b" * 64},
    ],
)
def test_each_venue_takes_its_own_kind_of_key(ann: Api, body: dict[str, str]) -> None:
    answer = ann.post("/api/accounts", body)
    assert (answer.status_code, ann.code(answer)) == (422, "invalid_request")


def test_a_wallets_agent_trades_for_its_main_wallet_at_aster(desk: Desk, ann: Api) -> None:
    agent, main = Account.create(), Account.create().address.lower()
    secret = "0x" + bytes(agent.key).hex()
    body = {"venue": "aster", "network": "paper", "address": main, "agent_key": secret}
    unknown = ann.post("/api/accounts", body)
    assert unknown.status_code == 422, unknown.text
    assert ann.get("/api/accounts").json()["items"] == []

    desk.aster.post("account", user=main, signer=agent.address.lower())
    added = ann.post("/api/accounts", body)
    assert added.status_code == 201, added.text
    assert (added.json()["address"], added.json()["signer"]["address"]) == (main, agent.address.lower())
    link = ann.get(f"/api/accounts/{added.json()['id']}/link").json()
    assert (link["ok"], link["code"]) == (True, "ok")
    assert secret[2:] not in added.text + everything_stored(desk)


def test_the_key_of_the_main_wallet_itself_is_refused(desk: Desk, ann: Api) -> None:
    """It could withdraw everything."""
    main = Account.create()
    body = {"venue": "aster", "network": "paper", "address": main.address, "agent_key": "0x" + bytes(main.key).hex()}
    answer = ann.post("/api/accounts", body)
    assert (answer.status_code, ann.code(answer)) == (422, "address_is_agent")


def test_a_new_key_has_to_be_of_the_same_account(desk: Desk, ann: Api) -> None:
    account = ann.post("/api/accounts", body_of(binance_key(desk))).json()["id"]
    other = ann.patch(f"/api/accounts/{account}", binance_key(desk))
    assert (other.status_code, ann.code(other)) == (422, "account_mismatch")
    wallet = ann.patch(f"/api/accounts/{account}", {"agent_key": "0x" + "1" * 64})
    assert (wallet.status_code, ann.code(wallet)) == (422, "wrong_key_kind")


def test_one_account_is_connected_once(desk: Desk, ann: Api) -> None:
    key = binance_key(desk)
    assert ann.post("/api/accounts", body_of(key)).status_code == 201
    again = ann.post("/api/accounts", body_of(key))
    assert (again.status_code, ann.code(again)) == (409, "account_exists")


def test_a_venue_that_does_not_answer_is_no_verdict_on_a_key(desk: Desk, ann: Api) -> None:
    desk.binance.fault("info", "http_500", rate=1)
    try:
        answer = ann.post("/api/accounts", body_of(binance_key(desk)))
    finally:
        desk.binance.clear_faults()
    assert answer.status_code == 503, answer.text
    assert ann.get("/api/accounts").json()["items"] == []


def test_the_command_line_adds_checks_and_rekeys_accounts(desk: Desk, ann: Api, tmp_path: Path) -> None:
    """Keys come by the environment or a prompt, never as arguments."""

    def holdfast(*arguments: str, **given: str) -> Any:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        access = {"HOLDFAST_HOME": str(tmp_path), "HOLDFAST_API_URL": ann.base_url, "HOLDFAST_API_KEY": ann.key}
        answer = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *arguments, "--json"],
            env=kept | access | given,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return json.loads(answer.stdout)

    key = binance_key(desk)
    given = {"HOLDFAST_VENUE_API_KEY": key["api_key"], "HOLDFAST_VENUE_API_SECRET": key["api_secret"]}
    first = holdfast("account", "add", "--venue", "binance", "--name", "mine", **given)
    assert (first["venue"], first["name"], first["address"][:8]) == ("binance", "mine", "binance:")
    assert holdfast("account", "check", first["id"])["code"] == "ok"

    agent, main = Account.create(), Account.create().address.lower()
    desk.aster.post("account", user=main, signer=agent.address.lower())
    wallet = {"HOLDFAST_AGENT_WALLET_KEY": bytes(agent.key).hex()}
    second = holdfast("account", "add", main, "--venue", "aster", **wallet)
    assert second["address"] == main

    other = Account.create()
    desk.aster.post("account", user=main, signer=other.address.lower())
    rekeyed = holdfast("account", "key", second["id"], HOLDFAST_AGENT_WALLET_KEY=bytes(other.key).hex())
    assert rekeyed["signer"]["address"] == other.address.lower()
    assert holdfast("account", "check", second["id"])["code"] == "ok"


def test_a_removed_account_is_connected_again_with_the_same_key(desk: Desk, ann: Api) -> None:
    """Binance users have one key for years; an agent's address is another matter."""
    key = binance_key(desk)
    account = ann.post("/api/accounts", body_of(key)).json()["id"]
    assert ann.delete(f"/api/accounts/{account}").status_code == 204
    assert ann.get(f"/api/accounts/{account}").json()["signer"] is None

    again = ann.patch(f"/api/accounts/{account}", {"active": True, **key})
    assert (again.status_code, again.json()["active"]) == (200, True), again.text
    assert ann.get(f"/api/accounts/{account}/link").json()["code"] == "ok"


def test_a_key_of_one_account_is_never_taken_for_another(desk: Desk, ann: Api) -> None:
    """Not even where the venue would not mind."""
    key = binance_key(desk)
    account = ann.post("/api/accounts", body_of(key)).json()["id"]
    parts, secret = desk.served.parts, key["api_secret"]
    user_id = ann.get("/api/auth/me").json()["user_id"]
    other = parts.accounts.add(user_id, venue="binance", network="paper", address="binance:other").ref
    with pytest.raises(Refused) as refusal:
        parts.signers.add(other.account_id, address=key["api_key"], secret=secret)
    assert refusal.value.code == "signer_used"
    assert ann.get(f"/api/accounts/{account}/link").json()["code"] == "ok"
