"""Reading an order from its parameters: what must be there, what must not, and the filters of the contract."""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass
from decimal import Decimal

from paper.fapi.contracts import Contract
from paper.fapi.errors import Refused, missing, unwanted
from paper.fapi.hedging import BOTH, SIDES
from paper.fapi.node import Node
from paper.fapi.numbers import at_least, bare
from paper.fapi.params import Params
from paper.fapi.terms import CONDITIONAL, LIMIT, MARKET, PRICED, TRAILING, Terms
from paper.fapi.users import User

ZERO = Decimal(0)
CLIENT_ID = re.compile(r"[\.A-Z\:/a-z0-9_-]{1,36}")
TYPES = frozenset({LIMIT, MARKET, *CONDITIONAL})
WORKING = frozenset({"MARK_PRICE", "CONTRACT_PRICE"})
STP = frozenset({"NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"})
_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An order as it was asked for; the terms have no order id yet."""

    contract: Contract
    is_buy: bool
    terms: Terms


def contract_of(node: Node, params: Params) -> Contract:
    """Return the contract that `symbol` names."""
    found = node.venue.by_symbol.get(params.text("symbol"))
    if found is None:
        raise Refused(-1121)
    return found


def read_order(node: Node, user: User, params: Params, *, is_algo: bool = False) -> Wish:
    """Read an order of the order endpoint, or of the algo order service, whose names differ."""
    contract = contract_of(node, params)
    side = params.one_of("side", {"BUY", "SELL"}, -1117)
    kind = params.one_of("type", TYPES, -1116)
    if kind in CONDITIONAL and node.dialect.has_algo_service and not is_algo:
        raise Refused(-4120)
    if kind not in CONDITIONAL and is_algo:
        raise Refused(-1116)
    terms = _terms(node, user, params, contract, kind, is_algo=is_algo)
    _check_side(user, terms, side)
    return Wish(contract=contract, is_buy=side == "BUY", terms=terms)


def _terms(node: Node, user: User, params: Params, contract: Contract, kind: str, *, is_algo: bool) -> Terms:
    stop_name = "triggerPrice" if is_algo else "stopPrice"
    closes = params.flag("closePosition")
    _check_combination(params, kind, user, stop_name, closes=closes)
    active = params.decimal("activatePrice" if is_algo else "activationPrice")
    callback = _callback(node, params) if kind == TRAILING else ZERO
    stp_name = "selfTradePreventionMode" if node.dialect.has_algo_service else "stpMode"
    return Terms(
        oid=0,
        client_id=client_id(params, "clientAlgoId" if is_algo else "newClientOrderId"),
        type=kind,
        original_type=kind,
        tif=_tif(node, params, kind),
        position_side=_position_side(user, params),
        qty=_quantity(params, contract, is_market=kind not in PRICED, closes=closes),
        price=_price(params, contract, "price") if kind in PRICED else ZERO,
        stop_price=_price(params, contract, stop_name) if kind in CONDITIONAL and kind != TRAILING else ZERO,
        working_type=params.one_of("workingType", WORKING, -4031, "CONTRACT_PRICE"),
        price_protect=params.maybe("priceProtect", "false").lower() == "true",
        close_position=closes,
        reduce_only=params.flag("reduceOnly"),
        stp=params.one_of(stp_name, STP, -1130, user.stp),
        price_match=params.maybe("priceMatch", "NONE"),
        good_till=_good_till(node, params),
        activate_price=active or ZERO,
        callback=callback,
        is_algo=is_algo,
    )


def _check_combination(params: Params, kind: str, user: User, stop_name: str, *, closes: bool) -> None:
    if kind == MARKET and params.has("timeInForce"):
        raise unwanted("timeInForce")
    if kind not in PRICED and params.has("price"):
        raise unwanted("price")
    if kind not in CONDITIONAL and params.has(stop_name):
        raise unwanted(stop_name)
    if closes and kind not in {"STOP_MARKET", "TAKE_PROFIT_MARKET"}:
        raise Refused(-4136, f"Target strategy invalid for orderType {kind},closePosition true")
    if closes and params.has("quantity"):
        raise Refused(-4137)
    if params.has("reduceOnly") and (closes or user.is_hedged):
        raise unwanted("reduceonly")


def _tif(node: Node, params: Params, kind: str) -> str:
    allowed = node.dialect.times_in_force
    if kind == LIMIT:
        return params.one_of("timeInForce", allowed, -1115)
    return params.one_of("timeInForce", allowed, -1115, "GTC")


def _good_till(node: Node, params: Params) -> int:
    if params.maybe("timeInForce") != "GTD":
        return 0
    stamp = params.integer("goodTillDate")
    if stamp <= node.venue.now() + 600_000:
        raise Refused(-1130, "Data sent for parameter 'goodTillDate' is not valid.")
    return stamp // 1000 * 1000


def _callback(node: Node, params: Params) -> Decimal:
    rate = params.decimal("callbackRate")
    if rate is None:
        raise missing("callbackRate")
    if not Decimal("0.1") <= rate <= node.dialect.largest_callback:
        raise Refused(-2007, "Invalid callBack rate")
    return rate


def _position_side(user: User, params: Params) -> str:
    side = params.one_of("positionSide", SIDES, -1116, BOTH)
    if (side == BOTH) is user.is_hedged:
        raise Refused(-4061)
    return side


def _check_side(user: User, terms: Terms, side: str) -> None:
    if terms.close_position and user.is_hedged and (terms.position_side == "LONG") is (side == "BUY"):
        raise Refused(-2022)


def client_id(params: Params, name: str) -> str:
    """Return the client's id, or a new one when it gave none."""
    given = params.maybe(name)
    if not given:
        return "".join(secrets.choice(_LETTERS) for _ in range(22))
    if len(given) > 36:
        raise Refused(-4015, "Client order id length should be less than 36 chars")
    if not CLIENT_ID.fullmatch(given):
        raise Refused(-4015)
    return given


