"""Requests signed by wallets: EIP-712, nonces in microseconds, agents and their rights (reference/venues.md 2.1)."""

from urllib.parse import urlencode

import pytest
from eth_account import Account

from tests.contracts.paper_fapi.trader import (
    MAIN_NETWORK,
    SYMBOL,
    TEST_NETWORK,
    Trader,
    WalletTrader,
    key_trader,
    now_ms,
    wallet_signature,
)
from tests.contracts.rigs.server import PaperServer

BAD_SIGNATURE = (400, -1022, "Signature for this request is not valid.")
EXPIRED = (400, -4225, "Nonce Expired")


@pytest.fixture
def wallet(trader: Trader) -> WalletTrader:
    """A wallet and its agent."""
    assert isinstance(trader, WalletTrader)
    return trader


@pytest.mark.parametrize("chain_id", [MAIN_NETWORK, TEST_NETWORK])
def test_a_signature_for_the_main_or_the_test_network_is_taken(wallet: WalletTrader, chain_id: int):
    wallet.chain_id = chain_id
    assert wallet.order().ok["status"] == "NEW"


def test_a_signature_for_another_chain_is_refused(wallet: WalletTrader):
    wallet.chain_id = 1
    assert wallet.order().refusal == BAD_SIGNATURE


def test_a_request_that_was_changed_on_its_way_is_refused(wallet: WalletTrader):
    form = wallet.signed_form(wallet.terms())
    assert wallet.send("POST", "order", form.replace("0.010", "0.020")).refusal == BAD_SIGNATURE
    assert wallet.open_ids() == []


@pytest.mark.parametrize("signature", ["0x", "0x" + 130 * "0", 130 * "f", "none"])
def test_what_is_no_signature_is_refused(wallet: WalletTrader, signature: str):
    text = wallet.signed_form(wallet.terms()).split("&signature=")[0]
    assert wallet.send("POST", "order", f"{text}&signature={signature}").refusal == BAD_SIGNATURE


@pytest.mark.parametrize("name", ["nonce", "signer", "signature"])
def test_a_request_without_one_of_its_marks_is_refused(wallet: WalletTrader, name: str):
    pairs = [pair for pair in wallet.signed_form(wallet.terms()).split("&") if not pair.startswith(f"{name}=")]
    words = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    assert wallet.send("POST", "order", "&".join(pairs)).refusal == (400, -1102, words)


def test_the_user_may_be_left_out_where_an_agent_signs(wallet: WalletTrader):
    text = urlencode(wallet.terms() | {"nonce": wallet.nonce(), "signer": wallet.key})
    form = f"{text}&signature={wallet_signature(wallet.secret, text)}"
    assert wallet.send("POST", "order", form).ok["status"] == "NEW"
    assert len(wallet.open_ids()) == 1


def test_a_stranger_may_not_act_for_a_wallet(wallet: WalletTrader):
    stranger = Account.create()
    text = urlencode(wallet.terms() | {"nonce": wallet.nonce(), "user": wallet.name, "signer": stranger.address})
    form = f"{text}&signature={wallet_signature('0x' + bytes(stranger.key).hex(), text)}"
    assert wallet.send("POST", "order", form).refusal == (400, -1000, "No agent found")


def test_a_nonce_is_good_once_and_a_retry_needs_a_new_one(wallet: WalletTrader):
    form = wallet.signed_form(wallet.terms())
    assert wallet.send("POST", "order", form).status == 200
    assert wallet.send("POST", "order", form).refusal == EXPIRED
    assert wallet.order().status == 200
    assert len(wallet.open_ids()) == 2


@pytest.mark.parametrize("seconds", [-11, 11])
def test_a_nonce_far_from_the_venues_clock_is_refused(wallet: WalletTrader, seconds: int):
    assert wallet.order(nonce=(now_ms() + seconds * 1000) * 1000).refusal == EXPIRED


@pytest.mark.parametrize("seconds", [-9, 9])
def test_a_nonce_within_ten_seconds_of_the_venues_clock_is_taken(wallet: WalletTrader, seconds: int):
    assert wallet.order(nonce=(now_ms() + seconds * 1000) * 1000).status == 200


def test_nonces_need_not_come_in_order_until_a_hundred_newer_ones_are_known(wallet: WalletTrader):
    base = now_ms() * 1000
    assert wallet.get("openOrders", nonce=base + 500).status == 200
    assert wallet.get("openOrders", nonce=base + 400).status == 200
    for place in range(100):
        assert wallet.get("openOrders", nonce=base + 1000 + place).status == 200
    assert wallet.get("openOrders", nonce=base + 600).refusal == EXPIRED
    assert wallet.get("openOrders", nonce=base + 2000).status == 200


