"""Which fills the venue itself forced: trades do not say it, the client id of their order does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock

from domain.accounts import AccountRef
from domain.fills import Fill
from venues.base import SigningKey
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.client import NOT_FOUND, FapiClient, VenueError, garbled
from venues.fapi.dialect import Paths
from venues.fapi.limits import Priority
from venues.fapi.wire import Call, to_symbol

# Client ids of the venue's own orders (documentation of ORDER_TRADE_UPDATE): liquidations, deleveraging, delistings.
PREFIXES = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
# Older closes are history, and each order costs a request the first time.
RECENT = timedelta(days=1)
MOST_KNOWN = 10_000


class ForcedOrders:
    """Looks up the orders behind recent closing fills, each once. Safe to use from many threads."""

    def __init__(
        self,
        client: FapiClient,
        keys: Callable[[AccountRef], SigningKey],
        paths: Callable[[SigningKey], Paths],
    ) -> None:
        self._client = client
        self._keys = keys
        self._paths = paths
        self._known: dict[tuple[str, str, str], bool] = {}
        self._lock = Lock()

    def marked(self, account: AccountRef, fills: list[Fill], now: datetime, priority: Priority) -> list[Fill]:
        """Return the fills, those that the venue forced marked as liquidations. Raises Retryable without an answer."""
        return [
            replace(fill, is_liquidation=True)
            if fill.closed_pnl and now - fill.time < RECENT and self._is_forced(account, fill, priority)
            else fill
            for fill in fills
        ]

    def _is_forced(self, account: AccountRef, fill: Fill, priority: Priority) -> bool:
        name = (account.account_id, fill.coin, fill.oid)
        with self._lock:
            known = self._known.get(name)
        if known is None:
            known = self._ask(account, fill, priority)
            with self._lock:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                if known is not None:
                    self._known[name] = known
        return bool(known)

    def _ask(self, account: AccountRef, fill: Fill, priority: Priority) -> bool | None:
        """Ask whose order it was; None when the lookup does not show it yet, so that it is asked for again."""
        key = self._keys(account)
        path = self._paths(key).at("order")
        params = (("symbol", to_symbol(fill.coin)), ("orderId", fill.oid))
        found = self._client.ask(key, Call(method="GET", path=path, params=params), 1, priority)
        if isinstance(found, VenueError):
            if found.code == NOT_FOUND:
                return None
            raise self._client.refused(path, found)
        try:
            return str(found["clientOrderId"]).startswith(PREFIXES)
        except BAD_SHAPE as error:
            raise garbled("order", error) from None
