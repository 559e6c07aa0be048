"""Sub-accounts and vaults, with the official SDK where it has the call."""

from decimal import Decimal
from typing import Any

import pytest
from hyperliquid.exchange import Exchange
from hyperliquid.utils.signing import get_timestamp_ms, sign_l1_action

from tests.contracts.paper_hyperliquid.conftest import Paper, Trader, make_trader

OK = {"status": "ok", "response": {"type": "default"}}


def act(trader: Trader, action: dict[str, Any]) -> dict[str, Any]:
    """Send what the SDK has no method for, signed with its functions."""
    nonce = get_timestamp_ms()
    signature = sign_l1_action(trader.master.wallet, action, None, nonce, None, False)
    body = {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None, "expiresAfter": None}
    answer: dict[str, Any] = trader.paper.call("/exchange", body)
    return answer


@pytest.fixture
def paper_without_volume(paper: Paper) -> Any:
    paper.control("settings", sub_account_volume=0)
    yield paper
    paper.control("settings", sub_account_volume=100000, vault_lockup_ms=86_400_000, vault_creation_fee=0)


@pytest.fixture
def owner(paper_without_volume: Paper) -> Trader:
    return make_trader(paper_without_volume)


def as_vault(trader: Trader, address: str, key: Any = None) -> Exchange:
    wallet = key or trader.sdk.wallet
    return Exchange(wallet, trader.paper.url, vault_address=address, account_address=trader.address, timeout=10)


def test_a_sub_account_is_for_those_who_traded_enough(trader: Trader) -> None:
    answer = trader.master.create_sub_account("one")
    text = "Cannot create sub-accounts until enough volume traded. Required: $100000. Traded: $0.00."
    assert answer == {"status": "err", "response": text}


def test_the_masters_agent_trades_for_a_sub_account(owner: Trader) -> None:
    assert owner.info.query_sub_accounts(owner.address) is None
    made = owner.master.create_sub_account("one")
    sub = made["response"]["data"]
    assert made == {"status": "ok", "response": {"type": "createSubAccount", "data": sub}}
    assert owner.master.sub_account_transfer(sub, True, 20_000_000_000) == OK
    filled = as_vault(owner, sub).market_open("BTC", True, 0.1)["response"]["data"]["statuses"][0]
    assert filled["filled"]["totalSz"] == "0.1"
    assert owner.szi() == "0.0"
    row = owner.info.query_sub_accounts(owner.address)[0]
    assert (row["name"], row["master"], row["subAccountUser"]) == ("one", owner.address, sub)
    assert row["clearinghouseState"]["assetPositions"][0]["position"]["szi"] == "0.1"
    assert owner.info.user_role(sub) == {"role": "subAccount", "data": {"master": owner.address}}
    assert [row["coin"] for row in owner.info.user_fills(sub)] == ["BTC"]
    deltas = [row["delta"] for row in owner.info.user_non_funding_ledger_updates(sub, 0)]
    wanted = {"type": "subAccountTransfer", "usdc": "20000.0", "user": owner.address, "destination": sub}
    assert deltas == [wanted]


def test_nobody_else_acts_for_a_sub_account(owner: Trader) -> None:
    sub = owner.master.create_sub_account("one")["response"]["data"]
    stranger = make_trader(owner.paper)
    answer = as_vault(stranger, sub).market_open("BTC", True, 0.1)
    assert answer == {"status": "err", "response": f"Vault not registered: {sub}"}
    moved = stranger.master.sub_account_transfer(sub, False, 1_000_000)
    assert moved["response"] == f"Invalid sub-account transfer from {stranger.address} to {sub}"


def test_own_address_as_vault_is_not_registered(trader: Trader) -> None:
    answer = as_vault(trader, trader.address).market_open("BTC", True, 0.1)
    assert answer == {"status": "err", "response": f"Vault not registered: {trader.address}"}


def test_there_are_ten_sub_accounts_at_most(owner: Trader) -> None:
    for number in range(10):
        assert owner.master.create_sub_account(f"n{number}")["status"] == "ok"
    assert owner.master.create_sub_account("more") == {"status": "err", "response": "Too many sub-accounts."}


def make_vault(trader: Trader, usd: int = 10_000_000_000) -> str:
    action = {"type": "createVault", "name": "v", "description": "d", "initialUsd": usd, "nonce": get_timestamp_ms()}
    answer = act(trader, action)
    assert answer["status"] == "ok", answer
    address: str = answer["response"]["data"]
    return address


