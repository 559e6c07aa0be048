"""Switches of the venue, and actions on a node without HTTP."""

from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account as Wallet
from hyperliquid.utils.signing import sign_l1_action

from paper.engine.fees import utc_day
from paper.engine.funding import HOUR_MS
from paper.engine.margin import withdrawable
from paper.engine.requests import Failed, Filled, Resting
from paper.hyperliquid.agents import AgentRules
from paper.hyperliquid.exchange import read_envelope, run
from paper.hyperliquid.info import answer
from paper.hyperliquid.node import Node
from paper.hyperliquid.opening import Options, open_node
from paper.hyperliquid.ticking import tick
from tests.unit.paper.builders import ALICE, NOW, Clock, Desk, limit, market

D = Decimal
WALLET = Wallet.from_key("0x" + "1" * 64)
USER = WALLET.address.lower()
CLOID = "0x" + "0" * 31 + "7"


@pytest.fixture
def node() -> Node:
    opened = open_node(Options(coins=("BTC",)))
    opened.venue.clock = Clock()
    opened.feed.clock.wall_start = opened.feed.clock.market_start = NOW
    opened.venue.funded_hour = NOW // HOUR_MS
    opened.venue.open_account(USER).cash = D(100_000)
    opened.venue.deposited = D(100_000)
    opened.feed.freeze("BTC", D(100_000), 0)
    tick(opened)
    return opened


def send(node: Node, action: dict[str, Any], nonce: int = NOW, expires: int | None = None) -> dict[str, Any]:
    signature = sign_l1_action(WALLET, action, None, nonce, expires, False)
    body = {"action": action, "nonce": nonce, "signature": signature, "vaultAddress": None, "expiresAfter": expires}
    return run(node, read_envelope(body))


def order(px: str, sz: str = "0.01") -> dict[str, Any]:
    row = {"a": 0, "b": True, "p": px, "s": sz, "r": False, "t": {"limit": {"tif": "Gtc"}}}
    return {"type": "order", "orders": [row], "grouping": "na"}


def later(node: Node, ms: int) -> None:
    assert isinstance(node.venue.clock, Clock)
    node.venue.clock.now += ms
    tick(node)


@pytest.mark.parametrize(("consumes", "second"), [(True, "Invalid nonce"), (False, "")])
def test_whether_a_late_action_uses_its_nonce_is_a_switch(node: Node, consumes: bool, second: str) -> None:
    node.change_settings({"expired_consumes_nonce": consumes})
    assert send(node, order("90000"), expires=NOW - 1)["response"] == "Action already expired"
    assert second in str(send(node, order("90000"))["response"])
    assert len(node.venue.orders) == (0 if consumes else 1)


def test_a_late_action_costs_five_requests(node: Node) -> None:
    send(node, order("90000"), expires=NOW - 1)
    assert node.venue.accounts[USER].requests_used == 5


@pytest.mark.parametrize(("status", "kind"), [("filled", Filled), ("resting", Resting)])
def test_how_a_partly_filled_gtc_order_is_told_is_a_switch(status: str, kind: type) -> None:
    desk = Desk()
    desk.venue.settings.change({"gtc_partial_status": status})
    desk.deposit(ALICE, "100000000")
    outcome = desk.send(ALICE, limit("buy", "100005", "10"))[0]
    assert isinstance(outcome, kind)
    assert 0 < desk.order(outcome).filled_sz < 10
    assert desk.live(ALICE)


def test_whether_a_cloid_may_come_twice_is_a_switch() -> None:
    desk = Desk()
    assert isinstance(desk.send(ALICE, limit("buy", "90000", "0.1", cloid=CLOID))[0], Resting)
    assert isinstance(desk.send(ALICE, limit("buy", "90000", "0.1", cloid=CLOID))[0], Resting)
    desk.venue.settings.change({"duplicate_cloid": "reject"})
    assert isinstance(desk.send(ALICE, limit("buy", "90000", "0.1", cloid=CLOID))[0], Failed)


def test_a_clock_that_is_off_shifts_block_time_and_deadlines_but_not_the_log(node: Node) -> None:
    node.change_settings({"clock_offset_ms": 30_000})
    assert answer(node, {"type": "clearinghouseState", "user": USER})["time"] == NOW + 30_000
    assert send(node, order("90000"), expires=NOW + 20_000)["response"] == "Action already expired"
    send(node, order("90000"), nonce=NOW + 1)
    assert [row.admitted_ms for row in node.venue.orders.values()] == [NOW]


