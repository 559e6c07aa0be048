"""Our parsers read every recorded answer of the kinds that the platform asks for; the others are named with the reason."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from domain.orders import TriggerKind
from tests.conformance import recorded
from tests.conformance.recorded import DATA, NEEDS_DATA
from venues.fapi import rows as fapi
from venues.fapi.stream import read_events
from venues.hyperliquid import answers, rows
from venues.hyperliquid.client import Reply
from venues.hyperliquid.market import closed_candles, read_universe
from venues.hyperliquid.wire import from_millis

pytestmark = NEEDS_DATA
OWNER = "0x" + "ab" * 20


def _universe(answer: Any) -> int:
    instruments, _ = read_universe([answer, [{"markPx": "1.0"} for _ in answer["universe"]]])
    return len(instruments)


def _candles(answer: Any) -> int:
    now = from_millis(answer[-1]["T"])
    series = closed_candles(answer[0]["s"], answer[0]["i"], answer, now, wanted=5000, settle=timedelta())
    return len(series.series.candles)


def _rate_limit(answer: Any) -> int:
    return int(answer["nRequestsUsed"]) + int(answer["nRequestsCap"])


def _errors(answer: Any) -> int:
    for row in answer["errors"]:
        text = row["message"].removeprefix("(Spot-only) ")
        is_cancel = row["source"] == "Cancel"
        status = {"status": "ok", "response": {"type": "order", "data": {"statuses": [{"error": text}]}}}
        sort = answers.sort_cancel if is_cancel else answers.sort_order
        assert sort(Reply(status=200, body=json.dumps(status).encode())).verdict.value == "refused", text
    return len(answer["errors"])


# What the SDK's tests recorded, by the type of the request.
CASSETTES: dict[str, Callable[[Any], Any]] = {
    "meta": _universe,
    "candleSnapshot": _candles,
    "frontendOpenOrders": lambda answer: [rows.read_order(row) for row in answer],
    "userFills": lambda answer: [rows.read_fill("a", OWNER, row) for row in answer],
    "userFillsByTime": lambda answer: [rows.read_fill("a", OWNER, row) for row in answer],
    "userFunding": lambda answer: [rows.read_funding(row) for row in answer],
    "userNonFundingLedgerUpdates": lambda answer: [rows.read_ledger(OWNER, row) for row in answer],
    "l2Book": rows.read_time,
    "extraAgents": lambda answer: [from_millis(row["validUntil"]) for row in answer],
    "userRole": lambda answer: answer["role"],
    "userRateLimit": _rate_limit,
}
CASSETTES_NOT_ASKED = {
    "allMids": "marks, mids and oracle prices come together in metaAndAssetCtxs",
    "openOrders": "it hides what a trigger is; frontendOpenOrders is asked",
    "fundingHistory": "the running rate comes in metaAndAssetCtxs, payments in userFunding",
    "portfolio": "equity is journalled by the platform itself",
}
SAMPLES: dict[str, Callable[[Any], Any]] = {
    "exchange_error_messages": _errors,
    "http_meta_perp_sample": _universe,
    "ws_all_dexs_asset_ctxs": lambda answer: dict(answer["data"]["ctxs"])[""],
}
SAMPLES_NOT_ASKED = {
    "http_funding_history": "as fundingHistory above",
    "http_l2_book_btc": "written by hand without the time that we read",
    "http_l2_book_snapshot": "the same",
    "http_spot_clearinghouse_state": "perpetuals alone are traded; check_link tells of unified accounts by userAbstraction",
    "ws_allmids": "as allMids above",
    "ws_book_data": "books are not followed: an order's worst price comes from the mark",
}


def _triggered(row: Any) -> Any:
    order = fapi.read_algo_order(row)
    assert order.trigger is not None
    assert order.trigger.kind is TriggerKind.STOP_LOSS
    return order


BINANCE: dict[str, Callable[[Any], Any]] = {
    "http_json_account_info_v2": lambda answer: fapi.read_portfolio("a", from_millis(0), answer, []),
    "http_json_open_algo_orders": lambda answer: [_triggered(row) for row in answer],
    "http_json_order_response": fapi.read_order,
    "http_json_position_risk": lambda answer: [fapi.read_position(row) for row in answer],
}
BINANCE_STREAM = {
    "user_data_json_account_update": [],
    "user_data_json_algo_update_canceled": ["order"],
    "user_data_json_algo_update_new": ["order"],
    "user_data_json_order_update_new": ["order"],
    "user_data_json_order_update_trade": ["fill"],
    "user_data_json_order_update_trade_partial": ["fill"],
}
BINANCE_NOT_ASKED = {
    "http_json_balance": "the account's totals come with /fapi/v3/account",
    "user_data_json_trade_lite": "the same fill comes as ORDER_TRADE_UPDATE, with its account's words",
    **{
        f"market_data_json_{name}": "public streams are not followed: an order's worst price comes from the mark"
        for name in (
            "agg_trade_stream",
            "book_ticker_stream",
            "depth_update_stream",
            "kline_stream_closed",
            "kline_stream_open",
            "mark_price_stream",
            "ticker_stream",
            "trade_stream",
        )
    },
}


@pytest.mark.parametrize("kind", list(CASSETTES))
def test_an_answer_that_the_sdk_recorded_is_read(kind: str):
    found = recorded.info(kind)
    assert found
    assert all(CASSETTES[kind](answer) for answer in found)


def test_every_recorded_answer_is_read_or_never_asked_for():
    kinds = {request["type"] for request, _ in recorded.cassettes()}
    assert kinds == {*CASSETTES, *CASSETTES_NOT_ASKED}
    names = {path.stem for path in (DATA / "api" / "nautilus_hyperliquid").glob("*.json")}
    assert names == {*SAMPLES, *SAMPLES_NOT_ASKED}
    assert set(recorded.binance_names()) == {*BINANCE, *BINANCE_STREAM, *BINANCE_NOT_ASKED}


@pytest.mark.parametrize("name", list(SAMPLES))
def test_a_sample_of_hyperliquid_is_read(name: str):
    assert SAMPLES[name](recorded.hyperliquid(name))


@pytest.mark.parametrize("name", list(BINANCE))
def test_a_sample_of_binance_is_read(name: str):
    assert BINANCE[name](recorded.binance(name))


@pytest.mark.parametrize("name", list(BINANCE_STREAM))
def test_an_event_of_binances_user_stream_is_read(name: str):
    """ACCOUNT_UPDATE tells nothing that an order's event does not: it wakes nobody."""
    events = list(read_events(json.dumps(recorded.binance(name)), "binance:account"))
    assert [event.kind for event in events] == BINANCE_STREAM[name]
    assert all(event.coin and event.client_id and event.oid for event in events)


