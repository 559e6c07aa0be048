"""Reads of one account, always by the master's address: an agent's address shows a well-formed, empty account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from domain.accounts import AccountRef, Portfolio, RequestCount, RestingOrder
from domain.errors import Retryable
from domain.fills import Fill
from venues.base import Transfer
from venues.hyperliquid.client import HyperliquidClient, garbled
from venues.hyperliquid.limits import Priority
from venues.hyperliquid.links import LinkFacts, judge_link, judge_owner, judge_signer
from venues.hyperliquid.rows import (
    BAD_SHAPE,
    is_perpetual,
    read_fill,
    read_funding,
    read_ledger,
    read_order,
    read_portfolio,
    read_time,
)
from venues.hyperliquid.wire import to_millis
from venues.links import LinkReport

FILLS_PAGE = 2000
LEDGER_PAGE = 500
MAX_PAGES = 50

T = TypeVar("T")


class HyperliquidAccounts:
    """Balances, positions, orders, fills and transfers of a master account."""

    def __init__(self, client: HyperliquidClient) -> None:
        self._client = client

    def portfolio(self, account: AccountRef, *, is_urgent: bool = False, coin: str = "") -> Portfolio:  # noqa: ARG002
        """Read the state first and the orders after it, so that `as_of` is never newer than anything in it."""
        state = self._state(account, _class(is_urgent))
        orders = self.open_orders(account, is_urgent=is_urgent)
        return _read("clearinghouseState", lambda: read_portfolio(account.account_id, state, orders))

    def summary(self, account: AccountRef, *, is_urgent: bool = False) -> Portfolio:
        """Read equity and positions alone; weight 2."""
        state = self._state(account, _class(is_urgent))
        return _read("clearinghouseState", lambda: read_portfolio(account.account_id, state))

    def open_orders(
        self,
        account: AccountRef,
        *,
        is_urgent: bool = False,
        coin: str = "",  # noqa: ARG002
    ) -> tuple[RestingOrder, ...]:
        """Read open orders; `openOrders` hides what a trigger is, so this is the front end's request."""
        kind = "frontendOpenOrders"
        rows = self._client.info(kind, _class(is_urgent), user=account.address, dex="")
        return _read(kind, lambda: tuple(read_order(row) for row in rows if is_perpetual(row["coin"])))

    def fills_since(
        self,
        account: AccountRef,
        since: datetime,
        *,
        is_urgent: bool = False,
        coin: str = "",  # noqa: ARG002
    ) -> tuple[Fill, ...]:
        """Read fills from an instant on; the venue reaches back 10,000 fills."""

        def read(row: Mapping[str, Any]) -> Fill:
            return read_fill(account.account_id, account.address, row)

        rows = self._pages("userFillsByTime", account, since, FILLS_PAGE, _class(is_urgent))
        fills = _read("userFillsByTime", lambda: [read(row) for row in rows if is_perpetual(row["coin"])])
        return tuple(sorted(fills, key=lambda fill: fill.time))

    def transfers_since(self, account: AccountRef, since: datetime) -> tuple[Transfer, ...]:
        """Read funding payments and ledger entries from an instant on."""
        funding = self._pages("userFunding", account, since, LEDGER_PAGE)
        ledger = self._pages("userNonFundingLedgerUpdates", account, since, LEDGER_PAGE)
        transfers = _read("userFunding", lambda: [read_funding(row) for row in funding])
        transfers += _read("userNonFundingLedgerUpdates", lambda: [read_ledger(account.address, row) for row in ledger])
        return tuple(sorted(transfers, key=lambda transfer: transfer.time))

    def leverage(self, account: AccountRef, coin: str) -> tuple[int, bool]:
        """Read the leverage that a new position in a coin would have, and whether it is cross."""
        data = self._client.info("activeAssetData", Priority.OPEN, user=account.address, coin=coin)
        return _read(
            "activeAssetData", lambda: (int(data["leverage"]["value"]), bool(data["leverage"]["type"] == "cross"))
        )

    def check_link(self, account: AccountRef, signer_address: str) -> LinkReport:
        """Check read-only that the address is a master's and that the signer is its agent."""
        master = self._role(account.address)
        abstraction = self._client.info("userAbstraction", user=account.address)
        agents = self._client.info("extraAgents", user=account.address)
        if signer_address.lower() == account.address.lower():
            signer = master
        elif _is_listed(agents, signer_address):
            # Asking for its role weighs as much as three seconds of trading; an unnamed agent is not in the list.
            signer = {"role": "agent", "data": {"user": account.address}}
        else:
            signer = self._role(signer_address)
        state = self._state(account)
        return _read(
            "userRole",
            lambda: judge_link(
                LinkFacts(
                    address=account.address,
                    signer=signer_address,
                    master_role=master,
                    signer_role=signer,
                    abstraction=str(abstraction),
                    agents=agents,
                    now=read_time(state),
                )
            ),
        )

    def is_listed(self, address: str, signer: str) -> bool:
        """Say whether a named agent wallet is approved for an address; weight 20."""
        return _is_listed(self._client.info("extraAgents", user=address), signer)

    def check_address(self, address: str, signer: str = "") -> LinkReport:
        """Check that an address is a master's, and that the signer, if one is given, is not somebody else's."""
        if signer:
            agents = self._client.info("extraAgents", user=address)
            if _is_listed(agents, signer):
                return LinkReport(ok=True, code="ok", sentence=f"The agent wallet {signer} is one of {address}.")
            foreign = judge_signer(address, signer, self._role(signer))
            if foreign is not None:
                return foreign
        report = judge_owner(address, self._role(address))
        return report or LinkReport(ok=True, code="ok", sentence=f"{address} may be connected.")

    def request_count(self, account: AccountRef) -> RequestCount:
        """Read how many requests the address has sent and may send; weight 20. `nRequestsSurplus` is what it has bought."""
        limits = self._client.info("userRateLimit", user=account.address)
        return _read(
            "userRateLimit",
            lambda: RequestCount(
                used=int(limits["nRequestsUsed"]),
                allowed=int(limits["nRequestsCap"]) + int(limits.get("nRequestsSurplus", 0)),
            ),
        )

    def _state(self, account: AccountRef, priority: Priority = Priority.OPEN) -> Any:
        return self._client.info("clearinghouseState", priority, user=account.address, dex="")

    def _role(self, address: str) -> Any:
        return self._client.info("userRole", user=address)

    def _pages(
        self, kind: str, account: AccountRef, since: datetime, page: int, priority: Priority = Priority.OPEN
    ) -> list[Mapping[str, Any]]:
        """Read pages from the last returned time on; that instant comes twice, so equal rows count once."""
        rows: dict[str, Mapping[str, Any]] = {}
        start = to_millis(since)
        for _ in range(MAX_PAGES):
            answer = self._client.info(kind, priority, user=account.address, startTime=start)
            try:
                rows.update((str(sorted(row.items())), row) for row in answer)
                last = max((int(row["time"]) for row in answer), default=start)
            except BAD_SHAPE as error:
                raise garbled(kind, error) from None
            if len(answer) < page:
                return list(rows.values())
            # A page that lies within one millisecond would come for ever.
            start = max(last, start + 1)
        raise Retryable("too_many_rows", f"{kind} has more rows since {since.isoformat()} than can be read at once.")


def _class(is_urgent: bool) -> Priority:
    return Priority.URGENT if is_urgent else Priority.OPEN


def _read(kind: str, parse: Callable[[], T]) -> T:
    try:
        return parse()
    except BAD_SHAPE as error:
        raise garbled(kind, error) from None


def _is_listed(agents: Any, signer: str) -> bool:
    """Whether `extraAgents` names a signer."""
    return _read("extraAgents", lambda: any(agent["address"].lower() == signer.lower() for agent in agents))
