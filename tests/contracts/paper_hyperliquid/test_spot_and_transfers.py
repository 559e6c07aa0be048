"""Spot pairs, sending of tokens, agents' limits and accounts of several keys, with the official SDK."""

from decimal import Decimal
from typing import Any

from eth_account import Account
from hyperliquid.utils.signing import (
    USD_SEND_SIGN_TYPES,
    get_timestamp_ms,
    sign_multi_sig_l1_action_payload,
    sign_multi_sig_user_signed_action_payload,
)

from tests.contracts.paper_hyperliquid.conftest import Trader, make_trader

OK = {"status": "ok", "response": {"type": "default"}}
GTC = {"limit": {"tif": "Gtc"}}


def status(answer: dict[str, Any]) -> Any:
    assert answer["status"] == "ok", answer
    return answer["response"]["data"]["statuses"][0]


def balances(trader: Trader, user: str = "") -> dict[str, tuple[str, str]]:
    rows = trader.info.spot_user_state(user or trader.address)["balances"]
    return {row["coin"]: (row["total"], row["hold"]) for row in rows}


def ledger(trader: Trader, user: str = "") -> list[dict[str, Any]]:
    return [row["delta"] for row in trader.info.user_non_funding_ledger_updates(user or trader.address, 0)]


def test_the_sdk_knows_the_pairs_by_their_names(trader: Trader) -> None:
    assert trader.sdk.info.name_to_asset("PURR/USDC") == 10_000
    assert trader.sdk.info.name_to_asset("UBTC/USDC") == 10_142
    mids = trader.info.all_mids()
    assert mids["@142"] == trader.info.meta_and_asset_ctxs()[1][0]["oraclePx"]
    meta, contexts = trader.info.spot_meta_and_asset_ctxs()
    assert [row["name"] for row in meta["universe"]] == [row["coin"] for row in contexts]


def test_a_token_is_bought_and_sold_and_fees_come_from_what_is_received(trader: Trader) -> None:
    assert trader.master.usd_class_transfer(50_000, False) == OK
    bought = status(trader.sdk.market_open("UBTC/USDC", True, 0.01))["filled"]
    assert bought["totalSz"] == "0.01"
    total, hold = balances(trader)["UBTC"]
    assert (Decimal(total), hold) == (Decimal("0.01") * (1 - Decimal("0.0007")), "0.0")
    fill = trader.info.user_fills(trader.address)[0]
    assert (fill["dir"], fill["feeToken"], fill["fee"], fill["coin"]) == ("Buy", "UBTC", "0.000007", "@142")
    status(trader.sdk.market_open("UBTC/USDC", False, 0.005))
    fill = trader.info.user_fills(trader.address)[0]
    assert (fill["dir"], fill["feeToken"], fill["startPosition"]) == ("Sell", "USDC", "0.009993")
    assert trader.paper.call("/control/health")["balanced"] is True


def test_resting_spot_orders_hold_what_they_need(trader: Trader) -> None:
    trader.master.usd_class_transfer(1_000, False)
    oid = status(trader.sdk.order("PURR/USDC", True, 5000, 0.09, GTC))["resting"]["oid"]
    assert balances(trader)["USDC"] == ("1000.0", "450.0")
    assert status(trader.sdk.order("PURR/USDC", True, 7000, 0.09, GTC)) == {
        "error": "Insufficient spot balance asset=10000"
    }
    assert status(trader.sdk.order("PURR/USDC", False, 1000, 0.2, GTC)) == {
        "error": "Order price cannot be more than 80% away from the reference price asset=10000"
    }
    assert trader.master.usd_class_transfer(600, True)["response"] == "Insufficient balance for token transfer."
    assert status(trader.sdk.cancel("PURR/USDC", oid)) == "success"
    assert balances(trader)["USDC"] == ("1000.0", "0.0")
    small = status(trader.sdk.order("PURR/USDC", True, 50, 0.1, GTC))
    assert small == {"error": "Order must have minimum value of 10 USDC. asset=10000"}


def test_tokens_are_sent_and_a_new_account_costs_a_dollar(trader: Trader) -> None:
    trader.master.usd_class_transfer(1_000, False)
    new = Account.create().address.lower()
    assert trader.master.spot_transfer(100, new, "USDC:0x6d1e7cde6d1e7cde6d1e7cde6d1e7cde") == OK
    assert balances(trader)["USDC"] == ("899.0", "0.0")
    assert balances(trader, new)["USDC"] == ("100.0", "0.0")
    assert {row["type"] for row in ledger(trader, new)} == {"spotTransfer"}
    answer = trader.master.spot_transfer(5_000, new, "USDC")
    assert answer["response"] == "Insufficient balance for token transfer."
    assert trader.master.send_asset(trader.address, "spot", "", "USDC", 899.0) == OK
    delta = ledger(trader)[-1]
    assert (delta["type"], delta["sourceDex"], delta["destinationDex"]) == ("send", "spot", "")
    assert trader.info.user_state(trader.address)["withdrawable"] == "99899.0"