def test_settings_of_the_wrong_kind_are_refused(node: Node) -> None:
    for wrong in ({"halted": 1}, {"order_retention": "many"}, {"order_retention": True}, {"nothing": 1}):
        with pytest.raises(ValueError, match=r"setting|Setting"):
            node.change_settings(wrong)  # type: ignore[arg-type]


def test_the_dead_mans_switch_cancels_everything_when_its_time_has_come(node: Node) -> None:
    node.venue.accounts[USER].volume = D(2_000_000)
    send(node, order("90000"))
    assert "at least 5 seconds" in send(node, {"type": "scheduleCancel", "time": NOW + 1}, NOW + 1)["response"]
    assert send(node, {"type": "scheduleCancel", "time": NOW + 6_000}, NOW + 2)["status"] == "ok"
    later(node, 5_999)
    assert len(node.venue.open_orders(USER)) == 1
    later(node, 1)
    assert node.venue.open_orders(USER) == []
    rows = answer(node, {"type": "historicalOrders", "user": USER})
    assert [row["status"] for row in rows] == ["scheduledCancel", "open"]


def test_requests_can_be_bought(node: Node) -> None:
    assert send(node, {"type": "reserveRequestWeight", "weight": 1000})["status"] == "ok"
    limits = answer(node, {"type": "userRateLimit", "user": USER})
    assert (limits["nRequestsCap"], limits["nRequestsSurplus"]) == (10_000, 1000)
    assert node.total_usd() == node.venue.deposited


def test_an_hour_of_market_time_pays_funding_and_samples_the_accounts_value(node: Node) -> None:
    send(node, order("101000", "0.1"))
    later(node, HOUR_MS)
    payments = answer(node, {"type": "userFunding", "user": USER, "startTime": 0})
    assert len(payments) == 1
    day = answer(node, {"type": "portfolio", "user": USER})[0][1]["accountValueHistory"]
    assert len(day) == 2
    assert node.total_usd() == node.venue.deposited


def test_a_batch_of_modifies_that_cannot_be_read_touches_nothing(node: Node) -> None:
    from paper.engine.errors import Unparsable

    send(node, order("90000"))
    oid = node.venue.open_orders(USER)[0].oid
    row = order("91000")["orders"][0]
    broken = {"type": "batchModify", "modifies": [{"oid": oid, "order": row}, {"oid": "me", "order": row}]}
    with pytest.raises(Unparsable):
        send(node, broken, NOW + 1)
    assert [item.oid for item in node.venue.open_orders(USER)] == [oid]


def test_a_reused_lower_leverage_is_refused_when_the_margin_does_not_suffice(node: Node) -> None:
    send(node, order("101000", "15"))
    assert (
        "insufficient"
        in send(node, {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 5}, NOW + 1)["response"]
    )
    assert (
        send(node, {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 30}, NOW + 2)["status"] == "ok"
    )
    position = answer(node, {"type": "clearinghouseState", "user": USER})["assetPositions"][0]["position"]
    assert position["leverage"] == {"type": "cross", "value": 30}


def test_a_switch_with_names_takes_only_these(node: Node) -> None:
    with pytest.raises(ValueError, match="is one of accept, reject"):
        node.change_settings({"duplicate_cloid": "maybe"})


@pytest.mark.parametrize(("shape", "named"), [("arrow", "Long > Short"), ("open", "Open Short")])
def test_how_a_turned_position_is_named_is_a_switch(shape: str, named: str) -> None:
    desk = Desk()
    desk.venue.settings.change({"flip_direction": shape})
    desk.send(ALICE, market("buy", "0.1"))
    desk.send(ALICE, market("sell", "0.3"))
    assert desk.venue.books[ALICE].fills[-1].direction == named


def test_whether_resting_orders_hold_margin_and_count_as_not_withdrawable_are_switches() -> None:
    desk = Desk()
    alice = desk.venue.accounts[ALICE]
    desk.send(ALICE, limit("buy", "90000", "1"))
    assert withdrawable(desk.venue, alice) == D(95_000)
    desk.venue.settings.change({"withdrawable_after_orders": False})
    assert withdrawable(desk.venue, alice) == D(100_000)
    assert isinstance(desk.send(ALICE, limit("buy", "90000", "19.5"))[0], Failed)
    desk.venue.settings.change({"resting_orders_hold_margin": False})
    assert isinstance(desk.send(ALICE, limit("buy", "90000", "19.5"))[0], Resting)


