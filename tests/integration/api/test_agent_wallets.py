"""`holdfast account key` at Hyperliquid: the key that trades stays until the venue has confirmed the one that follows it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hyperliquid.exchange import Exchange

from commands import approvals
from commands.approvals import store
from commands.client import Api as Calls
from commands.exits import CommandFailed, Exit
from runtime.ports import free_port
from tests.integration.api.conftest import Api, Served
from tests.stack.command_line import Answered, Holdfast, command_line
from tests.stack.paper import ROOT, Paper
from venues.base import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A user with one account, whose master has money and its key here."""

    api: Api
    paper: Paper
    master: Any
    account: str
    holdfast: Holdfast

    def key(self, *options: str, **settings: str) -> Answered:
        """Run `account key` of the account."""
        return self.holdfast("account", "key", self.account, *options, **self.access, **settings)

    @property
    def access(self) -> dict[str, str]:
        """Where the API and the venue are."""
        return {
            "HOLDFAST_API_URL": self.api.base_url,
            "HOLDFAST_API_KEY": self.api.key,
            "HYPERLIQUID_URL": self.paper.url,
        }

    @property
    def stored(self) -> str | None:
        """The address of the agent wallet in use."""
        signer = self.api.get(f"/api/accounts/{self.account}").json()["signer"]
        return None if signer is None else str(signer["address"])

    @property
    def approved(self) -> set[str]:
        """The agents that the venue has."""
        listed = self.paper.info(type="extraAgents", user=self.master.address)
        return {str(agent["address"]).lower() for agent in listed}

    @property
    def link(self) -> str:
        """What the venue says of the wallet in use."""
        return str(self.api.get(f"/api/accounts/{self.account}/link").json()["code"])


