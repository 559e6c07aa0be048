"""Reads of an account: always the master's, paged to the end, in our types."""

from datetime import timedelta
from typing import Any

import pytest

from domain.accounts import RequestCount
from domain.errors import Retryable
from domain.orders import Side, TriggerKind
from tests.unit.venues.build import ACCOUNT, MASTER, NOW, client_of, d, row, stop_row
from venues.hyperliquid import accounts
from venues.hyperliquid.accounts import HyperliquidAccounts
from venues.hyperliquid.limits import RequestBudget
from venues.hyperliquid.rows import read_ledger
from venues.hyperliquid.wire import from_millis, to_millis

AGENT = "0x" + "cd" * 20
STATE = {
    "marginSummary": {"accountValue": "1010.5", "totalNtlPos": "70.0", "totalRawUsd": "0.0", "totalMarginUsed": "7.0"},
    "crossMarginSummary": {},
    "withdrawable": "1003.5",
    "assetPositions": [
        {
            "type": "oneWay",
            "position": {
                "coin": "BTC",
                "szi": "-0.001",
                "leverage": {"type": "cross", "value": 10},
                "entryPx": "71000.0",
                "positionValue": "70.0",
                "unrealizedPnl": "1.0",
                "liquidationPx": None,
                "marginUsed": "7.0",
                "maxLeverage": 40,
                "cumFunding": {"allTime": "9.0", "sinceOpen": "0.25", "sinceChange": "0.0"},
            },
        }
    ],
    "time": to_millis(NOW),
}


def fill(tid: int, time: int, **changed: Any) -> dict[str, Any]:
    plain = {
        "coin": "BTC",
        "px": "70000.0",
        "sz": "0.001",
        "side": "B",
        "time": time,
        "startPosition": "0.0",
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": "0x" + "0" * 64,
        "oid": 5,
        "crossed": True,
        "fee": "0.03",
        "tid": tid,
        "feeToken": "USDC",
    }
    return plain | changed


def test_the_portfolio_takes_the_clock_of_the_state_that_was_read_first():
    answers = {"clearinghouseState": STATE, "frontendOpenOrders": [row(), stop_row(oid=78)]}
    with client_of(answers) as (client, stub):
        found = HyperliquidAccounts(client).portfolio(ACCOUNT)
    assert stub.kinds() == ["clearinghouseState", "frontendOpenOrders"]
    assert all(body["user"] == MASTER for _, body in stub.asked)
    assert (found.as_of, found.equity, found.available, found.margin_used) == (NOW, d("1010.5"), d("1003.5"), d("7.0"))
    held = found.position("BTC")
    assert held is not None
    assert (held.size, held.mark_px, held.leverage, held.liquidation_px) == (d("-0.001"), d("70000"), 10, None)
    assert held.funding_since_open == d("-0.25")


def test_open_orders_show_what_a_trigger_is_and_what_has_fired():
    fired = stop_row(oid=79, isTrigger=False, triggerPx="0.0", origSz="0.5", sz="0.2", tif="Gtc")
    listed = [row(), stop_row(oid=78), fired, row(coin="@107"), row(coin="xyz:TSLA")]
    with client_of({"frontendOpenOrders": listed}) as (client, _):
        plain, waiting, working = HyperliquidAccounts(client).open_orders(ACCOUNT)
    assert (plain.client_id, plain.trigger, plain.is_opening) == ("0123456789abcdef" * 2, None, True)
    assert waiting.trigger is not None
    assert (waiting.trigger.kind, waiting.trigger.px) == (TriggerKind.STOP_LOSS, d("70000"))
    assert (waiting.trigger.whole_position, waiting.side, waiting.is_opening) == (True, Side.SELL, False)
    assert (working.trigger, working.size) == (None, d("0.2"))


