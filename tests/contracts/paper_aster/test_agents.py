"""Agents of a wallet: who approves them, what they may do, how long (reference 2.1)."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from eth_account import Account

from tests.contracts.paper_aster.wallets import DAY_MS, Main
from tests.contracts.paper_fapi.trader import now_ms
from tests.contracts.rigs.server import PaperServer

NO_AGENT = (400, -1000, "No agent found")


@pytest.fixture
def main(server: PaperServer) -> Iterator[Main]:
    made = Main(server)
    yield made
    made.close()


@pytest.fixture
def stranger(server: PaperServer) -> Iterator[Main]:
    made = Main(server)
    yield made
    made.close()


def test_an_agent_that_the_wallet_approved_trades_for_the_wallet(main: Main) -> None:
    agent, answer = main.agent()
    assert answer.ok == {"code": 200, "msg": "success"}
    assert agent.market().ok["status"] == "FILLED"
    assert main.trader.amount() == Decimal("0.010")


def test_the_wallet_signs_orders_itself_as_well(main: Main) -> None:
    assert main.trader.order().ok["status"] == "NEW"


def test_nobody_approves_an_agent_for_a_strange_wallet(main: Main, stranger: Main) -> None:
    stranger.name = main.name
    agent, answer = stranger.agent()
    assert answer.code == -1022
    assert agent.order().refusal == NO_AGENT


def test_an_agent_cannot_approve_another(main: Main) -> None:
    agent, _ = main.agent()
    other = str(Account.create().address)
    answer = agent.post("approveAgent", agentName="two", agentAddress=other, expired=now_ms() + DAY_MS)
    assert answer.code == -1022


def test_a_key_that_is_no_agent_is_refused(main: Main, stranger: Main) -> None:
    stranger.trader.name = main.name
    assert stranger.trader.order().refusal == NO_AGENT


def test_an_agent_without_the_right_reads_and_does_not_trade(main: Main) -> None:
    agent, _ = main.agent(canPerpTrade=False)
    assert agent.get("openOrders", symbol="BTCUSDT").ok == []
    assert agent.order().code == -2015


def test_an_agent_bound_to_another_address_is_refused(main: Main) -> None:
    agent, _ = main.agent(ipWhitelist="203.0.113.7")
    assert agent.order().code == -2015


def test_an_agent_ends_at_its_time(main: Main) -> None:
    agent, _ = main.agent(expired=now_ms() + DAY_MS)
    assert agent.order().status == 200
    main.server.post("settings", clock_offset_ms=2 * DAY_MS)
    agent.offset_ms = 2 * DAY_MS
    assert agent.order().code == -2015


def test_an_agent_that_has_ended_is_not_approved(main: Main) -> None:
    assert main.agent(expired=now_ms() - 1)[1].code == -1130


def test_an_agent_that_may_withdraw_needs_a_list_of_addresses(main: Main) -> None:
    assert main.agent(canWithdraw=True)[1].code == -1102
    assert main.agent(canWithdraw=True, ipWhitelist="127.0.0.1")[1].status == 200


def test_agents_are_listed_with_their_rights(main: Main) -> None:
    agent, _ = main.agent()
    (row,) = agent.get("agent").ok
    assert (row["agentAddress"].lower(), row["canPerpTrade"], row["canWithdraw"]) == (agent.key.lower(), True, False)


def test_an_agent_that_was_dropped_trades_no_more(main: Main) -> None:
    agent, _ = main.agent()
    assert main.say("DELETE", "agent", "DelAgent", agentAddress=agent.key).status == 200
    assert agent.order().refusal == NO_AGENT


def test_the_rights_of_an_agent_are_changed(main: Main) -> None:
    agent, _ = main.agent()
    changed = main.say("POST", "updateAgent", "UpdateAgent", agentAddress=agent.key, canPerpTrade=False)
    assert changed.status == 200
    assert agent.order().code == -2015


def test_an_approval_with_words_in_place_of_numbers_is_refused(main: Main) -> None:
    answer = main.trader.post(
        "approveAgent", agentAddress=main.name, agentName="x", expired="soon", signatureChainId="x"
    )
    assert answer.status == 400


def test_agents_survive_a_restart(main: Main) -> None:
    agent, _ = main.agent()
    main.server.restart()
    assert agent.order().status == 200
