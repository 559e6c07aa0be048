"""The venue's rows as ours: filters and not precisions, signs, fees, triggers, and one strange row that stops nothing else."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.instruments import Rounding, floor_size, round_price
from domain.money import Money, Price, Quantity
from domain.orders import Side, TriggerKind
from tests.unit.venues.build_fapi import NOW, algo_row, row
from venues.fapi import rows as read
from venues.fapi.answers import BAD_SHAPE


def symbol(**changed: Any) -> dict[str, Any]:
    """A perpetual of `exchangeInfo`."""
    plain = {
        "symbol": "BTCUSDT",
        "contractType": "PERPETUAL",
        "quoteAsset": "USDT",
        "status": "TRADING",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "filters": filters(),
    }
    return plain | changed


def filters(tick: str = "0.10", step: str = "0.001", **more: dict[str, Any]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {
        "PRICE_FILTER": {"tickSize": tick, "minPrice": tick, "maxPrice": "1000000"},
        "LOT_SIZE": {"stepSize": step, "minQty": step, "maxQty": "1000"},
        "MIN_NOTIONAL": {"notional": "100"},
        "PERCENT_PRICE": {"multiplierUp": "1.0500", "multiplierDown": "0.9500", "multiplierDecimal": 4},
    }
    found.update(more)
    return [{"filterType": name, **fields} for name, fields in found.items()]


def instrument(**changed: Any) -> Any:
    return read.read_instrument("binance", 3, symbol(**changed), max_leverage=20)


def test_an_instrument_is_read_by_its_filters_and_not_by_its_precisions():
    found = instrument()
    assert (found.coin, found.asset_id, found.price_decimals, found.size_decimals) == ("BTC", 3, 1, 3)
    assert (found.minimum_notional, found.price_band, found.significant_figures) == (
        Decimal(100),
        Decimal("0.05"),
        None,
    )
    assert not found.is_delisted


def test_the_narrower_side_of_the_price_band_counts():
    wide = filters(PERCENT_PRICE={"multiplierUp": "1.15", "multiplierDown": "0.97"})
    assert instrument(filters=wide).price_band == Decimal("0.03")


@pytest.mark.parametrize("status", ["SETTLING", "PENDING_TRADING", "CLOSE", "BREAK"])
def test_a_symbol_that_does_not_trade_is_marked(status: str):
    assert instrument(status=status).is_delisted


@pytest.mark.parametrize(
    "changed",
    [{"contractType": "CURRENT_QUARTER"}, {"quoteAsset": "USDC", "symbol": "BTCUSDC"}, {"symbol": "BTCUSDT_260327"}],
)
def test_dated_contracts_and_other_quotes_are_left_out(changed: dict[str, Any]):
    assert read.read_instruments("binance", [symbol(**changed)], max_leverage=20) == ([], [])


@pytest.mark.parametrize(
    "changed",
    [
        {"filters": []},
        {"filters": filters(tick="0")},
        {"filters": filters(tick="2")},
        {"filters": filters(step="NaN")},
        {"filters": None},
    ],
)
def test_a_symbol_whose_rules_cannot_be_kept_is_left_out_by_name_and_the_others_stay(changed: dict[str, Any]):
    rows: list[Any] = [symbol(symbol="ODDUSDT", **changed), symbol()]
    found, strange = read.read_instruments("binance", rows, max_leverage=20)
    assert ([one.coin for one in found], strange) == (["BTC"], ["ODDUSDT"])
    with pytest.raises(BAD_SHAPE):
        read.read_instruments("binance", rows[:1], max_leverage=20)


STEPS = st.builds(
    lambda digit, places: Decimal(digit).scaleb(-places), st.sampled_from([1, 2, 5, 25]), st.integers(0, 7)
)


@given(tick=STEPS, step=STEPS, px=st.decimals("0.000001", "200000", places=9), size=st.decimals("0", "1e6", places=9))
def test_every_rounded_price_and_size_passes_the_filters(tick: Decimal, step: Decimal, px: Decimal, size: Decimal):
    assume(tick <= 1)
    found = instrument(filters=filters(tick=str(tick), step=str(step)))
    for rounding in Rounding:
        rounded = round_price(Price(px), found, rounding)
        assert rounded % tick == 0
    assert round_price(Price(px), found, Rounding.DOWN) <= px <= round_price(Price(px), found, Rounding.UP)
    assert found.lot % step == 0
    if size >= found.lot:
        floored = floor_size(Quantity(size), found)
        assert floored % step == 0
        assert size - found.lot < floored <= size


def test_an_open_order_shows_what_remains():
    found = read.read_order(row(origQty="0.040", executedQty="0.010"))
    assert (found.size, found.original_size, found.oid, found.trigger) == (
        Decimal("0.030"),
        Decimal("0.040"),
        "77",
        None,
    )
    assert found.is_opening


def test_a_waiting_stop_of_the_order_endpoint_is_a_trigger_that_reduces():
    waiting = row(type="TAKE_PROFIT_MARKET", stopPrice="66000", price="0", origQty="0", closePosition=True, side="SELL")
    found = read.read_order(waiting)
    assert found.trigger is not None
    assert (found.trigger.kind, found.trigger.px, found.trigger.whole_position) == (
        TriggerKind.TAKE_PROFIT,
        Price(Decimal(66000)),
        True,
    )
    assert (found.limit_px, found.reduce_only, found.side) == (Decimal(66000), True, Side.SELL)


def test_a_trailing_stop_that_a_user_placed_by_hand_is_read_and_stops_nothing():
    assert read.read_order(row(type="TRAILING_STOP_MARKET", price="0")).trigger is not None
    found = read.read_algo_order(algo_row(orderType="TRAILING_STOP_MARKET", triggerPrice="", closePosition=False))
    assert found.trigger is not None
    assert not found.trigger.whole_position


def test_an_algo_order_has_a_number_apart_from_orders():
    found = read.read_algo_order(algo_row())
    assert (found.oid, found.client_id, found.reduce_only, found.placed_at.year) == (
        "algo-9",
        algo_row()["clientAlgoId"],
        True,
        2023,
    )


def fill(**changed: Any) -> dict[str, Any]:
    plain = {
        "symbol": "BTCUSDT",
        "id": 5,
        "orderId": 77,
        "side": "SELL",
        "price": "60000.1",
        "qty": "0.010",
        "realizedPnl": "-1.5",
        "commission": "0.24",
        "commissionAsset": "USDT",
        "time": 1_700_000_000_000,
        "maker": True,
    }
    return plain | changed


def test_a_fill_names_its_order_by_number_and_its_fee_is_positive_when_paid():
    found = read.read_fill("a", fill())
    assert (found.oid, found.trade_id, found.is_taker, found.client_id) == ("77", "5", False, "")
    assert (found.fee, found.closed_pnl, found.signed_size) == (Decimal("0.24"), Decimal("-1.5"), Decimal("-0.010"))


def test_a_fee_in_another_coin_is_not_taken_for_dollars():
    assert read.read_fill("a", fill(commissionAsset="BNB", commission="0.0004")).fee == 0


def position(**changed: Any) -> dict[str, Any]:
    plain = {
        "symbol": "BTCUSDT",
        "positionAmt": "-0.020",
        "entryPrice": "60000",
        "markPrice": "59000",
        "unRealizedProfit": "20",
        "liquidationPrice": "0",
        "leverage": "10",
        "marginType": "cross",
        "isolatedMargin": "0",
        "positionSide": "BOTH",
    }
    return plain | changed


def test_a_position_is_signed_and_a_liquidation_price_of_zero_is_none():
    found = read.read_position(position())
    assert (found.size, found.leverage, found.liquidation_px) == (Decimal("-0.020"), 10, None)
    assert found.margin_used == Decimal("0.020") * 59000 / 10
    isolated = read.read_position(position(marginType="isolated", isolatedMargin="130", liquidationPrice="65000"))
    assert (isolated.margin_used, isolated.liquidation_px) == (Decimal(130), Decimal(65000))


def test_a_portfolio_leaves_flat_positions_out():
    totals = {"totalMarginBalance": "1000", "availableBalance": "900", "totalInitialMargin": "100"}
    found = read.read_portfolio("a", NOW, totals, [position(), position(symbol="ETHUSDT", positionAmt="0.000")])
    assert ([one.coin for one in found.positions], found.equity) == (["BTC"], Decimal(1000))


@pytest.mark.parametrize("changed", [{"positionAmt": "many"}, {"entryPrice": None}, {"markPrice": "Infinity"}])
def test_a_position_with_a_strange_number_is_not_read_as_something_else(changed: dict[str, Any]):
    with pytest.raises(BAD_SHAPE):
        read.read_position(position(**changed))


def income(kind: str, amount: str, **more: Any) -> dict[str, Any]:
    return {
        "incomeType": kind,
        "income": amount,
        "asset": "USDT",
        "symbol": "",
        "time": 1_700_000_000_000,
        "tranId": 1,
        "tradeId": "",
    } | more


@pytest.mark.parametrize(
    ("kind", "amount", "ours"),
    [
        ("TRANSFER", "10", "deposit"),
        ("TRANSFER", "-10", "withdrawal"),
        ("INTERNAL_TRANSFER", "-1", "withdrawal"),
        ("FUNDING_FEE", "-0.5", "funding"),
        ("INSURANCE_CLEAR", "-3", "other"),
        ("SOMETHING_NEW", "1", "other"),
    ],
)
def test_income_has_a_kind_and_a_sign(kind: str, amount: str, ours: str):
    found = read.read_income(income(kind, amount))
    assert found is not None
    assert (found.kind, found.amount) == (ours, Money(Decimal(amount)))


@pytest.mark.parametrize("kind", ["COMMISSION", "REALIZED_PNL"])
def test_what_fills_say_already_is_no_transfer(kind: str):
    assert read.read_income(income(kind, "-1", symbol="BTCUSDT")) is None


def test_income_in_another_coin_is_not_taken_for_dollars():
    found = read.read_income(income("TRANSFER", "2", asset="BNB"))
    assert found is not None
    assert found.amount == 0