@pytest.fixture
def desk(
    served: Served, paper: Paper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    api, master = served.user("ann"), Account.create()
    paper.post("deposit", user=master.address, usdc="1000")
    added = api.post("/api/accounts", {"network": "paper", "address": master.address, "name": "mine"})
    return Desk(
        api=api,
        paper=paper,
        master=master,
        account=added.json()["id"],
        holdfast=command_line(tmp_path, monkeypatch, capsys),
    )


def secret_of(wallet: Any) -> str:
    return "0x" + bytes(wallet.key).hex()


def test_a_wallet_that_the_master_approves_here_is_stored_and_may_trade(desk: Desk) -> None:
    answer = desk.key("--send", "--json", HOLDFAST_MASTER_WALLET_KEY=secret_of(desk.master))

    assert answer.returncode == Exit.DONE, answer.stderr
    made = json.loads(answer.stdout)
    assert desk.stored == made["agent"].lower()
    assert (desk.approved, desk.link) == ({desk.stored}, "ok")


def test_the_key_of_another_master_is_refused_before_anything_is_sent(desk: Desk) -> None:
    other = Account.create()
    desk.paper.post("deposit", user=other.address, usdc="1000")
    answer = desk.key("--send", "--wait", "3", HOLDFAST_MASTER_WALLET_KEY=secret_of(other))

    assert (answer.returncode, desk.stored, desk.approved) == (Exit.NO, None, set())
    assert (
        f"The key is that of {other.address}, the account's master is {desk.master.address.lower()}." in answer.stderr
    )
    assert "[not_the_master]" in answer.stderr
    assert desk.paper.info(type="extraAgents", user=other.address) == []


def test_an_approved_wallet_is_stored_as_it_is(desk: Desk) -> None:
    key = Exchange(desk.master, desk.paper.url).approve_agent("bot")[1]
    answer = desk.key("--existing", "--json", HOLDFAST_AGENT_WALLET_KEY=key)

    assert answer.returncode == Exit.DONE, answer.stderr
    agent = Account.from_key(key).address
    assert json.loads(answer.stdout) == {"agent": agent, "approved": True, "stored": True}
    assert (desk.stored, desk.link) == (agent.lower(), "ok")


def test_an_existing_wallet_that_is_not_approved_is_not_stored(desk: Desk) -> None:
    answer = desk.key("--existing", HOLDFAST_AGENT_WALLET_KEY=secret_of(Account.create()))

    assert (answer.returncode, desk.stored) == (Exit.NO, None)
    assert "sign its approval as the master. [agent_not_approved]" in answer.stderr


def test_without_an_approval_nothing_is_stored_and_the_key_in_use_trades_on(desk: Desk) -> None:
    desk.key("--send", HOLDFAST_MASTER_WALLET_KEY=secret_of(desk.master))
    before = desk.stored
    answer = desk.key("--wait", "1", "--wallet", "second")

    assert answer.returncode == Exit.NO
    assert "nothing was stored. Run `holdfast account key` again" in answer.stderr
    assert (desk.stored, desk.link) == (before, "ok")
    assert f"for {desk.master.address.lower()} within 1 s: sign the data above" in " ".join(answer.stdout.split())


def test_the_api_too_keeps_a_key_in_use_until_the_next_one_is_approved(desk: Desk) -> None:
    desk.key("--send", HOLDFAST_MASTER_WALLET_KEY=secret_of(desk.master))
    before, stranger = desk.stored, Account.create()
    path = f"/api/accounts/{desk.account}"
    refused = desk.api.patch(path, {"agent_key": secret_of(stranger)})

    assert (refused.status_code, desk.api.code(refused)) == (422, "agent_not_approved")
    assert desk.stored == before
    key = Exchange(desk.master, desk.paper.url).approve_agent("next")[1]
    assert desk.api.patch(path, {"agent_key": key}).status_code == 200
    assert desk.stored == Account.from_key(key).address.lower()


@contextmanager
def waiting(desk: Desk, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the command in a process of its own, with a standard input on which something may come."""
    command = [sys.executable, str(ROOT / "cli.py"), "account", "key", "mine", "--wait", "40", "--json"]
    given = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "HOLDFAST_HOME": str(folder / "home"), **desk.access}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=given, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def data_to_sign(stream: IO[str]) -> dict[str, Any]:
    """Read what the command wants signed: one JSON document over several lines."""
    text = ""
    for line in stream:
        text += line
        if line == "}\n":
            break
    data: dict[str, Any] = json.loads(text)
    return data


def signature_of(wallet: Any, data: dict[str, Any]) -> str:
    return "0x" + bytes(wallet.sign_message(encode_typed_data(full_message=data)).signature).hex()


def test_a_signature_from_another_wallet_is_pasted_and_sent(desk: Desk, tmp_path: Path) -> None:
    with waiting(desk, tmp_path) as process:
        assert process.stderr is not None
        data = data_to_sign(process.stderr)
        assert desk.stored is None
        output, errors = process.communicate(signature_of(desk.master, data) + "\n", timeout=40)

    assert process.returncode == Exit.DONE, errors
    assert json.loads(output)["agent"].lower() == data["message"]["agentAddress"].lower() == desk.stored
    assert desk.link == "ok"


def test_the_signature_of_a_stranger_is_what_the_venue_says_of_it(desk: Desk, tmp_path: Path) -> None:
    with waiting(desk, tmp_path) as process:
        assert process.stderr is not None
        data = data_to_sign(process.stderr)
        output, _ = process.communicate(signature_of(Account.create(), data) + "\n", timeout=40)

    assert process.returncode == Exit.REFUSED
    assert "Must deposit before performing actions" in json.loads(output)["error"]["message"]
    assert desk.stored is None


def test_an_approval_that_comes_elsewhere_is_seen_without_a_word(desk: Desk, tmp_path: Path) -> None:
    with waiting(desk, tmp_path) as process:
        assert process.stderr is not None
        data = data_to_sign(process.stderr)
        message = data["message"]
        signed = desk.master.sign_message(encode_typed_data(full_message=data))
        Exchange(desk.master, desk.paper.url)._post_action(
            {"type": "approveAgent", "signatureChainId": "0x66eee", **message},
            {"r": hex(signed.r), "s": hex(signed.s), "v": signed.v},
            message["nonce"],
        )
        output, errors = process.communicate("", timeout=40)

    assert process.returncode == Exit.DONE, errors
    assert json.loads(output)["stored"] is True
    assert desk.stored == message["agentAddress"].lower()


def test_a_lost_answer_to_the_storing_is_not_an_error(desk: Desk) -> None:
    wallet = Account.create()
    agent, calls = SigningKey(address=wallet.address, secret=secret_of(wallet)), Calls(desk.api.base_url, desk.api.key)
    store(calls, desk.account, agent, "holdfast")
    store(calls, desk.account, agent, "holdfast")
    assert desk.stored == wallet.address.lower()


def test_a_wallet_that_could_not_be_stored_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "STORE_WITHIN", timedelta(0))
    wallet = Account.create()
    agent = SigningKey(address=wallet.address, secret=secret_of(wallet))
    with pytest.raises(CommandFailed) as caught:
        store(Calls(f"http://127.0.0.1:{free_port()}", "key"), "account", agent, "holdfast")
    assert (caught.value.code, caught.value.exit_code) == ("key_not_stored", Exit.UNAVAILABLE)
    assert wallet.address in str(caught.value)