def test_every_fill_of_recorded_followers_and_leaders_is_read():
    found = 0
    for path in sorted((DATA / "fills").glob("*.json")):
        for row in _fill_rows(json.loads(path.read_text())):
            fill = rows.read_fill("a", OWNER, row)
            assert fill.size > 0
            assert fill.trade_id
            found += 1
    assert found > 2000


def _fill_rows(document: Any) -> list[Any]:
    if isinstance(document, list) and (not document or "px" in document[0]):
        return document
    below = document.values() if isinstance(document, dict) else document
    return [row for item in below if isinstance(item, dict | list) for row in _fill_rows(item)]


def test_every_recorded_book_and_trade_of_five_minutes_is_read():
    books, trades = recorded.hyperliquid_messages("l2Book"), recorded.hyperliquid_messages("trades")
    assert all(rows.read_time(book) for book in books)
    assert all(rows.read_side(trade) for batch in trades for trade in batch)
    assert (len(books), sum(map(len, trades))) >= (285, 931)


# The traffic that cryptofeed recorded: books, best prices, trades and running candles, none of which decides an order.
TRAFFIC_NOT_ASKED = {
    "/fapi/v1/depth": "an order's worst price comes from the mark and the best prices (premiumIndex, ticker/bookTicker)",
    "aggTrade": "public streams are not followed",
    "bookTicker": "the same; best prices are asked for with the marks",
    "depthUpdate": "the same",
    "kline": "closed bars are asked for by klines",
}


def test_every_kind_of_recorded_traffic_of_binance_is_named_with_the_reason_why_it_is_not_read():
    asked = {urlsplit(address).path for address, _ in recorded.binance_answers()}
    told = {str(message["data"]["e"]) for message in recorded.binance_messages()}
    assert asked | told == TRAFFIC_NOT_ASKED.keys()


def test_public_messages_that_stray_into_a_user_stream_wake_nobody_and_break_nothing():
    messages = [json.dumps(message) for message in recorded.binance_messages()]
    assert len(messages) > 1500
    assert [event for text in messages for event in read_events(text, "binance:account")] == []


def test_nothing_of_aster_is_recorded_so_that_its_documentation_is_all_there_is_to_read():
    """Its samples are in tests/unit/venues; a recording that comes to the data has to be read here."""
    assert [path.name for path in (DATA / "api").iterdir() if "aster" in path.name.lower()] == []
