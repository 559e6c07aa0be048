"""Read the venue's rows into ours. Raises KeyError, TypeError, ValueError or Refused on a shape that is not
documented."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.accounts import HeldPosition, Portfolio, RestingOrder
from domain.candles import Candle
from domain.errors import Refused
from domain.fills import Fill
from domain.instruments import Instrument
from domain.money import ZERO, Money, Price, money, parse_decimal, price, quantity
from domain.orders import Side, Trigger, TriggerKind
from venues.base import Transfer
from venues.hyperliquid.wire import from_cloid, from_millis

VENUE = "hyperliquid"
BAD_SHAPE = (KeyError, TypeError, ValueError, AttributeError, IndexError, Refused)
PRICE_DECIMALS = 6
_SIDES = {"B": Side.BUY, "A": Side.SELL}


def read_side(row: Mapping[str, Any]) -> Side:
    """Read B as buy and A (ask) as sell."""
    return _SIDES[row["side"]]


def read_instrument(asset_id: int, row: Mapping[str, Any]) -> Instrument:
    """Read an entry of `meta.universe`; its place is its asset id, delisted entries included."""
    size_decimals = int(row["szDecimals"])
    return Instrument(
        venue=VENUE,
        coin=row["name"],
        asset_id=asset_id,
        size_decimals=size_decimals,
        price_decimals=PRICE_DECIMALS - size_decimals,
        max_leverage=int(row.get("maxLeverage", 1)),
        only_isolated=bool(row.get("onlyIsolated")) or row.get("marginMode") in {"strictIsolated", "noCross"},
        is_delisted=bool(row.get("isDelisted")),
    )


def read_candle(row: Mapping[str, Any]) -> Candle:
    """Read a bar."""
    return Candle(
        time=from_millis(row["t"]),
        open=price(row["o"]),
        high=price(row["h"]),
        low=price(row["l"]),
        close=price(row["c"]),
        volume=quantity(row["v"]),
    )


def read_fill(account_id: str, address: str, row: Mapping[str, Any]) -> Fill:
    """Read a fill; a liquidation is ours only when the liquidated user is (the other side's fill carries it too)."""
    liquidation: Mapping[str, Any] = row.get("liquidation") or {}
    liquidated = str(liquidation.get("liquidatedUser") or "")
    return Fill(
        account_id=account_id,
        time=from_millis(row["time"]),
        coin=row["coin"],
        # Rows of 2023 carry no trade id.
        trade_id=str(row.get("tid", row["hash"])),
        oid=str(row["oid"]),
        side=read_side(row),
        px=price(row["px"]),
        size=quantity(row["sz"]),
        fee=money(row["fee"]),
        closed_pnl=money(row["closedPnl"]),
        start_position=quantity(row["startPosition"]),
        client_id=from_cloid(row.get("cloid")),
        is_taker=bool(row["crossed"]),
        is_liquidation=liquidated.lower() == address.lower(),
    )


def read_trigger(row: Mapping[str, Any]) -> Trigger | None:
    """Read the trigger of an order that still waits for one; None for any other order, a fired one included."""
    if not row.get("isTrigger"):
        return None
    kind = TriggerKind.TAKE_PROFIT if str(row["orderType"]).startswith("Take Profit") else TriggerKind.STOP_LOSS
    return Trigger(px=price(row["triggerPx"]), kind=kind, whole_position=bool(row.get("isPositionTpsl")))


def read_order(row: Mapping[str, Any]) -> RestingOrder:
    """Read a row of `frontendOpenOrders`."""
    return RestingOrder(
        coin=row["coin"],
        oid=str(row["oid"]),
        client_id=from_cloid(row.get("cloid")),
        side=read_side(row),
        size=quantity(row["sz"]),
        original_size=quantity(row["origSz"]),
        limit_px=price(row["limitPx"]),
        reduce_only=bool(row.get("reduceOnly")),
        placed_at=from_millis(row["timestamp"]),
        trigger=read_trigger(row),
    )


def read_position(row: Mapping[str, Any]) -> HeldPosition:
    """Read a position; its mark is what its value says, its funding is turned round so that received is positive."""
    size, value = quantity(row["szi"]), money(row["positionValue"])
    entry, liquidation = row.get("entryPx"), row.get("liquidationPx")
    funding = (row.get("cumFunding") or {}).get("sinceOpen", "0")
    return HeldPosition(
        coin=row["coin"],
        size=size,
        entry_px=price(entry) if entry is not None else Price(Decimal(0)),
        mark_px=Price(value / abs(size)) if size else Price(Decimal(0)),
        unrealised_pnl=money(row["unrealizedPnl"]),
        margin_used=money(row.get("marginUsed", "0")),
        leverage=int(row["leverage"]["value"]),
        liquidation_px=price(liquidation) if liquidation is not None else None,
        funding_since_open=Money(-parse_decimal(funding)),
    )


def read_portfolio(account_id: str, state: Mapping[str, Any], orders: tuple[RestingOrder, ...] = ()) -> Portfolio:
    """Read `clearinghouseState`; its `time` is the venue's block time."""
    summary = state["marginSummary"]
    return Portfolio(
        account_id=account_id,
        as_of=read_time(state),
        equity=money(summary["accountValue"]),
        available=money(state["withdrawable"]),
        margin_used=money(summary["totalMarginUsed"]),
        positions=tuple(read_position(row["position"]) for row in state["assetPositions"]),
        orders=orders,
    )


def read_time(state: Mapping[str, Any]) -> datetime:
    """Read the venue's clock from an answer."""
    return from_millis(state["time"])


def is_perpetual(coin: str) -> bool:
    """Whether a coin is a perpetual of the main venue: spot pairs, outcomes and builder markets are not traded here."""
    return not coin.startswith(("@", "#", "+")) and "/" not in coin and ":" not in coin


def read_funding(row: Mapping[str, Any]) -> Transfer:
    """Read a row of `userFunding`; the venue's sign is ours, negative is paid."""
    delta = row["delta"]
    time, amount = from_millis(row["time"]), money(delta["usdc"])
    return Transfer(time=time, kind="funding", amount=amount, coin=delta["coin"], reference=row["hash"])


def read_ledger(address: str, row: Mapping[str, Any]) -> Transfer:
    """Read a row of `userNonFundingLedgerUpdates` as what it does to the perpetuals balance."""
    delta = row["delta"]
    kind, amount = _ledger_entry(delta, address.lower())
    return Transfer(time=from_millis(row["time"]), kind=kind, amount=Money(amount), reference=row["hash"])


def _ledger_entry(delta: Mapping[str, Any], address: str) -> tuple[str, Decimal]:
    def amount(name: str) -> Decimal:
        return parse_decimal(str(delta.get(name) or "0"))

    match delta["type"]:
        case "deposit":
            return "deposit", amount("usdc")
        case "withdraw":
            return "withdrawal", -(amount("usdc") + amount("fee"))
        case "accountClassTransfer":
            return "transfer", amount("usdc") if delta["toPerp"] else -amount("usdc")
        case "internalTransfer" | "subAccountTransfer":
            is_credit = str(delta["destination"]).lower() == address
            return "transfer", amount("usdc") if is_credit else -(amount("usdc") + amount("fee"))
        case "send":
            return "transfer", _sent(delta, address, amount("usdcValue"))
        case "vaultCreate" | "vaultDeposit":
            return "transfer", -(amount("usdc") + amount("fee"))
        case "vaultWithdraw":
            return "transfer", amount("netWithdrawnUsd")
        case "vaultDistribution" | "vaultLeaderCommission":
            return "transfer", amount("usdc")
        case _:
            # Liquidations, rewards and spot moves do not change this balance; fills and funding tell the rest.
            return "other", ZERO


def _sent(delta: Mapping[str, Any], address: str, value: Decimal) -> Decimal:
    """Return what a `send` does to the main perpetuals balance, whose dex is the empty name."""
    credit = value if str(delta["destination"]).lower() == address and delta["destinationDex"] == "" else ZERO
    debit = value if str(delta["user"]).lower() == address and delta["sourceDex"] == "" else ZERO
    return credit - debit