def test_the_largest_market_order_is_a_switch(node: Node) -> None:
    node.change_settings({"largest_market_order": "15000000"})
    assert answer(node, {"type": "maxMarketOrderNtls"})[0] == [25, "15000000.0"]


@pytest.mark.parametrize(("refusal", "status"), [("action", "err"), ("per_order", "ok")])
def test_where_an_unapproved_builder_is_refused_is_a_switch(node: Node, refusal: str, status: str) -> None:
    node.change_settings({"builder_refusal": refusal})
    told = send(node, order("90000") | {"builder": {"b": "0x" + "3" * 40, "f": 10}})
    assert (told["status"], "Builder fee has not been approved." in str(told)) == (status, True)
    assert node.venue.orders == {}


def test_whether_a_signature_must_fit_the_venues_own_writing_is_a_switch(node: Node) -> None:
    assert "does not exist" in send(node, order("90000.0"))["response"]
    node.change_settings({"action_hash": "as_sent"})
    assert send(node, order("90000.0"), NOW + 1)["status"] == "ok"


def test_how_long_agents_live_and_what_they_are_told_afterwards_are_switches(node: Node) -> None:
    agents, now = node.agents, node.venue.now()
    node.change_settings({"agent_grace_ms": 5_000})
    limits = AgentRules(life_ms=1_000)
    agents.approve("0x" + "8" * 40, USER, "bot", now, D(0), limits=limits)
    assert agents.find(USER, now + 5_999) is not None
    assert agents.find(USER, now + 6_000) is None
    stranger = Wallet.create()
    agents.approve(USER, stranger.address.lower(), "", now, D(0), limits=limits)
    later(node, 10_000)
    for error, text in (("does_not_exist", "does not exist"), ("must_deposit", "Must deposit before")):
        node.change_settings({"retired_agent_error": error})
        signature = sign_l1_action(stranger, {"type": "noop"}, None, NOW, None, False)
        body = {"action": {"type": "noop"}, "nonce": NOW, "signature": signature}
        assert text in run(node, read_envelope(body))["response"]


def test_a_fast_cancel_is_not_for_triggers(node: Node) -> None:
    kind = {"trigger": {"isMarket": True, "triggerPx": "110000", "tpsl": "sl"}}
    row = {"a": 0, "b": True, "p": "110000", "s": "0.01", "r": False, "t": kind}
    send(node, {"type": "order", "orders": [row], "grouping": "na"})
    send(node, order("90000"), NOW + 1)
    cancels = [{"a": 0, "o": oid} for oid in node.venue.orders]
    told = send(node, {"type": "cancel", "cancels": cancels, "f": True}, NOW + 2)
    assert ["error" in row for row in told["response"]["data"]["statuses"]] == [True, False]


def test_the_dead_mans_switch_triggers_ten_times_a_day_and_the_day_is_that_of_the_trigger(node: Node) -> None:
    node.change_settings({"schedule_cancel_volume": "0"})
    account = node.venue.accounts[USER]
    for number in range(10):
        told = send(node, {"type": "scheduleCancel", "time": node.venue.now() + 5_000}, NOW + number)
        assert told["status"] == "ok"
        later(node, 6_000)
    assert "Too many" in send(node, {"type": "scheduleCancel", "time": node.venue.now() + 5_000}, NOW + 10)["response"]
    assert send(node, {"type": "scheduleCancel"}, NOW + 11)["status"] == "ok"
    later(node, 86_400_000)
    assert send(node, {"type": "scheduleCancel", "time": node.venue.now() + 86_400_000}, NOW + 12)["status"] == "ok"
    later(node, 86_400_001)
    assert (account.scheduled_cancel_count, account.scheduled_cancel_day) == (1, utc_day(node.venue.now()))


def test_a_scheduled_time_too_near_is_refused(node: Node) -> None:
    node.change_settings({"schedule_cancel_volume": "0"})
    told = send(node, {"type": "scheduleCancel", "time": node.venue.now() + 4_999})
    assert "at least 5 seconds" in told["response"]


@pytest.mark.parametrize(
    ("error", "text", "rows"),
    [("reference", "more than 80% away from the reference price", 0), ("oracle", "Price too far from oracle", 1)],
)
def test_how_a_price_far_off_is_refused_is_a_switch(node: Node, error: str, text: str, rows: int) -> None:
    node.change_settings({"price_band_error": error})
    assert text in str(send(node, order("10000")))
    statuses = [row["status"] for row in answer(node, {"type": "historicalOrders", "user": USER})]
    assert statuses == ["oracleRejected"] * rows