def _quantity(params: Params, contract: Contract, *, is_market: bool, closes: bool) -> Decimal:
    if closes:
        return ZERO
    qty = params.decimal("quantity")
    if qty is None:
        raise missing("quantity")
    return checked_quantity(qty, contract, is_market=is_market)


def checked_quantity(qty: Decimal, contract: Contract, *, is_market: bool) -> Decimal:
    """Return a quantity that keeps the lot filters."""
    if qty <= 0:
        raise Refused(-4003)
    if qty % contract.step:
        raise Refused(-1111)
    if qty < contract.step:
        raise Refused(-4004)
    if qty > (contract.market_max_qty if is_market else contract.max_qty):
        raise Refused(-4005)
    return qty


def _price(params: Params, contract: Contract, name: str) -> Decimal:
    px = params.decimal(name)
    if px is None:
        if name == "price" and params.maybe("priceMatch", "NONE") != "NONE":
            return ZERO
        raise missing(name)
    return checked_price(px, contract)


def checked_price(px: Decimal, contract: Contract) -> Decimal:
    """Return a price that keeps the price filter."""
    if px <= 0:
        raise Refused(-4001)
    exponent = px.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > contract.price_decimals:
        raise Refused(-1111)
    if px % contract.tick:
        raise Refused(-4014)
    if px > contract.max_price:
        raise Refused(-4002)
    if px < contract.min_price:
        raise Refused(-4013, f"Price less than min price {bare(contract.min_price)}.")
    return px


def check_band(px: Decimal, mark: Decimal, contract: Contract, *, is_buy: bool) -> None:
    """Refuse a limit too far on the wrong side of the mark."""
    cap, floor = mark * contract.multiplier_up, mark * contract.multiplier_down
    if is_buy and px > cap:
        raise Refused(-4016, f"Limit price can't be higher than {at_least(cap.quantize(contract.tick), 2)}.")
    if not is_buy and px < floor:
        raise Refused(-4024, f"Limit price can't be lower than {at_least(floor.quantize(contract.tick), 2)}.")
