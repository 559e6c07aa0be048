"""Read the venue's rows into ours. Raises one of BAD_SHAPE on a shape that is not documented."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.accounts import HeldPosition, Portfolio, RestingOrder
from domain.candles import Candle
from domain.fills import Fill
from domain.instruments import Instrument
from domain.money import ZERO, Money, Price, money, parse_decimal, price, quantity
from domain.orders import Side, Trigger, TriggerKind
from venues.base import Transfer
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.wire import QUOTE, from_millis, to_algo_oid, to_coin

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_NAMED_DECIMALS = range(12, -7, -1)
_INCOME = {
    "TRANSFER": "transfer",
    "FUNDING_FEE": "funding",
    "INTERNAL_TRANSFER": "transfer",
    "CROSS_COLLATERAL_TRANSFER": "transfer",
    "STRATEGY_UMFUTURES_TRANSFER": "transfer",
    "COIN_SWAP_DEPOSIT": "transfer",
    "COIN_SWAP_WITHDRAW": "transfer",
}
# What fills say already.
FILL_INCOME = frozenset({"COMMISSION", "REALIZED_PNL"})


def is_tradable(row: Mapping[str, Any]) -> bool:
    """Whether a symbol is a USDT perpetual: dated contracts and other quotes are not traded here."""
    is_linear = row["contractType"] == "PERPETUAL" and row["quoteAsset"] == QUOTE
    return is_linear and str(row["symbol"]).endswith(QUOTE)


def read_instruments(
    venue: str, rows: list[Mapping[str, Any]], *, max_leverage: int
) -> tuple[list[Instrument], list[str]]:
    """Read the USDT perpetuals, and name those whose rules we cannot keep: one strange symbol must not stop all the others."""
    found: list[Instrument] = []
    strange: list[str] = []
    for place, row in enumerate(rows):
        try:
            if is_tradable(row):
                found.append(read_instrument(venue, place, row, max_leverage=max_leverage))
        except BAD_SHAPE:
            strange.append(str(row.get("symbol")))
    if strange and not found:
        raise ValueError("no symbol can be read")
    return found, strange


def read_instrument(
    venue: str, place: int, row: Mapping[str, Any], *, max_leverage: int, minimum: Money | None = None
) -> Instrument:
    """Read a symbol by its filters; its precisions are not its steps (documentation of exchangeInfo)."""
    filters = {entry["filterType"]: entry for entry in row["filters"]}
    band = filters.get("PERCENT_PRICE")
    least = filters.get("MIN_NOTIONAL")
    return Instrument(
        venue=venue,
        coin=to_coin(row["symbol"]),
        asset_id=place,
        size_decimals=decimals_of(parse_decimal(filters["LOT_SIZE"]["stepSize"])),
        price_decimals=_price_decimals(parse_decimal(filters["PRICE_FILTER"]["tickSize"])),
        significant_figures=None,
        minimum_notional=money(least["notional"]) if least is not None else minimum or Money(Decimal(5)),
        price_band=_band(band) if band is not None else Decimal("0.05"),
        max_leverage=max_leverage,
        is_delisted=row["status"] != "TRADING",
    )


def _price_decimals(tick: Decimal) -> int:
    """Return the decimals of prices; a tick above one cannot be kept, since an integer price is always one of ours."""
    if (decimals := decimals_of(tick)) < 0:
        raise ValueError(f"a tick of {tick}")
    return decimals


def _band(row: Mapping[str, Any]) -> Decimal:
    return min(parse_decimal(row["multiplierUp"]) - 1, 1 - parse_decimal(row["multiplierDown"]))


def decimals_of(step: Decimal) -> int:
    """Return the finest power of ten that is a multiple of a step: a tick of 0.05 is kept by tenths."""
    for decimals in _NAMED_DECIMALS:
        if step > 0 and Decimal(1).scaleb(-decimals) % step == 0:
            return decimals
    raise ValueError(f"no power of ten is a multiple of {step}")


def read_candle(row: list[Any]) -> Candle:
    """Read a kline."""
    return Candle(
        time=from_millis(row[0]),
        open=price(row[1]),
        high=price(row[2]),
        low=price(row[3]),
        close=price(row[4]),
        volume=quantity(row[5]),
    )


def read_fill(account_id: str, row: Mapping[str, Any]) -> Fill:
    """Read a row of `userTrades`: it names the order by number alone, and its fee is positive when paid."""
    return Fill(
        account_id=account_id,
        time=from_millis(row["time"]),
        coin=to_coin(row["symbol"]),
        trade_id=str(row["id"]),
        oid=str(row["orderId"]),
        side=_SIDES[row["side"]],
        px=price(row["price"]),
        size=quantity(row["qty"]),
        fee=_fee(row),
        closed_pnl=money(row["realizedPnl"]),
        is_taker=not row["maker"],
    )


def _fee(row: Mapping[str, Any]) -> Money:
    # A fee in another coin (BNB) is not worth its number in dollars: it is known by `transfers_since`.
    return money(row["commission"]) if row["commissionAsset"] in {QUOTE, "USDC", "BUSD", "FDUSD"} else Money(ZERO)


def is_conditional(row: Mapping[str, Any]) -> bool:
    """Whether an order waits for a trigger."""
    return str(row.get("type", row.get("orderType", ""))).startswith(("STOP", "TAKE_PROFIT", "TRAILING"))


def read_trigger(row: Mapping[str, Any]) -> Trigger | None:
    """Read the trigger of an order that still waits for one."""
    if not is_conditional(row):
        return None
    name = str(row.get("orderType") or row["type"])
    kind = TriggerKind.TAKE_PROFIT if name.startswith("TAKE_PROFIT") else TriggerKind.STOP_LOSS
    px = row.get("triggerPrice") or row.get("stopPrice") or "0"
    return Trigger(px=price(px), kind=kind, whole_position=bool(row.get("closePosition")))


def read_order(row: Mapping[str, Any]) -> RestingOrder:
    """Read a row of `openOrders`."""
    size, filled = quantity(row["origQty"]), parse_decimal(row["executedQty"])
    trigger = read_trigger(row)
    return RestingOrder(
        coin=to_coin(row["symbol"]),
        oid=str(row["orderId"]),
        client_id=row["clientOrderId"],
        side=_SIDES[row["side"]],
        size=quantity(str(size - filled)),
        original_size=size,
        limit_px=price(row["price"]) if parse_decimal(row["price"]) or trigger is None else trigger.px,
        reduce_only=bool(row["reduceOnly"]) or bool(row.get("closePosition")),
        placed_at=from_millis(row.get("time", row["updateTime"])),
        trigger=trigger,
    )


def read_algo_order(row: Mapping[str, Any]) -> RestingOrder:
    """Read a row of `openAlgoOrders`; older samples call `orderType` just `type`."""
    trigger, size = read_trigger(row), quantity(row.get("quantity") or "0")
    if trigger is None:
        raise ValueError("an algo order without a trigger")
    limit = row.get("price") or "0"
    return RestingOrder(
        coin=to_coin(row["symbol"]),
        oid=to_algo_oid(row["algoId"]),
        client_id=row["clientAlgoId"],
        side=_SIDES[row["side"]],
        size=size,
        original_size=size,
        limit_px=price(limit) if parse_decimal(limit) else trigger.px,
        reduce_only=bool(row.get("reduceOnly")) or bool(row.get("closePosition")),
        placed_at=from_millis(row["createTime"]),
        trigger=trigger,
    )


def read_position(row: Mapping[str, Any]) -> HeldPosition:
    """Read a row of `positionRisk`; a liquidation price of zero means that there is none."""
    size, mark = quantity(row["positionAmt"]), price(row["markPrice"])
    leverage, liquidation = int(row.get("leverage") or 1), parse_decimal(row["liquidationPrice"])
    used = row.get("isolatedMargin") if row.get("marginType") == "isolated" else row.get("positionInitialMargin")
    return HeldPosition(
        coin=to_coin(row["symbol"]),
        size=size,
        entry_px=price(row["entryPrice"]),
        mark_px=mark,
        unrealised_pnl=money(row["unRealizedProfit"]),
        margin_used=money(used) if used else Money(abs(size) * mark / max(leverage, 1)),
        leverage=leverage,
        liquidation_px=Price(liquidation) if liquidation > 0 else None,
    )


def read_portfolio(
    account_id: str,
    as_of: datetime,
    account: Mapping[str, Any],
    positions: list[Mapping[str, Any]],
    orders: tuple[RestingOrder, ...] = (),
) -> Portfolio:
    """Read the account's totals and its positions that are not flat."""
    return Portfolio(
        account_id=account_id,
        as_of=as_of,
        equity=money(account["totalMarginBalance"]),
        available=money(account["availableBalance"]),
        margin_used=money(account["totalInitialMargin"]),
        positions=tuple(read_position(row) for row in positions if parse_decimal(row["positionAmt"])),
        orders=orders,
    )


def read_income(row: Mapping[str, Any]) -> Transfer | None:
    """Read a row of `income`; None for what fills say already. What is not in dollars counts as nothing."""
    kind = str(row["incomeType"])
    if kind in FILL_INCOME:
        return None
    amount = money(row["income"])
    name = _INCOME.get(kind, "other")
    if name == "transfer":
        # From and to the venue's own wallets: to a perpetuals account that is what a deposit is.
        name = "deposit" if amount > 0 else "withdrawal"
    symbol = str(row.get("symbol") or "")
    return Transfer(
        time=from_millis(row["time"]),
        kind=name,
        amount=amount if row.get("asset", QUOTE) == QUOTE else Money(ZERO),
        coin=to_coin(symbol),
        reference=str(row["tranId"]),
    )
