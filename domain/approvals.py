"""What is asked and answered where a step wants to open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.intents import Intent
from domain.orders import ApprovedOrder, OrderAck


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """One step of an intent that wants to open. Both times were fixed by the workflow and stay in its history."""

    intent: Intent
    step: str
    decided_at: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An approved order, or the refusal's code and sentence. `owner` names the intent that holds the slot, if another does."""

    order: ApprovedOrder | None = None
    code: str = ""
    reason: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What came of a step that wanted to open: the order's outcome, or the code and sentence of risk's refusal.

    `is_protected` says that the intent's own protection works already for all that filled.
    """

    ack: OrderAck | None = None
    code: str = ""
    reason: str = ""
    is_protected: bool = False
