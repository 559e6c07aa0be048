"""TWAP orders: slices, ends and reads."""

from decimal import Decimal
from typing import Any

import pytest
from hyperliquid.utils.signing import get_timestamp_ms, sign_l1_action

from tests.contracts.paper_hyperliquid.conftest import Trader, eventually


def act(trader: Trader, action: dict[str, Any]) -> Any:
    nonce = get_timestamp_ms()
    signature = sign_l1_action(trader.sdk.wallet, action, None, nonce, None, False)
    body = {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None, "expiresAfter": None}
    answer = trader.paper.call("/exchange", body)
    assert answer["status"] == "ok", answer
    return answer["response"]["data"]["status"]


def twap(trader: Trader, sz: str, minutes: int, *, reduce_only: bool = False, is_buy: bool = True) -> Any:
    row = {"a": 0, "b": is_buy, "s": sz, "r": reduce_only, "m": minutes, "t": False}
    return act(trader, {"type": "twapOrder", "twap": row})


def test_the_first_slice_trades_at_once_and_a_cancel_ends_the_rest(trader: Trader) -> None:
    number = twap(trader, "0.1", 5)["running"]["twapId"]
    eventually(lambda: trader.szi() == "0.01")
    slices = trader.info.user_twap_slice_fills(trader.address)
    assert [row["twapId"] for row in slices] == [number]
    assert slices[0]["fill"]["hash"] == "0x" + "0" * 64
    assert act(trader, {"type": "twapCancel", "a": 0, "t": number}) == "success"
    gone = {"error": "TWAP was never placed, already canceled, or filled."}
    assert act(trader, {"type": "twapCancel", "a": 0, "t": number}) == gone
    rows = trader.info.post("/info", {"type": "twapHistory", "user": trader.address})
    assert [row["status"]["status"] for row in rows] == ["terminated", "activated"]
    assert (rows[0]["state"]["executedSz"], rows[0]["state"]["sz"]) == ("0.01", "0.1")
    # The outer time is in seconds, the state's own in milliseconds.
    assert rows[1]["time"] == rows[1]["state"]["timestamp"] // 1000
    kinds = {row["order"]["orderType"] for row in trader.info.historical_orders(trader.address)}
    assert kinds == {"Twap Slice"}


@pytest.mark.parametrize(
    ("minutes", "sz", "text"),
    [
        (1, "1", "Invalid TWAP duration: 1 min(s)"),
        (10_081, "1", "Invalid TWAP duration: 10081 min(s)"),
        (5, "0.0005", "TWAP order value too small. Min is $100."),
    ],
)
def test_a_twap_that_cannot_be_is_refused(trader: Trader, minutes: int, sz: str, text: str) -> None:
    assert twap(trader, sz, minutes) == {"error": text}


def test_a_reduce_only_twap_needs_a_position(trader: Trader) -> None:
    refused = {"error": "Reduce-only TWAP order would increase position."}
    assert twap(trader, "0.1", 5, reduce_only=True, is_buy=False) == refused
    trader.sdk.market_open("BTC", True, 0.1)
    assert "running" in twap(trader, "0.1", 5, reduce_only=True, is_buy=False)
    eventually(lambda: Decimal(trader.szi()) == Decimal("0.09"))
