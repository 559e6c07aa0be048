"""Actions: what the SDK sends is understood, and refusals read as on the real venue."""

from typing import Any

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.utils.signing import get_timestamp_ms, sign_l1_action
from hyperliquid.utils.types import Cloid

from tests.contracts.paper_hyperliquid.conftest import Paper, Trader, make_trader

GTC = {"limit": {"tif": "Gtc"}}


def statuses(answer: dict[str, Any]) -> list[Any]:
    assert answer["status"] == "ok", answer
    rows: list[Any] = answer["response"]["data"]["statuses"]
    return rows


def post(
    trader: Trader, action: dict[str, Any], nonce: int, expires: int | None = None, wallet: object = None
) -> dict[str, Any]:
    signer = wallet or trader.sdk.wallet
    signature = sign_l1_action(signer, action, None, nonce, expires, False)
    envelope = {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None, "expiresAfter": expires}
    answer: dict[str, Any] = trader.paper.call("/exchange", envelope)
    return answer


def test_a_market_order_opens_and_closes_a_position(trader: Trader) -> None:
    cloid = Cloid.from_int(1)
    filled = statuses(trader.sdk.market_open("BTC", True, 0.01, cloid=cloid))[0]["filled"]
    assert (filled["totalSz"], filled["cloid"]) == ("0.01", cloid.to_raw())
    assert trader.szi() == "0.01"
    assert trader.info.query_order_by_cloid(trader.address, cloid)["order"]["status"] == "filled"
    assert "filled" in statuses(trader.sdk.market_close("BTC"))[0]
    assert trader.szi() == "0.0"
    fills = trader.info.user_fills(trader.address)
    assert [fill["dir"] for fill in fills] == ["Close Long", "Open Long"]
    assert trader.sdk.market_close("BTC") is None


def test_orders_rest_and_are_cancelled_by_oid_and_by_cloid(trader: Trader) -> None:
    first = statuses(trader.sdk.order("BTC", True, 0.01, 90000, GTC))[0]["resting"]["oid"]
    trader.sdk.order("BTC", True, 0.01, 91000, GTC, cloid=Cloid.from_int(2))
    assert [row["limitPx"] for row in trader.info.open_orders(trader.address)] == ["91000.0", "90000.0"]
    assert statuses(trader.sdk.cancel("BTC", first)) == ["success"]
    assert statuses(trader.sdk.cancel_by_cloid("BTC", Cloid.from_int(2))) == ["success"]
    gone = "Order was never placed, already canceled, or filled. asset=0"
    assert statuses(trader.sdk.cancel("BTC", first)) == [{"error": gone}]
    assert trader.info.open_orders(trader.address) == []
    assert trader.info.query_order_by_oid(trader.address, first)["order"]["status"] == "canceled"


def test_a_batch_answers_every_order_on_its_own(trader: Trader) -> None:
    def row(px: float, sz: float) -> dict[str, Any]:
        return {"coin": "ETH", "is_buy": True, "sz": sz, "limit_px": px, "order_type": GTC, "reduce_only": False}

    rest, tick, small = statuses(trader.sdk.bulk_orders([row(3500, 1), row(3500.55, 1), row(3500, 0.001)]))
    assert "resting" in rest
    assert tick == {"error": "Price must be divisible by tick size. asset=1"}
    assert small == {"error": "Order must have minimum value of $10. asset=1"}


def test_a_modify_cancels_and_places_anew(trader: Trader) -> None:
    old = statuses(trader.sdk.order("BTC", True, 0.01, 90000, GTC))[0]["resting"]["oid"]
    new = statuses(trader.sdk.modify_order(old, "BTC", True, 0.02, 91000, GTC))[0]["resting"]["oid"]
    assert new != old
    assert [row["oid"] for row in trader.info.open_orders(trader.address)] == [new]
    assert statuses(trader.sdk.modify_order(old, "BTC", True, 0.02, 92000, GTC)) == [
        {"error": "Cannot modify canceled or filled order"}
    ]
    failed = statuses(trader.sdk.modify_order(new, "BTC", True, 0.02, 92000.5, GTC))[0]["error"]
    assert failed == "Error placing new order during modify: Price must be divisible by tick size. asset=0"
    assert trader.info.open_orders(trader.address) == []


def test_a_nonce_counts_once_even_for_a_noop(trader: Trader) -> None:
    nonce = get_timestamp_ms() + 5_000
    assert trader.sdk.noop(nonce) == {"status": "ok", "response": {"type": "default"}}
    again = post(trader, {"type": "noop"}, nonce)
    assert again == {"status": "err", "response": f"Invalid nonce: duplicate nonce {nonce}"}
    assert trader.master.noop(nonce)["status"] == "ok"


