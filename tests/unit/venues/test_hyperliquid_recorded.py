"""Answers recorded from mainnet parse, and say what the recording says."""

import itertools
import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from domain.accounts import RequestCount
from domain.orders import TriggerKind
from tests.unit.venues.build import ACCOUNT, client_of, d
from venues.hyperliquid import answers
from venues.hyperliquid.accounts import HyperliquidAccounts
from venues.hyperliquid.client import Reply
from venues.hyperliquid.links import LinkFacts, judge_link
from venues.hyperliquid.market import closed_candles, read_universe
from venues.hyperliquid.wire import from_millis

DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[4] / "shared" / "data")) / "api"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="no recorded answers: set HOLDFAST_DATA to the folder of the data"),
]


def cassette(name: str, place: int = -1) -> Any:
    """The JSON body of an answer that the SDK's tests recorded."""
    recorded = yaml.safe_load((DATA / "hyperliquid_sdk_cassettes" / f"test_{name}.yaml").read_text())
    return json.loads(recorded["interactions"][place]["response"]["body"]["string"])


def nautilus(name: str) -> Any:
    return json.loads((DATA / "nautilus_hyperliquid" / f"{name}.json").read_text())


def test_every_documented_order_error_is_in_the_table():
    rows = nautilus("exchange_error_messages")["errors"]
    texts = [row["message"].removeprefix("(Spot-only) ") for row in rows if row["source"] == "Order"]
    assert len(texts) > 15
    for text in texts:
        status = {"status": "ok", "response": {"type": "order", "data": {"statuses": [{"error": text}]}}}
        answer = answers.sort_order(Reply(status=200, body=json.dumps(status).encode()))
        assert answer.verdict.value == "refused", text


def test_open_orders_are_triggers_with_their_prices():
    with client_of({"frontendOpenOrders": cassette("get_frontend_open_orders")}) as (client, _):
        orders = HyperliquidAccounts(client).open_orders(ACCOUNT)
    triggers = [order.trigger for order in orders if order.trigger is not None]
    assert {(trigger.kind, trigger.px) for trigger in triggers} >= {
        (TriggerKind.TAKE_PROFIT, d("10.004")),
        (TriggerKind.STOP_LOSS, d("9.995")),
    }
    assert all(order.reduce_only for order in orders if order.trigger is not None)


@pytest.mark.parametrize("name", ["get_user_fills", "get_user_fills_by_time"])
def test_fills_come_oldest_first_and_opening_ones_realise_nothing(name: str):
    recorded = cassette(name)
    with client_of({"userFillsByTime": recorded}, timeout=timedelta(seconds=10)) as (client, _):
        fills = HyperliquidAccounts(client).fills_since(ACCOUNT, from_millis(0))
    assert len(fills) > 100
    assert all(earlier.time <= later.time for earlier, later in itertools.pairwise(fills))
    total = sum(Decimal(row["sz"]) for row in {str(sorted(row.items())): row for row in recorded}.values())
    assert sum(fill.size for fill in fills) == total


def test_funding_and_transfers_are_signed_as_the_venue_signs_them():
    funding, ledger = (
        cassette("user_funding_history_with_end_time"),
        cassette("user_non_funding_ledger_updates_without_end_time"),
    )
    with client_of({"userFunding": funding, "userNonFundingLedgerUpdates": ledger}) as (client, _):
        found = HyperliquidAccounts(client).transfers_since(ACCOUNT, from_millis(0))
    paid = sum(one.amount for one in found if one.kind == "funding")
    assert paid == sum(Decimal(row["delta"]["usdc"]) for row in funding)
    assert next(one.amount for one in found if one.kind == "deposit") == d("2703997.4500000002")
    assert next(one.amount for one in found if one.kind == "transfer") == d("-12.0")


def test_candles_are_bars_with_a_gapless_step():
    rows = cassette("get_candles_snapshot")
    now = from_millis(rows[-1]["T"])
    series = closed_candles(rows[0]["s"], rows[0]["i"], rows, now, wanted=5000, settle=timedelta()).series
    assert series.candles
    steps = {later.time - earlier.time for earlier, later in itertools.pairwise(series.candles)}
    assert steps <= {series.step}
    assert all(bar.low <= bar.close <= bar.high for bar in series.candles)


def test_roles_agents_and_request_budgets_are_read():
    facts = LinkFacts(
        address="0xd42f2bB0e06455eDB652e27b7374FC2bDa8448ee",
        signer="0x286EDFA08c04f6899dab3bfdecf2dd133f9733b9",
        master_role={"role": "user"},
        signer_role={"role": "agent", "data": {"user": "0xD42F2bB0e06455eDB652e27b7374FC2bDa8448ee"}},
        abstraction="default",
        agents=cassette("extra_agents"),
        now=datetime(2026, 1, 2, tzinfo=UTC),
    )
    report = judge_link(facts)
    assert (report.ok, report.code) == (True, "agent_expiring")
    assert report.valid_until == from_millis(1767776120478)
    assert cassette("user_role")["role"] == "vault"
    with client_of({"userRateLimit": cassette("user_rate_limit")}) as (client, _):
        assert HyperliquidAccounts(client).request_count(ACCOUNT) == RequestCount(
            used=36589831368, allowed=170043731737
        )


def test_instruments_and_contexts_are_read():
    universe = nautilus("http_meta_perp_sample")["universe"]
    contexts = dict(nautilus("ws_all_dexs_asset_ctxs")["data"]["ctxs"])[""][: len(universe)]
    instruments, found = read_universe([{"universe": universe}, contexts])
    assert [(i.coin, i.asset_id, i.size_decimals, i.price_decimals, i.max_leverage) for i in instruments.values()] == [
        ("BTC", 0, 5, 1, 40),
        ("ETH", 1, 4, 2, 25),
        ("ATOM", 2, 2, 4, 5),
    ]
    assert not any(i.is_delisted or i.only_isolated for i in instruments.values())
    assert found["BTC"]["markPx"] == "77562.0"
