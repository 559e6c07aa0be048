"""Operating the venue: money, prices, faults, switches and the log of all orders. Open on loopback only."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from ipaddress import ip_address
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from paper.engine.cancelling import cancel
from paper.engine.errors import OrderRefused
from paper.engine.instruments import tick_down, tick_up
from paper.engine.matching import settle
from paper.engine.orders import Origin, Tif
from paper.engine.placing import place_batch
from paper.engine.requests import ActionContext, Failed, OrderRequest
from paper.engine.trades import execute
from paper.engine.venue import PaperVenue
from paper.faults import BadFault, Faults
from paper.hyperliquid import wire
from paper.hyperliquid.control_input import BadControl, coin_of, decimal_of, is_buy_of, user_of, whole_of
from paper.hyperliquid.control_market import set_price, set_rules
from paper.hyperliquid.limits import requests_cap
from paper.hyperliquid.node import Node
from paper.hyperliquid.order_log import order_log
from paper.hyperliquid.wire import bare, number, usd
from paper.hyperliquid.ws import Hub

Json = dict[str, Any]
REACH = Decimal("0.1")


class Control:
    """The control requests; each returns JSON."""

    def __init__(self, node: Node, faults: Faults, hub: Hub) -> None:
        self._node = node
        self._faults = faults
        self._hub = hub

    @property
    def venue(self) -> PaperVenue:
        """The venue that is operated."""
        return self._node.venue

    def deposit(self, body: Json) -> Json:
        """Credit USDC; the first deposit makes the account. A negative amount takes money away."""
        venue, amount = self._node.venue, decimal_of(body, "usdc")
        account = venue.open_account(user_of(body))
        account.cash += amount
        venue.deposited += amount
        venue.add_ledger(account, {"type": "deposit", "usdc": usd(amount)})
        self._node.commit()
        return {"user": account.address, "usdc": usd(account.cash)}

    def requests(self, body: Json) -> Json:
        """Leave an account so many requests and hold it to them though limits may be off, or hold it to them no longer.

        Below zero it has sent so many too many, and must trade for as much before it is free again. `throttled` says that the one
        request which is let through every ten seconds beyond them has just been.
        """
        account = self.venue.account(user_of(body))
        if account is None:
            raise BadControl(f"{body['user']} has no account.")
        counted = self._node.limits.counted
        if "left" in body:
            account.requests_used = max(requests_cap(account) - whole_of(body, "left"), 0)
            account.last_throttled_ms = self.venue.now() if body.get("throttled") else 0
            counted.add(account.address)
        else:
            counted.discard(account.address)
        self.venue.touch(account)
        self._node.commit()
        return {
            "user": account.address,
            "used": account.requests_used,
            "cap": requests_cap(account),
            "is_counted": account.address in counted,
        }

    def price(self, body: Json) -> Json:
        """Jump mid and mark to a price, hold them, or let them go on from where they are."""
        return set_price(self._node, body)

    def market(self, body: Json) -> Json:
        """Change the rules of a coin."""
        return set_rules(self._node, body)

    def settings(self, body: Json) -> Json:
        """Turn switches."""
        try:
            self._node.change_settings(body)
        except ValueError as error:
            raise BadControl(str(error)) from None
        return self._node.venue.settings.as_json()

    def shown_settings(self, query: dict[str, str]) -> Json:
        """List the switches."""
        del query
        return self._node.venue.settings.as_json()

    def trade(self, body: Json) -> Json:
        """Trade by hand for a user: at the market, or resting at `px`."""
        venue, coin, size = self._node.venue, coin_of(self.venue, body), decimal_of(body, "sz")
        user = user_of(body)
        if user not in venue.accounts:
            raise BadControl(f"{user} has no account.")
        is_buy = is_buy_of(body)
        market = venue.markets[coin]
        decimals = market.perp.tick_decimals
        reach = tick_up(market.mid * (1 + REACH), decimals) if is_buy else tick_down(market.mid * (1 - REACH), decimals)
        wanted = OrderRequest(
            asset=market.perp.asset,
            is_buy=is_buy,
            limit_px=decimal_of(body, "px") if "px" in body else reach,
            sz=size,
            reduce_only=bool(body.get("reduce_only")),
            tif=Tif.GTC if "px" in body else Tif.FRONTEND_MARKET,
            trigger=None,
            cloid=None,
        )
        context = ActionContext(user=user, origin=Origin(signer="manual"), is_manual=True)
        outcome = place_batch(venue, context, [wanted])[0]
        self._node.commit()
        if isinstance(outcome, Failed):
            raise BadControl(outcome.text)
        return order_log(venue.orders[outcome.oid])

    def fill(self, body: Json) -> Json:
        """Fill a part of a resting order at its price, as if a taker had come for it."""
        venue, oid = self._node.venue, body.get("oid")
        order = venue.orders.get(oid) if isinstance(oid, int) else None
        if order is None or not order.is_resting:
            raise BadControl(f"Order {oid} does not rest in the book.")
        fraction = decimal_of(body, "fraction") if "fraction" in body else Decimal(1)
        lot = venue.markets[order.coin].perp.lot
        size = decimal_of(body, "sz") if "sz" in body else (order.sz * fraction) // lot * lot
        if not 0 < size <= order.sz or size % lot:
            raise BadControl(f"{bare(size)} is no part of {bare(order.sz)} in lots of {bare(lot)}.")
        execute(venue, None, order, order.limit_px, size)
        settle(venue)
        self._node.commit()
        return order_log(order)

    def cancel(self, body: Json) -> Json:
        """Cancel an order by hand for its user."""
        venue, oid = self._node.venue, body.get("oid")
        order = venue.orders.get(oid) if isinstance(oid, int) else None
        if order is None:
            raise BadControl(f"There is no order {oid}.")
        try:
            cancel(venue, order.user, order.asset, order.oid)
        except OrderRefused as refused:
            raise BadControl(refused.text) from None
        self._node.commit()
        return order_log(order)

    def add_fault(self, body: Json) -> Json:
        """Put a fault in force."""
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
        number = int(query["id"]) if "id" in query else None
        self._faults.clear(number)
        return {"faults": len(self._faults.rules)}

    def orders(self, query: dict[str, str]) -> list[Json]:
        """List every order ever admitted, of one user or of all, oldest first; `since` in wall milliseconds."""
        since = int(query.get("since", 0))
        rows = self._node.venue.orders.values()
        user = query.get("user", "").lower()
        return [order_log(row) for row in rows if row.admitted_ms >= since and user in {"", row.user}]

    def fills(self, query: dict[str, str]) -> list[Json]:
        """List every fill, of one user or of all, oldest first."""
        since, user = int(query.get("since", 0)), query.get("user", "").lower()
        books = self._node.venue.books
        wanted = [user] if user else list(books)
        rows = [row for name in wanted if name in books for row in books[name].fills if row.time >= since]
        return [{"user": row.user, **wire.fill(row)} for row in sorted(rows, key=lambda row: row.time)]

    def clock(self, query: dict[str, str]) -> Json:
        """Tell wall, block and market time."""
        del query
        node = self._node
        times = {"wall_ms": node.venue.clock(), "block_ms": node.venue.now(), "market_ms": node.market_ms()}
        return times | {"speed": node.feed.clock.speed}

    def health(self, query: dict[str, str]) -> Json:
        """Tell that the venue lives and how large it is."""
        venue = self._node.venue
        marks = {coin: number(market.mark) for coin, market in venue.markets.items()}
        counts = {"accounts": len(venue.accounts), "orders": len(venue.orders), "connections": self._hub.count}
        balanced = self._node.total_usd() == venue.deposited
        return {
            "status": "ok",
            "venue": "hyperliquid",
            **counts,
            "marks": marks,
            "balanced": balanced,
            **self.clock(query),
        }


def _from_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _guarded(answer: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        if not _from_loopback(request):
            return JSONResponse({"error": "Control is open on loopback only."}, 403)
        try:
            return JSONResponse(await answer(request))
        except (BadControl, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return respond


def _posted(venue: PaperVenue, answer: Callable[[Json], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Any:
        body = json.loads(await request.body() or b"{}")
        if not isinstance(body, dict):
            raise BadControl("The body must be a JSON object.")
        venue.begin_block()
        try:
            return answer(body)
        finally:
            venue.block_ms = None

    return _guarded(respond)


def _got(answer: Callable[[dict[str, str]], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Any:
        return answer(dict(request.query_params))

    return _guarded(respond)


def control_routes(control: Control) -> list[Route]:
    """Return the routes under /control."""
    posts = {
        "deposit": control.deposit,
        "price": control.price,
        "market": control.market,
        "settings": control.settings,
        "requests": control.requests,
        "trade": control.trade,
        "fill": control.fill,
        "cancel": control.cancel,
        "faults": control.add_fault,
    }
    gets: dict[str, Callable[[dict[str, str]], Any]] = {
        "orders": control.orders,
        "fills": control.fills,
        "faults": control.faults,
        "settings": control.shown_settings,
        "clock": control.clock,
        "health": control.health,
    }
    lift = _got(control.clear_faults)
    return [
        *(
            Route(f"/control/{name}", _posted(control.venue, answer), methods=["POST"])
            for name, answer in posts.items()
        ),
        *(Route(f"/control/{name}", _got(answer), methods=["GET"]) for name, answer in gets.items()),
        Route("/control/faults", lift, methods=["DELETE"]),
    ]
