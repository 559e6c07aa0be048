"""What a venue says of an account and of who would sign for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