def test_the_summary_costs_one_cheap_request():
    with client_of({"clearinghouseState": STATE}) as (client, stub):
        assert HyperliquidAccounts(client).summary(ACCOUNT).orders == ()
    assert stub.kinds() == ["clearinghouseState"]


def pages(rows: list[dict[str, Any]], size: int):
    """Answer as the venue does: from `startTime` on, oldest first, at most a page."""

    def answer(body: dict[str, Any]) -> list[dict[str, Any]]:
        return [found for found in rows if found["time"] >= body["startTime"]][:size]

    return answer


def test_fills_are_paged_to_the_end_and_each_counts_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accounts, "FILLS_PAGE", 3)
    # Five fills of one millisecond stand across a page's end; one trade has two fills of one trade id in two coins.
    rows = [fill(1, 10), fill(2, 20), fill(3, 20), fill(3, 20, coin="ETH"), fill(4, 30), fill(5, 40), fill(6, 50)]
    with client_of({"userFillsByTime": pages(rows, 3)}) as (client, stub):
        found = HyperliquidAccounts(client).fills_since(ACCOUNT, from_millis(10))
    assert [(one.coin, one.trade_id) for one in found] == [
        ("BTC", "1"),
        ("BTC", "2"),
        ("BTC", "3"),
        ("ETH", "3"),
        ("BTC", "4"),
        ("BTC", "5"),
        ("BTC", "6"),
    ]
    assert len(stub.asked) > 2


def test_fills_that_come_newest_first_are_turned_round():
    rows = [fill(2, 20), fill(1, 10)]
    with client_of({"userFillsByTime": rows}) as (client, _):
        found = HyperliquidAccounts(client).fills_since(ACCOUNT, from_millis(10))
    assert [one.trade_id for one in found] == ["1", "2"]


def test_a_fill_is_a_liquidation_only_for_the_liquidated():
    ours = fill(1, 10, liquidation={"liquidatedUser": MASTER.upper().replace("X", "x"), "method": "market"})
    theirs = fill(2, 20, liquidation={"liquidatedUser": AGENT, "method": "market"}, cloid="0x" + "1" * 32, fee="-0.01")
    with client_of({"userFillsByTime": [ours, theirs, fill(3, 30, coin="@107")]}) as (client, _):
        first, second = HyperliquidAccounts(client).fills_since(ACCOUNT, from_millis(10))
    assert (first.is_liquidation, second.is_liquidation) == (True, False)
    assert (second.client_id, second.fee) == ("1" * 32, d("-0.01"))


def ledger(**delta: Any) -> Any:
    return read_ledger(MASTER, {"time": 5, "hash": "0x1", "delta": delta})


@pytest.mark.parametrize(
    ("delta", "kind", "amount"),
    [
        ({"type": "deposit", "usdc": "100.0"}, "deposit", "100"),
        ({"type": "withdraw", "usdc": "10.0", "nonce": 1, "fee": "0.0"}, "withdrawal", "-10"),
        ({"type": "accountClassTransfer", "usdc": "12.0", "toPerp": False}, "transfer", "-12"),
        ({"type": "accountClassTransfer", "usdc": "12.0", "toPerp": True}, "transfer", "12"),
        (
            {"type": "internalTransfer", "usdc": "5.0", "user": AGENT, "destination": MASTER, "fee": "1.0"},
            "transfer",
            "5",
        ),
        (
            {"type": "internalTransfer", "usdc": "5.0", "user": MASTER, "destination": AGENT, "fee": "1.0"},
            "transfer",
            "-6",
        ),
        ({"type": "vaultDeposit", "vault": AGENT, "usdc": "7.0"}, "transfer", "-7"),
        ({"type": "vaultWithdraw", "vault": AGENT, "netWithdrawnUsd": "8.0"}, "transfer", "8"),
        ({"type": "spotTransfer", "token": "USDC", "amount": "9.0"}, "other", "0"),
        ({"type": "liquidation", "liquidatedNtlPos": "1.0"}, "other", "0"),
        ({"type": "something new"}, "other", "0"),
    ],
)
def test_a_ledger_row_is_what_it_does_to_the_perpetuals_balance(delta: dict[str, Any], kind: str, amount: str):
    found = ledger(**delta)
    assert (found.kind, found.amount) == (kind, d(amount))


