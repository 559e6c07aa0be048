"""Activities on single orders: open, resolve, cancel, settle."""

from __future__ import annotations

from datetime import timedelta

from activities.approvals import Approving
from activities.beating import beating
from activities.blocking import blocking
from activities.cancellation import Cancellation
from activities.errors import translated
from activities.giving_way import GivingWay
from activities.ports import Clock, Notifier
from activities.protection import Protecting
from activities.resolution import Resolution
from activities.submission import Submission
from domain.approvals import ApprovalRequest, Opening
from domain.errors import Refused, Retryable
from domain.intents import IntentPhase, Protection
from domain.notices import Notice, Severity
from domain.orders import ApprovedOrder, OrderAck, OrderKey, OrderState
from storage.journal import Intents, Journal

_POLL = timedelta(seconds=1)
_LATER = timedelta(seconds=5)
_LONG = timedelta(minutes=1)
"""Longer than a deadline and the lag of any venue: an outcome that is unknown for so long may stay so."""
_UNSETTLED = frozenset({OrderState.APPROVED, OrderState.SENDING, OrderState.UNKNOWN})


class OrderActivities:
    """The only way of an order to a venue."""

    def __init__(
        self,
        *,
        giving_way: GivingWay,
        approving: Approving,
        submission: Submission,
        resolution: Resolution,
        cancellation: Cancellation,
        protecting: Protecting,
        journal: Journal,
        intents: Intents,
        notifier: Notifier,
        now: Clock,
    ) -> None:
        self._notifier = notifier
        self._now = now
        self._giving_way = giving_way
        self._approving = approving
        self._submission = submission
        self._resolution = resolution
        self._cancellation = cancellation
        self._protecting = protecting
        self._journal = journal
        self._intents = intents

    @blocking
    @beating
    @translated
    def open_order(self, request: ApprovalRequest) -> Opening:
        """Have an opening step approved and place it, each once however often this is retried: both stand in the journal.

        What fills at once is protected here, before anything is shown or answered.
        """
        with self._giving_way.opening():
            return self._open(request)

    def _open(self, request: ApprovalRequest) -> Opening:
        approval = self._approving.approve(request)
        if approval.order is None:
            return Opening(code=approval.code, reason=approval.reason)
        self._giving_way.between_steps()
        ack = self._submission.submit(approval.order)
        wants_stop = request.intent.protection != Protection() and ack.filled_size > 0
        if wants_stop and self._protecting.protect_at_once(request.intent.intent_id) and ack.state is OrderState.DONE:
            return Opening(ack=ack, is_protected=True)
        self._show(approval.order, ack)
        return Opening(ack=ack)

    @blocking
    @translated
    def forbid_opening(self, request: ApprovalRequest) -> bool:
        """See to it that a step is never approved; False when it has been, and its order has to be ended or resolved."""
        return self._approving.forbid(request)

    def place_order(self, order: ApprovedOrder) -> OrderAck:
        """Place an order once."""
        ack = self._submission.submit(order)
        if order.terms.is_opening:
            self._show(order, ack)
        return ack

    @blocking
    @beating
    @translated
    def resolve_order(self, key: OrderKey) -> OrderAck:
        """Wait until the outcome of an order is known; every retry is one look and costs no history event."""
        ack = self._look(key)
        if ack.state in _UNSETTLED:
            # The wait is the retry: nothing is resent, and a crash of this worker loses nothing.
            raise Retryable("outcome_unknown", f"{key} is {ack.state}: {ack.reason}", retry_after=self._patience(key))
        if ack.filled_size > 0:
            self._protecting.protect_at_once(key.intent_id)
        return ack

    @blocking
    @translated
    def settle_row(self, key: OrderKey) -> OrderAck:
        """Look once at a row that nobody waits for."""
        return self._look(key)

    @blocking
    @beating
    @translated
    def cancel_order(self, key: OrderKey) -> OrderAck:
        """Cancel an order and wait until it has ended; what it has filled is protected meanwhile."""
        ack = self._cancellation.cancel(key)
        if ack.filled_size > 0:
            self._protecting.protect_at_once(key.intent_id)
        if not ack.is_terminal:
            raise Retryable("cancel_pending", f"{key} is still {ack.state}.", retry_after=_POLL)
        return ack

    def _patience(self, key: OrderKey) -> timedelta:
        """Return how long to wait with the next look; an outcome that stays unknown is told, and asked for less often."""
        row = self._journal.order(key)
        if row is None or row.unknown_since is None or self._now() - row.unknown_since < _LONG:
            return _POLL
        view = self._intents.view(key.intent_id)
        if view is None:
            return _LATER
        since = row.unknown_since.isoformat(timespec="seconds")
        self._notifier.tell(
            Notice(
                kind="outcome_unknown",
                severity=Severity.ALARM,
                user_id=view.intent.user_id,
                key=f"outcome_unknown/{row.client_id}",
                title=f"{row.coin}: the outcome of an order is not known",
                text=f"Since {since} nobody knows what became of the {key.step} of {row.coin} ({row.reason}) It is looked for and"
                " never sent again: see at the venue whether it works or has traded.",
                details={"intent_id": key.intent_id, "account_id": row.account.account_id, "client_id": row.client_id},
            )
        )
        return _LATER

    def _look(self, key: OrderKey) -> OrderAck:
        row = self._journal.order(key)
        if row is None:
            raise Refused("row_missing", f"The journal has no row for {key}.", action="Reconcile the account.")
        return self._resolution.look(row)

    def _show(self, order: ApprovedOrder, ack: OrderAck) -> None:
        """Show on the intent's row what the opening order came to, so that no further activity is needed for it."""
        phase = phase_of(ack)
        if phase is not None:
            self._intents.show(order.key.intent_id, phase, code=ack.code, reason=ack.reason)


def phase_of(ack: OrderAck) -> IntentPhase | None:
    """The phase that an opening order's outcome puts its intent into; None when it ended without effect."""
    match ack.state:
        case OrderState.UNKNOWN | OrderState.SENDING:
            return IntentPhase.UNKNOWN
        case OrderState.WORKING:
            return IntentPhase.WORKING
        case OrderState.DONE:
            return IntentPhase.FILLED if ack.filled_size > 0 else None
        case _:
            return None
