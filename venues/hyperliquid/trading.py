"""Writes, and the lookups that resolve them. Nothing here retries a write or decides what an unclear answer means."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.accounts import AccountRef
from domain.errors import Retryable
from domain.instruments import Instrument
from domain.money import parse_decimal, quantity
from domain.orders import OrderTerms, TriggerKind
from venues.base import Answer, Capabilities, Sighting, SightingStatus, SignedRequest, SigningKey
from venues.hyperliquid import answers, wire
from venues.hyperliquid.client import HyperliquidClient, Reply, garbled
from venues.hyperliquid.limits import Priority
from venues.hyperliquid.rows import BAD_SHAPE, read_side, read_time

_SORTERS: dict[str, Callable[[Reply], Answer]] = {
    "order": answers.sort_order,
    "cancel": answers.sort_cancel,
    "cancelByCloid": answers.sort_cancel,
    "noop": answers.sort_noop,
}
_STATUSES = {
    "open": SightingStatus.OPEN,
    "filled": SightingStatus.FILLED,
    "triggered": SightingStatus.TRIGGERED,
    "canceled": SightingStatus.CANCELLED,
    "scheduledCancel": SightingStatus.CANCELLED,
    "internalCancel": SightingStatus.CANCELLED,
    "rejected": SightingStatus.REJECTED,
}
_CODES = {
    "tickRejected": "price_step",
    "minTradeNtlRejected": "minimum_notional",
    "perpMarginRejected": "insufficient_margin",
    "reduceOnlyRejected": "reduce_only_would_increase",
    "badAloPxRejected": "post_only_would_match",
    "iocCancelRejected": "ioc_no_match",
    "badTriggerPxRejected": "trigger_already_passed",
    "marketOrderNoLiquidityRejected": "no_liquidity",
    "positionIncreaseAtOpenInterestCapRejected": "open_interest_cap",
    "positionFlipAtOpenInterestCapRejected": "open_interest_cap",
    "tooAggressiveAtOpenInterestCapRejected": "open_interest_cap",
    "openInterestIncreaseRejected": "open_interest_cap",
    "insufficientSpotBalanceRejected": "insufficient_balance",
    "oracleRejected": "price_band",
    "perpMaxPositionRejected": "margin_tier_limit",
}
_KINDS = {TriggerKind.STOP_LOSS: "Stop", TriggerKind.TAKE_PROFIT: "Take Profit"}


class HyperliquidTrading:
    """Orders, cancels, leverage and noops, keyed by the master's address and signed by its agent."""

    def __init__(self, client: HyperliquidClient) -> None:
        config = client.config
        self._client = client
        self._signer = wire.Signer(is_mainnet=config.is_mainnet)
        self._retention = config.order_retention
        self.capabilities = Capabilities(
            lag=config.lag, has_noop=True, may_resend=True, default_deadline=config.deadline
        )

    def venue_time(self, account: AccountRef) -> datetime:
        """Read block time from `clearinghouseState`, the clock that deadlines are held against."""
        state = self._client.info("clearinghouseState", Priority.URGENT, user=account.address, dex="")
        try:
            return read_time(state)
        except BAD_SHAPE as error:
            raise garbled("clearinghouseState", error) from None

    def sign_order(
        self,
        *,
        key: SigningKey,
        client_id: str,
        instrument: Instrument,
        terms: OrderTerms,
        nonce: int,
        expires_at: datetime,
    ) -> SignedRequest:
        """Build and sign the bytes of an order; refuses (wire_rounds) what cannot be written exactly."""
        action = wire.order_action(client_id, instrument, terms)
        return self._signer.sign(key, action, nonce=nonce, expires_at=expires_at)

    def sign_cancel(
        self, *, key: SigningKey, instrument: Instrument, oid: str, client_id: str, nonce: int, expires_at: datetime
    ) -> SignedRequest:
        """Build and sign a cancel, by order id when it is known."""
        action = wire.cancel_action(instrument.asset_id, oid, client_id)
        return self._signer.sign(key, action, nonce=nonce, expires_at=expires_at)

    def sign_leverage(
        self,
        *,
        key: SigningKey,
        instrument: Instrument,
        leverage: int,
        is_cross: bool,
        nonce: int,
        expires_at: datetime,
    ) -> SignedRequest:
        """Build and sign a change of leverage."""
        action = wire.leverage_action(instrument.asset_id, leverage, is_cross=is_cross)
        return self._signer.sign(key, action, nonce=nonce, expires_at=expires_at)

    def sign_noop(self, *, key: SigningKey, nonce: int, expires_at: datetime | None) -> SignedRequest:
        """Build and sign the request that only uses up a nonce."""
        return self._signer.sign(key, wire.noop_action(), nonce=nonce, expires_at=expires_at)

    def wait_for_budget(self, *, is_urgent: bool) -> None:
        """Wait until one write fits the request budget; before its nonce is drawn, since `send` never waits."""
        self._client.budget.wait_for_room(1, Priority.URGENT if is_urgent else Priority.OPEN)

    def send(self, request: SignedRequest) -> Answer:
        """Post the bytes once and sort the answer."""
        kind = json.loads(request.body)["action"]["type"]
        return _SORTERS.get(kind, answers.sort_plain)(self._client.write(request.body))

    def look_up(
        self, account: AccountRef, *, client_id: str, instrument: Instrument, terms: OrderTerms, oid: str = ""
    ) -> Sighting:
        """Ask `orderStatus` by order id or client id and compare the row with the terms."""
        name: int | str = int(oid) if oid else wire.to_cloid(client_id)
        answer = self._client.info("orderStatus", Priority.URGENT, user=account.address, oid=name)
        try:
            return _sighting(answer, client_id, instrument, terms)
        except BAD_SHAPE as error:
            raise garbled("orderStatus", error) from None

    def lookup_horizon(self, account: AccountRef) -> datetime | None:
        """Return since when every order can still be looked up: the venue keeps a number of orders, not a span of
        time."""
        rows = self._client.info("historicalOrders", Priority.URGENT, user=account.address)
        try:
            last_events = _last_events(rows)
        except BAD_SHAPE as error:
            raise garbled("historicalOrders", error) from None
        return None if len(rows) < self._retention else wire.from_millis(min(last_events.values()))