@pytest.mark.parametrize(
    ("source", "target", "amount"), [("", "spot", "-3"), ("spot", "", "3"), ("spot", "xyz", "0"), ("", "", "0")]
)
def test_a_send_between_own_balances_counts_what_leaves_and_enters_the_main_one(source: str, target: str, amount: str):
    delta = {"user": MASTER, "destination": MASTER, "sourceDex": source, "destinationDex": target, "usdcValue": "3.0"}
    assert ledger(type="send", **delta).amount == d(amount)


def test_transfers_are_funding_and_ledger_in_the_order_of_time():
    funding = {"time": 20, "hash": "0x0", "delta": {"type": "funding", "coin": "BTC", "usdc": "-0.5", "szi": "1"}}
    deposit = {"time": 10, "hash": "0x1", "delta": {"type": "deposit", "usdc": "100.0"}}
    with client_of({"userFunding": [funding], "userNonFundingLedgerUpdates": [deposit]}) as (client, _):
        found = HyperliquidAccounts(client).transfers_since(ACCOUNT, from_millis(0))
    assert [(one.kind, one.amount, one.coin) for one in found] == [
        ("deposit", d("100"), ""),
        ("funding", d("-0.5"), "BTC"),
    ]


def test_the_leverage_of_a_new_position_is_read():
    with client_of({"activeAssetData": {"leverage": {"type": "isolated", "value": 7}}}) as (client, _):
        assert HyperliquidAccounts(client).leverage(ACCOUNT, "BTC") == (7, False)


def test_the_requests_that_an_address_has_sent_and_may_send_are_read_with_those_that_it_bought():
    limits = {"cumVlm": "1.0", "nRequestsUsed": 3, "nRequestsCap": 10001, "nRequestsSurplus": 500}
    with client_of({"userRateLimit": limits}) as (client, _):
        count = HyperliquidAccounts(client).request_count(ACCOUNT)
    assert (count, count.left) == (RequestCount(used=3, allowed=10501), 10498)


@pytest.mark.parametrize("state", [{}, [], None, {**STATE, "marginSummary": {"accountValue": "NaN"}}])
def test_a_state_of_an_unknown_shape_is_retryable(state: Any):
    with client_of({"clearinghouseState": state}) as (client, _), pytest.raises(Retryable) as caught:
        HyperliquidAccounts(client).summary(ACCOUNT)
    assert caught.value.code == "garbled_answer"


def check(
    master: dict[str, Any] | None = None,
    signer: dict[str, Any] | None = None,
    ends: timedelta | None = None,
    signer_address: str = AGENT,
    abstraction: str = "default",
):
    """Check a link; `ends` is the distance from the venue's time to the end of the agent's approval."""
    named = [] if ends is None else [{"address": AGENT, "name": "holdfast", "validUntil": to_millis(NOW + ends)}]
    roles = {MASTER: master or {"role": "user"}, AGENT: signer or {"role": "missing"}}
    answers = {
        "userRole": lambda body: roles[body["user"]],
        "userAbstraction": abstraction,
        "extraAgents": named,
        "clearinghouseState": STATE,
    }
    with client_of(answers) as (client, _):
        return HyperliquidAccounts(client).check_link(ACCOUNT, signer_address)


OURS = {"role": "agent", "data": {"user": MASTER}}


