"""What a user's stream tells: orders, fills, balances, positions, conditions (reference 2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from paper.engine.accounts import Fill, FundingPayment, LedgerUpdate
from paper.engine.changes import Changes, OrderChanged
from paper.engine.orders import Order, OrderEvent, Status
from paper.fapi.account_wire import break_even, wallet
from paper.fapi.hedging import side_of
from paper.fapi.node import Node
from paper.fapi.numbers import ZERO, bare, fixed, money
from paper.fapi.order_wire import side
from paper.fapi.terms import TRAILING, Terms, status_of

Json = dict[str, Any]
Told = tuple[str, Json]


def messages(node: Node, changes: Changes) -> Iterator[Told]:
    """Yield (user, event) of a batch of changes, in the order in which they happened."""
    now = node.venue.now()
    notices, node.notices = node.notices, []
    for user, kind, body in notices:
        yield user, {"e": kind, "T": now, "E": now, **body}
    done = _before(node, changes)
    for event in changes.events:
        match event:
            case OrderChanged():
                yield from _order_changed(node, event, now)
            case Fill():
                done[event.oid] = done.get(event.oid, ZERO) + event.sz
                yield from _filled(node, event, done[event.oid], now)
            case FundingPayment():
                yield (
                    event.user,
                    _account_update(node, event.user, "FUNDING_FEE", _paying(node, event), event.usdc, now),
                )
            case LedgerUpdate():
                yield from _ledger(node, event, now)


def _paying(node: Node, event: FundingPayment) -> list[str]:
    """Return the positions to show with a funding payment: an isolated one pays it itself (reference 2.4)."""
    held = node.venue.accounts[event.user].positions.get(event.coin)
    return [event.coin] if held is not None and not held.is_cross else []


def _before(node: Node, changes: Changes) -> dict[int, Decimal]:
    """Return what each order had filled before this batch."""
    done: dict[int, Decimal] = {}
    for event in changes.events:
        if isinstance(event, Fill) and event.oid in node.venue.orders:
            done[event.oid] = done.get(event.oid, node.venue.orders[event.oid].filled_sz) - event.sz
    return done


def _ledger(node: Node, event: LedgerUpdate, now: int) -> Iterator[Told]:
    kind = event.delta.get("type")
    if kind == "deposit":
        amount = Decimal(str(event.delta["amount"]))
        yield event.user, _account_update(node, event.user, "DEPOSIT" if amount > 0 else "WITHDRAW", [], amount, now)
    elif kind == "insurance":
        amount = Decimal(str(event.delta["amount"]))
        yield event.user, _account_update(node, event.user, "INSURANCE_CLEAR", [], amount, now)
    elif kind == "margin":
        yield event.user, _account_update(node, event.user, "MARGIN_TRANSFER", [], ZERO, now)


def _account_update(node: Node, user: str, reason: str, coins: list[str], change: Decimal, now: int) -> Json:
    account = node.venue.accounts[user]
    balance = {"a": "USDT", "wb": money(wallet(account)), "cw": money(account.cash), "bc": money(change)}
    rows = [_position(node, user, key) for key in coins]
    return {"e": "ACCOUNT_UPDATE", "T": now, "E": now, "a": {"B": [balance], "P": rows, "m": reason}}


def _position(node: Node, user: str, key: str) -> Json:
    account, contract = node.venue.accounts[user], node.contract_of(key)
    held = account.positions.get(key)
    realised = sum((fill.closed_pnl for fill in node.venue.books[user].fills if fill.coin == key), ZERO)
    choice = node.venue.leverage(account, key)
    is_cross = held.is_cross if held else choice.is_cross
    return {
        "s": contract.symbol,
        "pa": bare(held.szi) if held else "0",
        "ep": bare(held.entry_px.quantize(Decimal("1e-8"))) if held else "0",
        "cr": bare(realised.quantize(Decimal("1e-8"))),
        "up": bare(held.unrealized(node.venue.mark(key)).quantize(Decimal("1e-8"))) if held else "0",
        "mt": "cross" if is_cross else "isolated",
        "iw": bare(held.collateral.quantize(Decimal("1e-8"))) if held else "0",
        "ps": side_of(key),
        "ma": "USDT",
        "bep": bare(break_even(node, held).quantize(Decimal("1e-8"))) if held else "0",
    }


def _order_changed(node: Node, event: OrderChanged, now: int) -> Iterator[Told]:
    row, change = event.order, event.event
    terms = node.terms_of(row)
    if terms.is_algo:
        yield row.user, _algo_update(node, row, terms, change, now)
        return
    execution = _execution(row, terms, change)
    if execution is not None:
        yield row.user, order_update(node, row, execution, change, now)


def _execution(row: Order, terms: Terms, change: OrderEvent) -> str | None:
    """Return the execution type of a change; fills tell themselves."""
    if not change.is_status:
        return None
    match change.status:
        case Status.OPEN:
            return "NEW"
        case Status.TRIGGERED:
            return "EXPIRED"
        case Status.FILLED:
            return "EXPIRED" if row.filled_sz < terms.qty else None
        case _:
            return "CANCELED" if status_of(row, terms, change) == "CANCELED" else "EXPIRED"


def _filled(node: Node, fill: Fill, done: Decimal, now: int) -> Iterator[Told]:
    row = node.venue.orders.get(fill.oid)
    user = fill.user
    change = fill.closed_pnl - fill.fee
    if row is not None and node.dialect.has_algo_service:
        yield user, _lite(node, row, fill, now)
    yield user, _account_update(node, user, "ORDER", [fill.coin], change, now)
    if row is not None:
        body = order_update(node, row, "TRADE", None, now)
        body["o"] |= _trade_fields(node, row, fill, done)
        yield user, body


def _trade_fields(node: Node, row: Order, fill: Fill, done: Decimal) -> Json:
    contract, terms = node.contract_of(row.coin), node.terms_of(row)
    is_whole = done >= terms.qty
    return {
        "ap": fixed(row.average_px, max(contract.price_decimals, 2)),
        "x": "CALCULATED" if row.is_liquidation else "TRADE",
        "X": "FILLED" if is_whole else "PARTIALLY_FILLED",
        "l": fixed(fill.sz, contract.size_decimals),
        "z": fixed(done, contract.size_decimals),
        "L": fixed(fill.px, contract.price_decimals),
        "N": "USDT",
        "n": money(fill.fee),
        "T": fill.time,
        "t": fill.tid,
        "m": not fill.crossed,
        "rp": bare(fill.closed_pnl.quantize(Decimal("1e-8"))),
    }


def _lite(node: Node, row: Order, fill: Fill, now: int) -> Json:
    contract, terms = node.contract_of(row.coin), node.terms_of(row)
    return {
        "e": "TRADE_LITE",
        "E": now,
        "T": fill.time,
        "s": contract.symbol,
        "q": fixed(terms.qty, contract.size_decimals),
        "p": fixed(terms.price, contract.price_decimals),
        "m": not fill.crossed,
        "c": terms.client_id,
        "S": side(is_buy=row.is_buy),
        "L": fixed(fill.px, contract.price_decimals),
        "l": fixed(fill.sz, contract.size_decimals),
        "t": fill.tid,
        "i": row.oid,
    }


def order_update(node: Node, row: Order, execution: str, change: OrderEvent | None, now: int) -> Json:
    """Return an ORDER_TRADE_UPDATE as of a change, or as of now."""
    contract, terms = node.contract_of(row.coin), node.terms_of(row)
    is_first_life = change is not None and change.status is Status.TRIGGERED
    filled = row.filled_sz if change is None else min(row.filled_sz, max(terms.qty - change.sz, ZERO))
    status = "EXPIRED" if execution == "EXPIRED" and is_first_life else status_of(row, terms, change)
    if execution == "NEW":
        status, filled = "NEW", ZERO
    kind = terms.original_type if is_first_life or (change is not None and not change.is_fired) else terms.type
    body: Json = {
        "s": contract.symbol,
        "c": terms.client_id,
        "S": side(is_buy=row.is_buy),
        "o": "LIQUIDATION" if row.is_liquidation else kind,
        "f": terms.tif,
        "q": fixed(terms.qty, contract.size_decimals),
        "p": fixed(terms.price, contract.price_decimals) if terms.price else "0",
        "ap": fixed(row.average_px, max(contract.price_decimals, 2)) if filled else "0",
        "sp": fixed(terms.stop_price, contract.price_decimals) if terms.stop_price else "0",
        "x": execution,
        "X": status,
        "i": row.oid,
        "l": "0",
        "z": fixed(filled, contract.size_decimals) if filled else "0",
        "L": "0",
        "N": "USDT",
        "n": "0",
        "T": now if change is None else change.ms,
        "t": 0,
        "b": "0",
        "a": "0",
        "m": False,
        "R": terms.reduce_only or terms.close_position,
        "wt": terms.working_type,
        "ot": terms.original_type,
        "ps": terms.position_side,
        "cp": terms.close_position,
    }
    if terms.original_type == TRAILING:
        body |= {"AP": bare(terms.activate_price), "cr": bare(terms.callback)}
    body |= {"pP": terms.price_protect, "si": 0, "ss": 0, "rp": "0"}
    if node.dialect.has_algo_service:
        body |= {"V": terms.stp, "pm": terms.price_match, "gtd": terms.good_till}
    return {"e": "ORDER_TRADE_UPDATE", "T": now, "E": now, "o": body}


def _algo_update(node: Node, row: Order, terms: Terms, change: OrderEvent, now: int) -> Json:
    contract = node.contract_of(row.coin)
    child = node.venue.orders.get(terms.child) if terms.child is not None else None
    status = "TRIGGERED" if change is not row.events[-1] and terms.algo_status == "FINISHED" else terms.algo_status
    body: Json = {
        "caid": terms.client_id,
        "aid": row.oid,
        "at": "CONDITIONAL",
        "o": terms.original_type,
        "s": contract.symbol,
        "S": side(is_buy=row.is_buy),
        "ps": terms.position_side,
        "f": terms.tif,
        "q": bare(terms.qty),
        "X": str(status),
        "ai": str(terms.child) if terms.child is not None else "",
        "ap": fixed(child.average_px if child else ZERO, 5),
        "aq": fixed(child.filled_sz if child else ZERO, 5),
        "act": "MARKET" if child is not None and not terms.price else "LIMIT" if child is not None else "0",
        "tp": bare(terms.stop_price),
        "p": bare(terms.price),
        "V": terms.stp,
        "wt": terms.working_type,
        "pm": terms.price_match,
        "cp": terms.close_position,
        "pP": terms.price_protect,
        "R": terms.reduce_only or terms.close_position,
        "tt": terms.fired_ms,
        "gtd": terms.good_till,
        "rm": terms.reason,
    }
    return {"e": "ALGO_UPDATE", "T": change.ms, "E": now, "o": body}
