"""What a venue says of an account, of who would sign for it, and of what it may still send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.accounts import AccountRef, RequestCount


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """Whether an account can trade; `code` and `sentence` say what to do when it cannot.

    Codes: ok, agent_not_approved, address_is_agent, address_not_master, agent_of_another, key_is_an_account, account_missing,
    account_unified, agent_expired, agent_expiring (still ok). Of API keys: wrong_position_mode, key_can_withdraw,
    key_malformed, clock_skewed, key_refused, ip_not_allowed, futures_not_enabled, account_mismatch, key_mismatch.
    """

    ok: bool
    code: str
    sentence: str
    valid_until: datetime | None = None


class AddressChecks(Protocol):
    """Checks where an account is known by its address and an agent wallet signs for it, before anything is stored. Reads only."""

    def check_address(self, address: str, signer: str = "") -> LinkReport:
        """Check that an address is a master's, and that the signer, if one is given, is not somebody else's.

        A signer that the venue does not know yet is well: its approval may follow.
        """


class RequestCounts(Protocol):
    """Counts of the requests that an account has sent since ever, and may send. Reads only."""

    def request_count(self, account: AccountRef) -> RequestCount:
        """Read the count; raises Retryable when the venue did not answer."""