def test_a_late_action_is_refused_and_uses_up_its_nonce(trader: Trader) -> None:
    order = {"a": 0, "b": True, "p": "99000", "s": "0.01", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    action = {"type": "order", "orders": [order], "grouping": "na"}
    nonce = get_timestamp_ms() + 1
    late = post(trader, action, nonce, expires=nonce - 1_000)
    assert late == {"status": "err", "response": "Action already expired"}
    assert trader.orders() == []
    assert "duplicate nonce" in post(trader, action, nonce, expires=nonce + 60_000)["response"]
    assert "resting" in statuses(post(trader, action, nonce + 1, expires=nonce + 60_000))[0]
    logged = trader.orders()[0]
    assert (logged["nonce"], logged["expiresAfter"]) == (nonce + 1, nonce + 60_000)
    assert logged["signer"] == trader.sdk.wallet.address.lower()


def test_an_unknown_signer_is_named_and_a_wrong_hash_names_a_stranger(trader: Trader) -> None:
    stranger = Account.create()
    answer = post(trader, {"type": "noop"}, get_timestamp_ms(), wallet=stranger)
    assert answer["response"] == f"User or API Wallet {stranger.address.lower()} does not exist."
    nonce = get_timestamp_ms()
    signature = sign_l1_action(trader.sdk.wallet, {"type": "noop"}, None, nonce, None, False)
    envelope = {
        "action": {"type": "noop"},
        "nonce": nonce,
        "signature": signature,
        "vaultAddress": None,
        "expiresAfter": nonce + 9_999,
    }
    answer = trader.paper.call("/exchange", envelope)
    assert answer["response"].endswith("does not exist.")
    assert trader.sdk.wallet.address.lower() not in answer["response"]


def test_mainnet_signatures_are_not_taken(trader: Trader) -> None:
    nonce = get_timestamp_ms()
    signature = sign_l1_action(trader.sdk.wallet, {"type": "noop"}, None, nonce, None, True)
    envelope = {
        "action": {"type": "noop"},
        "nonce": nonce,
        "signature": signature,
        "vaultAddress": None,
        "expiresAfter": None,
    }
    assert "does not exist" in trader.paper.call("/exchange", envelope)["response"]


def test_a_replaced_agent_loses_its_rights_and_agents_may_not_sign_for_the_user(trader: Trader) -> None:
    assert trader.info.user_role(trader.sdk.wallet.address) == {"role": "agent", "data": {"user": trader.address}}
    assert [row["name"] for row in trader.info.extra_agents(trader.address)] == ["bot"]
    refused = trader.sdk.usd_transfer(1.0, "0x" + "1" * 40)
    assert refused["response"] == f"Must deposit before performing actions. User: {trader.sdk.wallet.address.lower()}"
    answer, _ = trader.master.approve_agent("bot")
    assert answer["status"] == "ok"
    assert "does not exist" in trader.sdk.noop(get_timestamp_ms())["response"]


def test_an_unnamed_agent_trades_and_does_not_show(trader: Trader) -> None:
    answer, key = trader.master.approve_agent()
    assert answer["status"] == "ok"
    unnamed = Exchange(Account.from_key(key), trader.paper.url, account_address=trader.address)
    assert "resting" in statuses(unnamed.order("SOL", True, 1, 150, GTC))[0]
    assert len(trader.info.extra_agents(trader.address)) == 1


def test_an_account_exists_only_after_a_deposit(paper: Paper) -> None:
    wallet = Account.create()
    poor = Exchange(wallet, paper.url)
    assert (
        poor.order("BTC", True, 0.01, 90000, GTC)["response"]
        == f"User or API Wallet {wallet.address.lower()} does not exist."
    )
    assert (
        poor.approve_agent("bot")[0]["response"]
        == f"Must deposit before performing actions. User: {wallet.address.lower()}"
    )


def test_a_vault_that_is_not_registered_is_refused(trader: Trader) -> None:
    vault = Exchange(trader.master.wallet, trader.paper.url, vault_address="0x" + "2" * 40)
    assert vault.order("BTC", True, 0.01, 90000, GTC)["response"] == "Vault not registered: 0x" + "2" * 40


def test_leverage_and_isolated_margin(trader: Trader) -> None:
    assert trader.sdk.update_leverage(41, "BTC")["response"] == "Invalid leverage value"
    assert trader.sdk.update_leverage(10, "BTC", is_cross=False)["status"] == "ok"
    trader.sdk.market_open("BTC", True, 0.1)
    position = trader.info.user_state(trader.address)["assetPositions"][0]["position"]
    assert (position["leverage"]["type"], position["leverage"]["value"]) == ("isolated", 10)
    assert trader.sdk.update_leverage(10, "BTC")["response"] == "Cannot switch leverage type with open position."
    before = float(position["marginUsed"])
    assert trader.sdk.update_isolated_margin(500, "BTC")["status"] == "ok"
    after = trader.info.user_state(trader.address)["assetPositions"][0]["position"]
    assert float(after["marginUsed"]) == pytest.approx(before + 500)
    assert trader.sdk.update_isolated_margin(1, "ETH")["response"] == "Position does not use isolated margin."


def test_a_whole_position_stop_and_profit_through_the_sdk(trader: Trader) -> None:
    trader.sdk.market_open("BTC", True, 0.05)

    def row(tpsl: str, px: int) -> dict[str, Any]:
        kind = {"trigger": {"isMarket": True, "triggerPx": px, "tpsl": tpsl}}
        return {
            "coin": "BTC",
            "is_buy": False,
            "sz": 0,
            "limit_px": px,
            "order_type": kind,
            "reduce_only": True,
            "cloid": Cloid.from_int(px),
        }

    assert (
        statuses(trader.sdk.bulk_orders([row("sl", 98000), row("tp", 103000)], grouping="positionTpsl"))
        == ["waitingForTrigger"] * 2
    )
    rows = {row["triggerPx"]: row for row in trader.info.frontend_open_orders(trader.address)}
    stop = rows["98000.0"]
    assert (stop["sz"], stop["origSz"], stop["isPositionTpsl"], stop["orderType"]) == (
        "0.0",
        "0.0",
        True,
        "Stop Market",
    )
    assert (stop["triggerCondition"], stop["tif"], stop["cloid"]) == (
        "Price below 98000",
        None,
        Cloid.from_int(98000).to_raw(),
    )
    assert "triggerPx" not in trader.info.open_orders(trader.address)[0]
    trader.paper.control("price", coin="BTC", px="97000", freeze=True)
    assert trader.szi() == "0.0"
    fired = trader.info.query_order_by_cloid(trader.address, Cloid.from_int(98000))["order"]
    assert (fired["status"], fired["order"]["triggerCondition"], fired["order"]["triggerPx"]) == (
        "filled",
        "Triggered",
        "0.0",
    )
    assert fired["order"]["oid"] == stop["oid"]
    assert (
        trader.info.query_order_by_cloid(trader.address, Cloid.from_int(103000))["order"]["status"]
        == "siblingFilledCanceled"
    )
    states = [
        row["status"] for row in trader.info.historical_orders(trader.address) if row["order"]["oid"] == stop["oid"]
    ]
    assert states == ["filled", "triggered", "open"]


def test_the_dead_mans_switch_needs_volume(trader: Trader) -> None:
    answer = trader.sdk.schedule_cancel(get_timestamp_ms() + 10_000)
    assert (
        answer["response"]
        == "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0.00."
    )


def test_money_moves_between_accounts_and_out(trader: Trader) -> None:
    other = make_trader(trader.paper)
    assert trader.master.usd_transfer(100.0, other.address)["status"] == "ok"
    assert trader.master.withdraw_from_bridge(50.0, trader.address)["status"] == "ok"
    assert trader.master.usd_class_transfer(25.0, False)["status"] == "ok"
    assert trader.info.spot_user_state(trader.address)["balances"][0]["total"] == "25.0"
    state = trader.info.user_state(trader.address)
    assert (state["marginSummary"]["accountValue"], state["withdrawable"]) == ("99825.0", "99825.0")
    kinds = [row["delta"]["type"] for row in trader.info.user_non_funding_ledger_updates(trader.address, 0)]
    assert kinds == ["deposit", "internalTransfer", "withdraw", "accountClassTransfer"]
    assert trader.master.usd_transfer(1e6, other.address)["response"] == "Insufficient balance for withdrawal."
    assert trader.paper.call("/control/health")["balanced"]


def test_too_large_a_batch_is_refused_whole(trader: Trader) -> None:
    row = {"coin": "ETH", "is_buy": True, "sz": 0.01, "limit_px": 3500, "order_type": GTC, "reduce_only": False}
    assert trader.sdk.bulk_orders([row] * 201)["response"] == "Signed action over weight limit of 200."
    assert trader.orders() == []


def test_an_order_that_fills_in_part_is_told_as_filled_and_rests(trader: Trader) -> None:
    resting = statuses(trader.sdk.order("BTC", True, 0.4, 99000, GTC))[0]["resting"]["oid"]
    logged = trader.paper.control("fill", oid=resting, fraction="0.25")
    assert (logged["filledSz"], logged["status"]) == ("0.1", "open")
    assert trader.szi() == "0.1"
    assert trader.info.open_orders(trader.address)[0]["sz"] == "0.3"
    assert trader.info.query_order_by_oid(trader.address, resting)["order"]["order"]["sz"] == "0.4"
    trader.paper.control("fill", oid=resting)
    assert trader.info.query_order_by_oid(trader.address, resting)["order"]["status"] == "filled"


def test_what_does_not_deserialise_is_422_in_plain_text(paper: Paper) -> None:
    for path, body in (
        ("/info", {"type": "nonsense"}),
        ("/info", {"user": "0x1"}),
        ("/info", {"type": "clearinghouseState", "user": "me"}),
        ("/exchange", {"action": {"type": "noop"}}),
        ("/exchange", {"action": {"type": "dance"}, "nonce": 1, "signature": {}}),
    ):
        assert paper.call(path, body) == {
            "code": 422,
            "body": "Failed to deserialize the JSON body into the target type",
        }
