"""Whether a key may trade an account and nothing more, in one sentence, before any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from domain.errors import HoldfastError, Misconfigured
from venues.base import SigningKey
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.client import CLOCK_CODES, FapiClient, VenueError, garbled
from venues.fapi.dialect import Paths
from venues.fapi.limits import Priority
from venues.fapi.wire import Call, from_millis
from venues.links import LinkReport

LARGEST_SKEW = timedelta(seconds=5)
WARN_BEFORE = timedelta(days=7)
_REFUSED = {
    -1002: "key_refused",
    -1022: "key_refused",
    -2014: "key_malformed",
    -2015: "key_refused",
    -4109: "futures_not_enabled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What a key may do, as far as the venue tells. None: not told."""

    can_trade: bool | None = None
    can_withdraw: bool | None = None
    valid_until: datetime | None = None


class KeyFacts(Protocol):
    """What differs between venues in the check of a key."""

    def require_shape(self, key: SigningKey) -> None:
        """Raise Misconfigured(key_malformed) for what cannot be a key."""

    def grants(self, key: SigningKey) -> Grants:
        """Ask what the key may do."""

    def address_of(self, key: SigningKey, balance: Any) -> str:
        """Return the stable address of the key's account by its balance."""


class Links:
    """Checks keys; sends reads only."""

    def __init__(self, client: FapiClient, paths: Callable[[SigningKey], Paths], facts: KeyFacts) -> None:
        self._client = client
        self._paths = paths
        self._facts = facts

    def identify(self, key: SigningKey) -> str:
        """Return the stable address of the account that a key belongs to."""
        self._facts.require_shape(key)
        balance = self._client.signed(key, self._paths(key).at("balance"), 5, Priority.OPEN)
        try:
            return self._facts.address_of(key, balance)
        except BAD_SHAPE as error:
            raise garbled("balance", error) from None

    def check(self, key: SigningKey, address: str) -> LinkReport:
        """Return the first thing that is wrong, or that all is well. Raises Retryable when the venue did not answer."""
        title = self._client.dialect.title
        try:
            self._facts.require_shape(key)
            problem = self._clock() or self._key(key) or self._mode(key) or self._owner(key, address)
            if problem is not None:
                return problem
            return self._granted(self._facts.grants(key))
        except Misconfigured as error:
            return _bad(error.code, f"{error.message} {error.action}".strip())
        except HoldfastError as error:
            if error.code == "clock_skewed":
                return _bad("clock_skewed", f"{title} refuses the time of this machine: set its clock by NTP.")
            raise

    def _clock(self) -> LinkReport | None:
        self._client.venue_time(Priority.OPEN)
        skew = self._client.clock_offset()
        if abs(skew) <= LARGEST_SKEW:
            return None
        seconds = abs(skew).total_seconds()
        way = "behind" if skew > timedelta() else "ahead of"
        title = self._client.dialect.title
        return _bad("clock_skewed", f"This machine's clock is {seconds:.0f} s {way} {title}'s: set it by NTP.")

    def _key(self, key: SigningKey) -> LinkReport | None:
        """Ask for the account itself, which an unknown key, a wrong secret or address, or missing futures refuse."""
        title = self._client.dialect.title
        answer = self._client.ask(key, Call(method="GET", path=self._paths(key).at("account")), 5, Priority.OPEN)
        match answer:
            case VenueError(code=code) if code in CLOCK_CODES:
                return _bad("clock_skewed", f"{title} refuses the time of this machine: set its clock by NTP.")
            case VenueError(code=-1011):
                return _bad(
                    "ip_not_allowed", f"{title} does not accept this key from this address: add it to its list."
                )
            case VenueError(code=-2015) if self._may_not_trade(key):
                return _no_futures(title)
            case VenueError(code=code, text=text):
                return self._refusal(code, text)
            case {"canTrade": False}:
                return _bad("futures_not_enabled", f"This account may not trade futures at {title}: enable them there.")
        return None

    def _may_not_trade(self, key: SigningKey) -> bool:
        """Whether the key is known and lacks the right to trade: the venue has one code for that, addresses and strangers."""
        try:
            return self._facts.grants(key).can_trade is False
        except HoldfastError:
            return False

    def _refusal(self, code: int, text: str) -> LinkReport:
        title = self._client.dialect.title
        known = _REFUSED.get(code, "key_refused")
        if any(code == told and text.startswith(start) for told, start, _ in self._client.dialect.worded):
            return _bad(
                "agent_not_approved",
                f"{title} knows no such agent of this wallet: approve the API wallet there, or give the key of one that is.",
            )
        if known == "futures_not_enabled":
            return _bad(known, f"The futures account is not active: activate it at {title}.")
        if known == "key_malformed":
            return _bad(known, f"{title} says that this is no API key: copy it again.")
        says = f"{title} refuses the key ({code}: {text[:80]})"
        return _bad(known, f"{says}: check the secret, the key's permissions and its list of addresses.")

    def _mode(self, key: SigningKey) -> LinkReport | None:
        answer = self._client.signed(key, self._paths(key).at("positionSide/dual"), 30, Priority.OPEN)
        match answer:
            case {"dualSidePosition": False | "false"}:
                return None
            case {"dualSidePosition": True | "true"}:
                text = "The account is in hedge mode: switch it to one-way position mode, flat and without open orders."
                return _bad("wrong_position_mode", text)
        raise garbled("positionSide", KeyError("dualSidePosition"))

    def _owner(self, key: SigningKey, address: str) -> LinkReport | None:
        if not address or self.identify(key).lower() == address.lower():
            return None
        return _bad("account_mismatch", "The key belongs to another account than the one that it is stored for.")

    def _granted(self, grants: Grants) -> LinkReport:
        title, until = self._client.dialect.title, grants.valid_until
        if grants.can_withdraw:
            text = "The key may withdraw: make one without that right, so that nobody can take the money with it."
            return _bad("key_can_withdraw", text)
        if grants.can_trade is False:
            return _no_futures(title)
        now = self._client.now()
        if until is not None and until <= now:
            return LinkReport(
                ok=False, code="agent_expired", sentence=f"The key expired on {until:%Y-%m-%d}.", valid_until=until
            )
        if until is not None and until - now <= WARN_BEFORE:
            text = f"The key expires on {until:%Y-%m-%d %H:%M} UTC: make a new one before."
            return LinkReport(ok=True, code="agent_expiring", sentence=text, valid_until=until)
        return LinkReport(ok=True, code="ok", sentence=f"The key may trade this account at {title}.", valid_until=until)


def _no_futures(title: str) -> LinkReport:
    return _bad("futures_not_enabled", f"The key may not trade futures: enable that right at {title}.")


def millis_or_none(value: Any) -> datetime | None:
    """Read an end in milliseconds; nothing and zero mean that there is none."""
    return from_millis(int(value)) if value else None


def _bad(code: str, sentence: str) -> LinkReport:
    return LinkReport(ok=False, code=code, sentence=sentence)