def test_an_agent_may_send_only_within_its_masters_own(trader: Trader) -> None:
    other = make_trader(trader.paper)
    nonce = get_timestamp_ms()
    action = {
        "type": "agentSendAsset",
        "destination": other.address,
        "sourceDex": "",
        "destinationDex": "spot",
        "token": "USDC",
        "amount": "5",
        "fromSubAccount": "",
        "nonce": nonce,
    }
    answer = l1(trader, action, nonce)
    assert answer["response"] == "Agent can only send asset to same user or their sub-accounts."
    own = action | {"destination": trader.address, "nonce": nonce + 1}
    assert l1(trader, own, nonce + 1) == OK
    assert balances(trader)["USDC"] == ("5.0", "0.0")


def l1(trader: Trader, action: dict[str, Any], nonce: int) -> Any:
    from hyperliquid.utils.signing import sign_l1_action

    signature = sign_l1_action(trader.sdk.wallet, action, None, nonce, None, False)
    body = {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None, "expiresAfter": None}
    return trader.paper.call("/exchange", body)


def test_sub_accounts_give_two_more_named_agents(trader: Trader) -> None:
    trader.paper.control("settings", sub_account_volume=0)
    try:
        for name in ("one", "two"):
            assert trader.master.approve_agent(name)[0]["status"] == "ok"
        full = trader.master.approve_agent("three")[0]["response"]
        assert full == "Too many extra agents for cumulative volume traded. Current limit is 3"
        trader.master.create_sub_account("s")
        for name in ("three", "four"):
            assert trader.master.approve_agent(name)[0]["status"] == "ok"
        assert trader.master.approve_agent("five")[0]["response"].endswith("Current limit is 5")
    finally:
        trader.paper.control("settings", sub_account_volume=100_000)


def test_referral_codes_are_used_once(trader: Trader) -> None:
    assert trader.master.set_referrer("NOBODY")["response"] == "Referral code not registered"
    other = make_trader(trader.paper)
    nonce = get_timestamp_ms()
    assert l1(other, {"type": "registerReferrer", "code": "CODE1"}, nonce) == OK
    assert trader.master.set_referrer("CODE1") == OK
    told = trader.info.query_referral_state(trader.address)
    assert told["referredBy"] == {"referrer": other.address, "code": "CODE1"}
    assert trader.info.user_fees(trader.address)["activeReferralDiscount"] == "0.04"


def test_two_of_three_keys_trade_and_pay_for_one_account(trader: Trader) -> None:
    keys = [Account.create() for _ in range(3)]
    users = [key.address.lower() for key in keys]
    assert trader.master.convert_to_multi_sig_user(users, 2) == OK
    known = trader.info.query_user_to_multi_sig_signers(trader.address)
    assert known == {"authorizedUsers": sorted(users), "threshold": 2}
    refused = trader.master.market_open("BTC", True, 0.01)
    assert refused["status"] == "err"
    outer = make_trader(trader.paper)
    # The sender is one of the three, and has an account of its own for nothing but its address.
    sender = type(outer.master)(keys[0], trader.paper.url, timeout=10)
    nonce = get_timestamp_ms()
    action = {
        "type": "order",
        "orders": [{"a": 0, "b": True, "p": "105000", "s": "0.01", "r": False, "t": {"limit": {"tif": "Ioc"}}}],
        "grouping": "na",
    }

    def signed(count: int) -> list[Any]:
        return [
            sign_multi_sig_l1_action_payload(key, action, False, None, nonce, None, trader.address, users[0])
            for key in keys[:count]
        ]

    lacking = sender.multi_sig(trader.address, action, signed(1), nonce)
    assert lacking == {"status": "err", "response": "Multi-sig action lacks signatures."}
    assert "filled" in status(sender.multi_sig(trader.address, action, signed(2), nonce))
    assert trader.szi() == "0.01"
    nonce = get_timestamp_ms() + 10
    send = {
        "type": "usdSend",
        "signatureChainId": "0x66eee",
        "hyperliquidChain": "Testnet",
        "destination": outer.address,
        "amount": "7.0",
        "time": nonce,
    }
    signatures = [
        sign_multi_sig_user_signed_action_payload(
            key, send, False, USD_SEND_SIGN_TYPES, "HyperliquidTransaction:UsdSend", trader.address, users[0]
        )
        for key in keys[1:]
    ]
    assert sender.multi_sig(trader.address, send, signatures, nonce) == OK
    assert ledger(outer)[-1]["usdc"] == "7.0"


def test_a_builder_needs_money_and_an_approval(trader: Trader) -> None:
    builder: dict[str, Any] = {"b": make_trader(trader.paper, "99").address, "f": 10}
    refused = trader.sdk.order("BTC", True, 0.01, 90000, GTC, builder=builder)["response"]
    assert refused == "Builder fee has not been approved."
    poor = trader.master.approve_builder_fee(builder["b"], "0.01%")["response"]
    assert poor == "Builder has insufficient balance to be approved."
    trader.paper.control("deposit", user=builder["b"], usdc="1")
    assert trader.master.approve_builder_fee(builder["b"], "0.01%") == OK
    assert "filled" in status(trader.sdk.order("BTC", True, 0.01, 101000, GTC, builder=builder))
    fill = trader.info.user_fills(trader.address)[0]
    assert abs(Decimal(fill["builderFee"]) - Decimal(fill["px"]) * Decimal("0.000001")) <= Decimal("0.000001")