@pytest.mark.parametrize(
    ("facts", "ok", "code", "word"),
    [
        ({"signer": OURS, "ends": timedelta(days=90)}, True, "ok", "may trade"),
        ({"signer": OURS}, True, "ok", "may trade"),
        ({"signer_address": MASTER}, True, "ok", "may trade"),
        ({"signer": OURS, "ends": timedelta(days=3)}, True, "agent_expiring", "expires on 2026-11-24"),
        ({"signer": OURS, "ends": timedelta(days=-1)}, False, "agent_expired", "expired on 2026-11-20"),
        ({}, False, "agent_not_approved", "not approved"),
        ({"signer": {"role": "agent", "data": {"user": AGENT}}}, False, "agent_of_another", "would run"),
        ({"master": {"role": "missing"}}, False, "account_missing", "deposit USDC"),
        ({"master": {"role": "agent", "data": {"user": "0xthemaster"}}}, False, "address_is_agent", "0xthemaster"),
        ({"signer": OURS, "abstraction": "unifiedAccount"}, False, "account_unified", "standard mode"),
        ({"master": {"role": "vault"}}, False, "address_not_master", "is a vault"),
        ({"master": {"role": "subAccount", "data": {"master": AGENT}}}, False, "address_not_master", "is a subAccount"),
    ],
)
def test_a_link_has_one_sentence_for_what_is_wrong(facts: dict[str, Any], ok: bool, code: str, word: str):
    report = check(**facts)
    assert (report.ok, report.code) == (ok, code)
    assert word in report.sentence
    assert report.sentence.count(". ") == 0


def test_a_link_shows_when_the_approval_ends():
    assert check(signer=OURS, ends=timedelta(days=90)).valid_until == NOW + timedelta(days=90)


def test_after_a_429_reads_that_a_position_waits_for_come_before_the_others():
    now = [100.0]
    budget = RequestBudget(1_000_000, wait=timedelta(0), clock=lambda: now[0])
    answers = {"clearinghouseState": STATE, "frontendOpenOrders": [], "userFillsByTime": []}
    with client_of(answers, budget=budget) as (client, _):
        reader = HyperliquidAccounts(client)
        budget.refused()
        now[0] += 1.5
        for ask in (reader.portfolio, reader.open_orders, reader.summary):
            with pytest.raises(Retryable, match="budget"):
                ask(ACCOUNT)
            ask(ACCOUNT, is_urgent=True)
        with pytest.raises(Retryable, match="budget"):
            reader.fills_since(ACCOUNT, NOW)
        assert reader.fills_since(ACCOUNT, NOW, is_urgent=True) == ()


OF_ANOTHER = {"role": "agent", "data": {"user": "0x" + "9" * 40}}


@pytest.mark.parametrize(
    ("owner", "signer", "agents", "code"),
    [
        ({"role": "user"}, None, [], "ok"),
        ({"role": "missing"}, None, [], "ok"),
        (OF_ANOTHER, None, [], "address_is_agent"),
        ({"role": "vault"}, None, [], "address_not_master"),
        ({"role": "user"}, {"role": "missing"}, [], "ok"),
        ({"role": "user"}, OURS, [], "ok"),
        ({"role": "user"}, None, [{"address": AGENT, "name": "holdfast", "validUntil": 1}], "ok"),
        ({"role": "user"}, OF_ANOTHER, [], "agent_of_another"),
        ({"role": "user"}, {"role": "user"}, [], "key_is_an_account"),
        (OF_ANOTHER, {"role": "missing"}, [], "address_is_agent"),
    ],
)
def test_before_an_account_is_stored_the_venue_is_asked_whose_address_and_signer_are(
    owner: dict[str, Any], signer: dict[str, Any] | None, agents: list[Any], code: str
):
    roles = {MASTER: owner, AGENT: signer}
    answers = {"userRole": lambda body: roles[body["user"]], "extraAgents": agents}
    with client_of(answers) as (client, _):
        report = HyperliquidAccounts(client).check_address(MASTER, "" if signer is None and not agents else AGENT)
    assert (report.ok, report.code) == (code == "ok", code)
    assert report.sentence.count(". ") == 0
