"""Operating the venue: money, prices, faults, switches and the log of all orders. Open on loopback only."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from paper.engine.accounts import Fill
from paper.engine.matching import settle
from paper.engine.orders import Order, Origin
from paper.engine.trades import execute
from paper.fapi.cancelling import cancel
from paper.fapi.node import Node
from paper.fapi.numbers import bare, money
from paper.fapi.order_log import fill_log, order_log
from paper.fapi.params import Params
from paper.fapi.placing import place
from paper.fapi.reading import read_order
from paper.fapi.streams import Hub
from paper.fapi.ticking import run_market, update_prices
from paper.fapi.users import User, WalletAgent, new_user
from paper.fapi.venue import near_tick
from paper.faults import BadFault, Faults

Json = dict[str, Any]
ADDRESS = re.compile(r"0x[0-9a-f]{40}")
# The names of the paper Hyperliquid's reads, so that one fault script serves all venues.
KINDS = {
    "orderStatus": "order",
    "frontendOpenOrders": "openOrders",
    "userFills": "userTrades",
    "userFillsByTime": "userTrades",
    "clearinghouseState": "positionRisk",
}
SIDES = {"b": True, "buy": True, "long": True, "a": False, "s": False, "sell": False, "short": False}
YEAR_MS = 366 * 86_400_000


class BadControl(Exception):
    """A control request is wrong; the text says how."""


def _decimal(body: Json, *names: str) -> Decimal:
    try:
        value = Decimal(str(next(body[name] for name in names if name in body)))
    except (StopIteration, InvalidOperation):
        raise BadControl(f"{names[0]} must be a decimal.") from None
    if not value.is_finite():
        raise BadControl(f"{names[0]} must be a decimal.")
    return value


def _is_buy(body: Json) -> bool:
    side = str(body.get("side", "buy")).lower()
    if side not in SIDES:
        raise BadControl("side must be buy or sell.")
    return SIDES[side]


def _name(body: Json) -> str:
    name = str(body.get("user", "")).lower()
    if not name:
        raise BadControl("user must be a name.")
    return name


class Control:
    """The control requests; each returns JSON."""

    def __init__(self, node: Node, faults: Faults, hub: Hub) -> None:
        self._node = node
        self._faults = faults
        self._hub = hub

    @property
    def node(self) -> Node:
        """The venue that is operated."""
        return self._node

    def _coin(self, body: Json) -> str:
        contract = self._node.venue.by_symbol.get(str(body.get("symbol")))
        coin = contract.coin if contract is not None else str(body.get("coin"))
        if coin not in self._node.venue.contracts:
            raise BadControl(f"There is no coin {coin}; there are {', '.join(self._node.venue.contracts)}.")
        return coin

    def _user(self, name: str) -> User:
        """Return a user, a new one when this is the first word of it."""
        node = self._node
        if name not in node.users.by_name:
            node.users.add(new_user(name, node.venue.now()))
        user = node.users.by_name[name]
        node.account_of(user)
        return user

    def account(self, body: Json) -> Json:
        """Make or change a user: permissions, position mode, allowed addresses, and on wallets an agent."""
        node, user = self._node, self._user(_name(body))
        permissions = body.get("permissions") or {}
        user.can_trade = bool(permissions.get("trade", user.can_trade))
        user.can_withdraw = bool(permissions.get("withdraw", user.can_withdraw))
        user.can_futures = bool(permissions.get("futures", user.can_futures))
        user.ip_list = tuple(body.get("ip_list", user.ip_list))
        if "position_mode" in body:
            user.is_hedged = body["position_mode"] == "hedge"
        node.users.touch(user)
        if "signer" in body:
            self._add_agent(user, body)
        node.commit()
        return {
            "user": user.name,
            "api_key": user.api_key,
            "api_secret": user.secret,
            "alias": user.alias,
            "position_mode": "hedge" if user.is_hedged else "one_way",
        }

    def _add_agent(self, user: User, body: Json) -> None:
        address = str(body["signer"]).lower()
        if not ADDRESS.fullmatch(address):
            raise BadControl("signer must be an address.")
        agent = WalletAgent(
            user=user.name,
            address=address,
            name=str(body.get("agent_name", "paper")),
            expires_ms=int(body.get("expires_ms", self._node.venue.now() + YEAR_MS)),
            can_perp=user.can_trade,
            can_withdraw=user.can_withdraw,
            ip_list=user.ip_list,
        )
        self._node.users.put_agent(agent)

    def deposit(self, body: Json) -> Json:
        """Credit USDT; the first deposit makes the account. A negative amount takes money away."""
        node, amount = self._node, _decimal(body, "amount", "usdc", "usdt")
        account = node.account_of(self._user(_name(body)))
        account.cash += amount
        node.venue.deposited += amount
        node.venue.add_ledger(account, {"type": "deposit", "amount": money(amount)})
        node.commit()
        return {"user": account.address, "asset": str(body.get("asset", "USDT")), "balance": money(account.cash)}

    def requests(self, body: Json) -> Json:
        """Leave a user so many orders of an interval and hold it to that though limits may be off, or hold it no longer."""
        limits, user = self._node.limits, self._user(_name(body)).name
        left, interval = body.get("left"), str(body.get("interval", "1M"))
        if left is None:
            limits.held -= {each for each in limits.held if each[0] == user}
        elif not isinstance(left, int) or isinstance(left, bool) or left < 0:
            raise BadControl("left must be a whole number, zero or more.")
        else:
            seconds = _decimal(body, "seconds") if "seconds" in body else Decimal(10)
            limits.leave(user, interval, left, float(seconds), self._node.venue.clock())
        return {"user": user, "held": sorted(name for each, name in limits.held if each == user)}

    def price(self, body: Json) -> Json:
        """Jump mid and mark to a price, hold them, or let them go on from where they are."""
        node, coin = self._node, self._coin(body)
        market, now = node.venue.markets[coin], node.market_ms()
        px = market.mid
        if "px" in body:
            px = near_tick(_decimal(body, "px"), node.venue.contracts[coin].tick)
        if px <= 0:
            raise BadControl("px must be above zero.")
        if body.get("freeze"):
            node.feed.freeze(coin, px, now)
        else:
            node.feed.jump(coin, px, now)
        update_prices(node)
        # Rounding in the feed must not turn the price asked for into its neighbour.
        market.mid = market.mark = px
        market.liquidity.move(px)
        run_market(node)
        node.venue.changes.is_meta = True
        node.commit()
        return {"coin": coin, "px": bare(market.mark), "frozen": bool(body.get("freeze"))}

    def settings(self, body: Json) -> Json:
        """Turn switches, the engine's and those of these venues."""
        try:
            rest = {name: value for name, value in body.items() if not self._node.settings.change(name, value)}
            self._node.venue.settings.change(rest)
        except ValueError as error:
            raise BadControl(str(error)) from None
        self._node.apply_settings()
        self._node.venue.changes.is_meta = True
        self._node.commit()
        return self.shown_settings({})

    def shown_settings(self, query: dict[str, str]) -> Json:
        """List the switches."""
        del query
        return self._node.venue.settings.as_json() | self._node.settings.as_json()

    def trade(self, body: Json) -> Json:
        """Trade by hand for a user: at the market, or resting at `px`."""
        node, coin, name = self._node, self._coin(body), _name(body)
        if name not in node.users.by_name:
            raise BadControl(f"{name} has no account.")
        is_buy = _is_buy(body)
        values = {"symbol": node.venue.contracts[coin].symbol, "side": "BUY" if is_buy else "SELL"}
        values |= {"quantity": bare(_decimal(body, "sz")), "type": "LIMIT" if "px" in body else "MARKET"}
        if "px" in body:
            values |= {"price": bare(_decimal(body, "px")), "timeInForce": "GTC"}
        if body.get("reduce_only"):
            values["reduceOnly"] = "true"
        user = node.users.by_name[name]
        if user.is_hedged:
            values["positionSide"] = str(body.get("position_side", "LONG" if is_buy else "SHORT"))
        order = place(node, user, read_order(node, user, Params(values)), Origin(signer="manual"))
        order.is_manual = True
        node.commit()
        return order_log(node, order)

    def _order(self, body: Json) -> Order:
        oid = body.get("oid")
        order = self._node.venue.orders.get(oid) if isinstance(oid, int) else None
        if order is None:
            raise BadControl(f"There is no order {oid}.")
        return order

    def fill(self, body: Json) -> Json:
        """Fill a part of a resting order at its price, as if a taker had come for it."""
        venue, order = self._node.venue, self._order(body)
        if not order.is_resting or order.oid not in venue.books[order.user].open_oids:
            raise BadControl(f"Order {order.oid} does not rest in the book.")
        lot = self._node.contract_of(order.coin).step
        fraction = _decimal(body, "fraction") if "fraction" in body else Decimal(1)
        size = _decimal(body, "sz") if "sz" in body else (order.sz * fraction) // lot * lot
        if not 0 < size <= order.sz or size % lot:
            raise BadControl(f"{bare(size)} is no part of {bare(order.sz)} in lots of {bare(lot)}.")
        execute(venue, None, order, order.limit_px, size)
        settle(venue)
        self._node.commit()
        return order_log(self._node, order)

    def cancel(self, body: Json) -> Json:
        """Cancel an order by hand for its user."""
        order = self._order(body)
        cancel(self._node, order)
        self._node.commit()
        return order_log(self._node, order)

    def add_fault(self, body: Json) -> Json:
        """Put a fault in force."""
        if body.get("on") == "info" and body.get("type") in KINDS:
            body["type"] = KINDS[body["type"]]
        try:
            return self._faults.add(body).as_json()
        except BadFault as error:
            raise BadControl(str(error)) from None

    def faults(self, query: dict[str, str]) -> list[Json]:
        """List the faults in force with their hits."""
        del query
        return [rule.as_json() for rule in self._faults.rules]

    def clear_faults(self, query: dict[str, str]) -> Json:
        """Lift all faults, or the one of an `id`."""
        self._faults.clear(int(query["id"]) if "id" in query else None)
        return {"faults": len(self._faults.rules)}

    def orders(self, query: dict[str, str]) -> list[Json]:
        """List every order ever admitted, of one user or of all, oldest first; `since` in wall milliseconds."""
        since, user = int(query.get("since", 0)), query.get("user", "").lower()
        rows = self._node.venue.orders.values()
        return [order_log(self._node, row) for row in rows if row.admitted_ms >= since and user in {"", row.user}]

    def fills(self, query: dict[str, str]) -> list[Json]:
        """List every fill, of one user or of all, oldest first."""
        since, user = int(query.get("since", 0)), query.get("user", "").lower()
        books = self._node.venue.books
        found: list[Fill] = []
        for name in [user] if user else list(books):
            found += [row for row in books[name].fills if row.time >= since] if name in books else []
        return [fill_log(row) for row in sorted(found, key=lambda row: row.time)]

    def clock(self, query: dict[str, str]) -> Json:
        """Tell wall, block and market time."""
        del query
        node = self._node
        times = {"wall_ms": node.venue.clock(), "block_ms": node.venue.now(), "market_ms": node.market_ms()}
        return times | {"speed": node.feed.clock.speed}

    def health(self, query: dict[str, str]) -> Json:
        """Tell that the venue lives and how large it is."""
        node = self._node
        marks = {coin: bare(market.mark) for coin, market in node.venue.markets.items()}
        counts = {
            "accounts": len(node.venue.accounts),
            "orders": len(node.venue.orders),
            "connections": self._hub.count,
        }
        is_balanced = node.total_usd() == node.venue.deposited
        head = {"status": "ok", "venue": node.dialect.name}
        return {**head, **counts, "marks": marks, "balanced": is_balanced, **self.clock(query)}
