"""Writes, and the lookups that resolve them. Nothing here retries a write or decides what an unclear answer means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from domain.accounts import AccountRef
from domain.errors import Refused
from domain.instruments import Instrument
from domain.orders import OrderTerms
from venues.base import Answer, Capabilities, Sighting, SightingStatus, SignedRequest, SigningKey, Verdict
from venues.fapi import answers, sightings, wire
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.client import NOT_FOUND, FapiClient, VenueError, garbled
from venues.fapi.dialect import Paths
from venues.fapi.limits import Priority
from venues.fapi.traded import TradedCoins
from venues.fapi.wire import Call, SignedCall

_HORIZON_MARGIN = timedelta(hours=1)
ORDER, ALGO = "order", "algoOrder"

Keys = Callable[[AccountRef], SigningKey]


class FapiTrading:
    """Orders, cancels and leverage of all accounts of a venue."""

    def __init__(
        self,
        client: FapiClient,
        keys: Keys,
        paths: Callable[[SigningKey], Paths],
        traded: TradedCoins,
    ) -> None:
        config, dialect = client.config, client.dialect
        self._client = client
        self._keys = keys
        self._paths = paths
        self._traded = traded
        self._signer = client.signer
        self.capabilities = Capabilities(
            lag=config.lag, has_noop=False, may_resend=dialect.may_resend, default_deadline=config.deadline
        )

    def venue_time(self, account: AccountRef) -> datetime:  # noqa: ARG002  (one clock for all)
        """Read the venue's clock, which deadlines are held against."""
        return self._client.venue_time(Priority.URGENT)

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
        """Build and sign the bytes of an order; a conditional one goes where the venue keeps those."""
        is_algo = terms.trigger is not None and self._client.dialect.has_algo_service
        path = self._paths(key).at(ALGO if is_algo else ORDER)
        self._traded.signed(key.address, instrument.coin)
        call = wire.order_call(self._client.dialect, path, client_id, instrument, terms)
        return self._pack(key, (call,), nonce, expires_at)

    def sign_cancel(
        self, *, key: SigningKey, instrument: Instrument, oid: str, client_id: str, nonce: int, expires_at: datetime
    ) -> SignedRequest:
        """Build and sign a cancel by order id when it is known. By client id alone it is one for orders and one for
        conditional orders, where the venue keeps those apart."""
        is_algo = oid.startswith(wire.ALGO_PREFIX)
        kinds = (is_algo,) if oid or not self._client.dialect.has_algo_service else (False, True)
        calls = tuple(self._cancel(key, instrument, oid, client_id, is_algo=kind) for kind in kinds)
        return self._pack(key, calls, nonce, expires_at)

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
        """Build and sign a change of margin type and leverage: two requests, and either may be in force already."""
        paths, symbol = self._paths(key), ("symbol", wire.to_symbol(instrument.coin))
        margin = ("marginType", "CROSSED" if is_cross else "ISOLATED")
        calls = (
            Call(method="POST", path=paths.at("marginType"), params=(symbol, margin)),
            Call(method="POST", path=paths.at("leverage"), params=(symbol, ("leverage", str(leverage)))),
        )
        return self._pack(key, calls, nonce, expires_at)

    def sign_noop(self, *, key: SigningKey, nonce: int, expires_at: datetime | None) -> SignedRequest:  # noqa: ARG002
        """Refuse: no request of this venue proves that an order can never run."""
        raise Refused("no_noop", f"{self._client.dialect.title} has no request that burns a nonce for certain.")

    def wait_for_budget(self, *, is_urgent: bool) -> None:
        """Wait until one write fits the request budget; before its nonce is drawn, since `send` never waits."""
        self._client.budget.wait_for_room(1, Priority.URGENT if is_urgent else Priority.OPEN)

    def send(self, request: SignedRequest) -> Answer:
        """Post the bytes once and sort the answer. Of several calls each is sent once, and the last answer counts."""
        answer = answers.unknown("no_answer", "The request is empty.")
        for call in wire.unpack(request):
            answer = self._send(call)
            is_over = answer.verdict is Verdict.UNKNOWN or (
                answer.code != "cancel_too_late" if call.method == "DELETE" else answer.verdict is Verdict.REFUSED
            )
            if is_over:
                break
        return answer

    def look_up(
        self, account: AccountRef, *, client_id: str, instrument: Instrument, terms: OrderTerms, oid: str = ""
    ) -> Sighting:
        """Look an order up by order id or client id and compare it with its terms.

        A conditional order that has fired is followed to the order that it became.
        """
        self._traded.touch(account, instrument.coin)
        dialect = self._client.dialect
        is_algo = oid.startswith(wire.ALGO_PREFIX) or (
            not oid and terms.trigger is not None and dialect.has_algo_service
        )
        found = self._ask(account, instrument, wire.name_of(oid, client_id, is_algo=is_algo), is_algo=is_algo)
        if found is None:
            return Sighting(status=SightingStatus.NOT_FOUND)
        try:
            if not is_algo:
                return sightings.of_order(found, client_id, instrument, terms)
            actual = sightings.actual_oid(found)
            fired = self._ask(account, instrument, ("orderId", actual), is_algo=False) if actual else None
            if fired is not None:
                return sightings.of_fired(found, fired, instrument, terms)
            return sightings.of_algo(found, client_id, instrument, terms)
        except BAD_SHAPE as error:
            raise garbled(ORDER, error) from None

    def lookup_horizon(self, account: AccountRef) -> datetime | None:  # noqa: ARG002  (the same for all)
        """Return since when every order can still be looked up: the venue forgets unfilled orders some days after."""
        return self._client.now() - self._client.dialect.retention + _HORIZON_MARGIN

    def _cancel(self, key: SigningKey, instrument: Instrument, oid: str, client_id: str, *, is_algo: bool) -> Call:
        name = wire.name_of(oid, client_id, is_algo=is_algo)
        symbol = () if is_algo else (("symbol", wire.to_symbol(instrument.coin)),)
        return Call(method="DELETE", path=self._paths(key).at(ALGO if is_algo else ORDER), params=(*symbol, name))

    def _pack(self, key: SigningKey, calls: tuple[Call, ...], nonce: int, expires_at: datetime) -> SignedRequest:
        signed = tuple(
            self._signer.sign(key, call, nonce=nonce, expires_at=expires_at, place=place)
            for place, call in enumerate(calls)
        )
        return wire.pack(signed, nonce=nonce, expires_at=self._signer.dies_at(nonce, expires_at))

    def _send(self, call: SignedCall) -> Answer:
        dialect = self._client.dialect
        kind = call.path.rpartition("/")[2]
        if call.method == "DELETE":
            return answers.sort_cancel(dialect, self._client.write(call))
        if kind not in {ORDER, ALGO}:
            return answers.sort_setting(dialect, self._client.write(call))
        account, is_urgent = _account_of(call)
        if not self._client.budget.admit_order(account, is_urgent=is_urgent):
            # Nothing was posted, so this is as definite as a refusal can be.
            return answers.refused("rate_limited", "Not sent: the order limit of the account or address is used up.")
        return answers.sort_order(dialect, self._client.write(call, account=account))

    def _ask(self, account: AccountRef, instrument: Instrument, name: tuple[str, str], *, is_algo: bool) -> Any:
        """Ask for one order; None when the venue does not know it."""
        key = self._keys(account)
        path = self._paths(key).at(ALGO if is_algo else ORDER)
        symbol = () if is_algo else (("symbol", wire.to_symbol(instrument.coin)),)
        call = Call(method="GET", path=path, params=(*symbol, name))
        answer = self._client.ask(key, call, 1, Priority.URGENT)
        if isinstance(answer, VenueError):
            if answer.code == NOT_FOUND:
                return None
            raise self._client.refused(path, answer)
        return answer


def _account_of(call: SignedCall) -> tuple[str, bool]:
    """Return whose order it is and whether it can only reduce, by what the wire says."""
    fields = parse_qs(call.form)
    reduces = fields.get("reduceOnly") == ["true"] or fields.get("closePosition") == ["true"]
    return call.api_key or fields.get("user", [""])[0].lower() or "unknown", reduces