def test_a_follower_shares_the_profit_and_pays_the_leader_a_tenth(paper_without_volume: Paper) -> None:
    paper = paper_without_volume
    paper.control("settings", vault_lockup_ms=0)
    leader, follower = make_trader(paper), make_trader(paper)
    vault = make_vault(leader)
    assert follower.master.vault_usd_transfer(vault, True, 10_000_000_000) == OK
    as_vault(leader, vault).market_open("BTC", True, 0.1)
    paper.control("price", coin="BTC", px="110000", freeze=True)
    equity = Decimal(follower.info.user_vault_equities(follower.address)[0]["equity"])
    # A tenth of a bitcoin gained 1,000 in which both halves share; fees and slippage are a few dollars.
    assert Decimal(10_490) < equity < Decimal(10_500)
    details = follower.info.post("/info", {"type": "vaultDetails", "vaultAddress": vault, "user": follower.address})
    assert (details["leader"], details["leaderCommission"]) == (leader.address, 0.1)
    assert [row["user"] for row in details["followers"]] == ["Leader", follower.address]
    assert details["followerState"]["vaultEquity"] == str(equity)
    before = Decimal(follower.info.user_state(follower.address)["withdrawable"])
    assert follower.master.vault_usd_transfer(vault, False, int(equity * 1_000_000)) == OK
    delta = follower.info.user_non_funding_ledger_updates(follower.address, 0)[-1]["delta"]
    assert (delta["type"], delta["vault"], delta["user"]) == ("vaultWithdraw", vault, follower.address)
    profit = equity - 10_000
    assert abs(Decimal(delta["commission"]) - profit / 10) < Decimal("0.01")
    after = Decimal(follower.info.user_state(follower.address)["withdrawable"])
    assert after - before == Decimal(delta["netWithdrawnUsd"])
    assert follower.info.user_vault_equities(follower.address) == []
    earned = leader.info.user_non_funding_ledger_updates(leader.address, 0)[-1]["delta"]
    assert (earned["type"], earned["usdc"]) == ("vaultLeaderCommission", delta["commission"])
    assert paper.call("/control/health")["balanced"] is True


def test_deposits_are_locked_for_a_day(paper_without_volume: Paper) -> None:
    leader, follower = make_trader(paper_without_volume), make_trader(paper_without_volume)
    vault = make_vault(leader)
    follower.master.vault_usd_transfer(vault, True, 100_000_000)
    answer = follower.master.vault_usd_transfer(vault, False, 50_000_000)
    assert answer == {"status": "err", "response": "Cannot withdraw during lockup period after depositing."}
    row = follower.info.user_vault_equities(follower.address)[0]
    assert row["lockedUntilTimestamp"] > get_timestamp_ms() + 86_000_000


def test_a_withdrawal_closes_positions_when_the_money_is_bound(paper_without_volume: Paper) -> None:
    paper = paper_without_volume
    paper.control("settings", vault_lockup_ms=0)
    leader, follower = make_trader(paper), make_trader(paper)
    vault = make_vault(leader)
    follower.master.vault_usd_transfer(vault, True, 10_000_000_000)
    trading = as_vault(leader, vault)
    trading.market_open("BTC", True, 3.0)
    trading.order("BTC", True, 0.1, 90000, {"limit": {"tif": "Gtc"}})
    assert follower.master.vault_usd_transfer(vault, False, 9_900_000_000) == OK
    state = leader.info.user_state(vault)
    assert Decimal("1.4") < Decimal(state["assetPositions"][0]["position"]["szi"]) < Decimal("1.6")
    statuses = [(row["order"]["orderType"], row["status"]) for row in leader.info.historical_orders(vault)]
    assert ("Vault Close", "filled") in statuses
    assert ("Limit", "vaultWithdrawalCanceled") in statuses


def test_the_leader_keeps_a_twentieth(paper_without_volume: Paper) -> None:
    leader, follower = make_trader(paper_without_volume), make_trader(paper_without_volume)
    vault = make_vault(leader, 1_000_000_000)
    answer = follower.master.vault_usd_transfer(vault, True, 20_000_000_000)
    assert answer["response"] == "Vault leader must hold at least 5% of the vault."
    assert follower.master.vault_usd_transfer(vault, True, 18_000_000_000) == OK


def test_a_vault_that_pays_everything_out_is_closed(paper_without_volume: Paper) -> None:
    leader, follower = make_trader(paper_without_volume), make_trader(paper_without_volume)
    vault = make_vault(leader)
    follower.master.vault_usd_transfer(vault, True, 10_000_000_000)
    assert act(leader, {"type": "vaultDistribute", "vaultAddress": vault, "usd": 2_000_000_000}) == OK
    assert follower.info.user_vault_equities(follower.address)[0]["equity"] == "9000.0"
    assert act(leader, {"type": "vaultDistribute", "vaultAddress": vault, "usd": 0}) == OK
    assert follower.info.post("/info", {"type": "vaultDetails", "vaultAddress": vault})["isClosed"] is True
    assert follower.info.user_state(follower.address)["withdrawable"] == "100000.0"
    answer = follower.master.vault_usd_transfer(vault, True, 100_000_000)
    assert answer["response"] == f"Vault not registered: {vault}"


def test_a_vault_address_cannot_itself_make_sub_accounts(owner: Trader) -> None:
    sub = owner.master.create_sub_account("one")["response"]["data"]
    action = {"type": "createSubAccount", "name": "two"}
    nonce = get_timestamp_ms()
    signature = sign_l1_action(owner.master.wallet, action, sub, nonce, None, False)
    body = {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": sub, "expiresAfter": None}
    assert owner.paper.call("/exchange", body)["response"] == "Vault may not perform this action."