def _last_events(rows: list[Mapping[str, Any]]) -> dict[int, int]:
    """Return the time of the last event of each order: an old event of an order that lives on proves nothing about
    others."""
    last: dict[int, int] = {}
    for row in rows:
        oid = row["order"]["oid"]
        last[oid] = max(last.get(oid, 0), row["statusTimestamp"])
    return last


def _sighting(answer: Mapping[str, Any], client_id: str, instrument: Instrument, terms: OrderTerms) -> Sighting:
    if answer["status"] == "unknownOid":
        return Sighting(status=SightingStatus.NOT_FOUND)
    found = answer["order"]
    row, status = found["order"], found["status"]
    return Sighting(
        status=read_status(status),
        oid=str(row["oid"]),
        reason=status_code(status),
        matches=_is_same_name(row, client_id) and _has_terms(row, instrument, terms),
        original_size=quantity(row["origSz"]),
        changed_at=wire.from_millis(found["statusTimestamp"]),
    )


def read_status(status: str) -> SightingStatus:
    """Read a status word; raises Retryable on one that is not documented, since it may or may not be final."""
    if (known := _STATUSES.get(status)) is not None:
        return known
    if status.endswith("Canceled"):
        return SightingStatus.CANCELLED
    if status.endswith("Rejected"):
        return SightingStatus.REJECTED
    raise Retryable("garbled_answer", f"The order has the unknown status {status!r}.")


def status_code(status: str) -> str:
    """Return the stable code of a status word: the one of the answer that says the same, else the word in snake_case."""
    return _CODES.get(status) or re.sub(r"(?<!^)(?=[A-Z])", "_", status).lower()


def _is_same_name(row: Mapping[str, Any], client_id: str) -> bool:
    return wire.from_cloid(row.get("cloid")) in {"", client_id}


def _has_terms(row: Mapping[str, Any], instrument: Instrument, terms: OrderTerms) -> bool:
    """Compare a row with what was sent; `origSz` keeps the sent size of a reduce-only order that shrank."""
    if (row["coin"], read_side(row)) != (instrument.coin, terms.side) or bool(row["reduceOnly"]) != terms.reduce_only:
        return False
    if terms.trigger is not None:
        return _has_trigger(row, terms)
    is_plain = not row.get("isTrigger") and not row.get("isPositionTpsl")
    return is_plain and (parse_decimal(row["origSz"]), parse_decimal(row["limitPx"])) == (terms.size, terms.limit_px)


def _has_trigger(row: Mapping[str, Any], terms: OrderTerms) -> bool:
    assert terms.trigger is not None
    if not row.get("isTrigger"):
        # A fired trigger keeps its order id and nothing else: size, limit and type are made anew.
        return True
    size = Decimal(0) if terms.trigger.whole_position else Decimal(terms.size)
    is_kind = str(row["orderType"]).startswith(_KINDS[terms.trigger.kind])
    is_grouped = bool(row.get("isPositionTpsl")) == terms.trigger.whole_position
    return (
        is_kind
        and is_grouped
        and (parse_decimal(row["triggerPx"]), parse_decimal(row["origSz"])) == (terms.trigger.px, size)
    )