def test_a_refused_order_uses_its_nonce_up(wallet: WalletTrader):
    nonce = wallet.nonce()
    assert wallet.order(nonce=nonce, price="97000.05").code == -4014
    assert wallet.order(nonce=nonce).refusal == EXPIRED


def test_an_empty_request_uses_a_nonce_up(wallet: WalletTrader):
    nonce = wallet.nonce()
    assert wallet.post("noop", nonce=nonce).ok == {"code": 200, "msg": "success"}
    assert wallet.order(nonce=nonce).refusal == EXPIRED
    assert wallet.open_ids() == []


def test_an_agent_without_the_right_reads_and_does_not_trade(wallet: WalletTrader):
    wallet.account(signer=wallet.key, permissions={"trade": False, "withdraw": False})
    assert wallet.get("openOrders").ok == []
    assert wallet.order().refusal[:2] == (401, -2015)


def test_an_agent_whose_time_is_over_or_who_is_elsewhere_is_refused(wallet: WalletTrader):
    wallet.account(signer=wallet.key, expires_ms=now_ms() - 1000)
    assert wallet.get("openOrders").refusal[:2] == (401, -2015)
    wallet.account(signer=wallet.key, ip_list=["203.0.113.9"])
    assert wallet.get("openOrders").refusal[:2] == (401, -2015)


def test_old_keys_keep_working_beside_wallets(server: PaperServer):
    keyed = key_trader(server)
    placed = keyed.order().ok["orderId"]
    assert keyed.open_ids() == [placed]
    assert keyed.send("POST", "/fapi/v3/order", keyed.signed_form(keyed.terms())).code == -1102
    keyed.close()


class MainWallet(WalletTrader):
    """A wallet that signs with its own key."""


@pytest.fixture
def main(server: PaperServer):
    """A wallet with money that has approved nobody yet."""
    account = Account.create()
    name = str(account.address).lower()
    server.post("deposit", user=name, amount="100000")
    made = MainWallet(server, name, str(account.address), "0x" + bytes(account.key).hex(), "v3")
    yield made
    made.close()


def approval(agent: str, **changes: object) -> dict[str, object]:
    """What a wallet says of an agent that may trade for an hour."""
    terms: dict[str, object] = {"agentName": "bot", "agentAddress": agent, "ipWhitelist": ""}
    rights = {"canSpotTrade": "false", "canPerpTrade": "true", "canWithdraw": "false"}
    return terms | {"expired": now_ms() + 3_600_000} | rights | changes


def of_agent(main: MainWallet, secret: str, address: str) -> WalletTrader:
    return WalletTrader(main.server, main.name, address, secret, "v3")


def test_a_wallet_approves_lists_changes_and_drops_an_agent(main: MainWallet):
    key = Account.create()
    agent = of_agent(main, "0x" + bytes(key.key).hex(), str(key.address))
    assert agent.order().refusal == (400, -1000, "No agent found")
    assert main.post("approveAgent", **approval(agent.key)).ok["code"] == 200
    (row,) = main.get("agent").ok
    assert (row["agentName"], row["agentAddress"], row["canPerpTrade"]) == ("bot", agent.key.lower(), True)
    assert agent.order().ok["status"] == "NEW"
    assert main.post("updateAgent", agentAddress=agent.key, canPerpTrade="false").ok["code"] == 200
    assert agent.order().refusal[:2] == (401, -2015)
    assert main.delete("agent", agentAddress=agent.key).ok["code"] == 200
    assert agent.get("openOrders").refusal == (400, -1000, "No agent found")
    assert len(main.open_ids()) == 1
    agent.close()


def test_agents_are_approved_by_the_main_key_alone(wallet: WalletTrader):
    other = str(Account.create().address)
    assert wallet.post("approveAgent", **approval(other)).refusal == BAD_SIGNATURE


def test_an_agent_that_may_withdraw_needs_addresses_and_all_need_a_future(main: MainWallet):
    agent = str(Account.create().address)
    assert main.post("approveAgent", **approval(agent, canWithdraw="true")).code == -1102
    assert main.post("approveAgent", **approval(agent, expired=now_ms() - 1)).code == -1130
    allowed = approval(agent, canWithdraw="true", ipWhitelist="127.0.0.1")
    assert main.post("approveAgent", **allowed).ok["code"] == 200
    assert [row["canWithdraw"] for row in main.get("agent").ok] == [True]
    assert main.get("openOrders", symbol=SYMBOL).ok == []
