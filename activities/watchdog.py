"""The watchdog: a position without a live owner is protected and alarmed, a row without one is settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio.exceptions import ApplicationError

from activities.ports import Clock, Closer, Executions, Notifier, OwnerState, Settler
from domain.errors import HoldfastError
from domain.halts import HaltFlag, WatchOutcome, WatchRequest
from domain.notices import Notice, Severity
from domain.orders import OrderState
from storage.base import Accounts, Epochs, Halts, Supervision
from storage.records import ExposedPosition, LiveRow

SILENCE = timedelta(minutes=10)
"""An owner that has not touched its row for so long is not alive, whatever the server says of its execution."""
_STALE_ROW = timedelta(minutes=1)
_ON_ITS_WAY = timedelta(seconds=30)
_UNSETTLED = frozenset({OrderState.APPROVED.value, OrderState.SENDING.value, OrderState.UNKNOWN.value})

Beat = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """Looks at what nobody else might be looking at; every round may be repeated and may overlap another."""

    halts: Halts
    epochs: Epochs
    supervision: Supervision
    accounts: Accounts
    executions: Executions
    closer: Closer
    settler: Settler
    notifier: Notifier
    now: Clock
    deployment_id: str

    def round(self, *, beat: Beat) -> WatchOutcome:
        """Do one round; it changes no halt, so that halts and releases need not wait for it."""
        undrained = self._undrained()
        restarted = self.executions.ensure_shards(self.accounts.shards())
        unowned = self._unowned(beat)
        protected = tuple(name for position in unowned if (name := self._protect(position, beat)))
        return WatchOutcome(
            protected=protected,
            settled=self._settle(beat),
            unowned=tuple(_name(position) for position in unowned),
            restarted=restarted,
            undrained=undrained,
        )

    def assert_halts(self, request: WatchRequest) -> str:
        """Put the halts back that a failover may have lost; opens stay closed in a new epoch until this is done."""
        epoch = self.epochs.register(self.deployment_id)
        if epoch.epoch == request.epoch and epoch.asserted_at is not None:
            return epoch.epoch
        for flag in request.halts:
            self.halts.commit(flag)
        self.epochs.note_asserted(epoch.epoch)
        return epoch.epoch

    def _undrained(self) -> tuple[HaltFlag, ...]:
        """Halts that were committed while Temporal did not answer; younger ones are on their way to the workflow."""
        records = self.halts.in_force()
        return tuple(x.flag for x in records if x.drained_at is None and self.now() - x.at > _ON_ITS_WAY)

    def _unowned(self, beat: Beat) -> tuple[ExposedPosition, ...]:
        exposed = self.supervision.exposed()
        beat("exposed", len(exposed))
        states = self._owners(tuple(position.owner_intent for position in exposed if position.owner_intent))
        return tuple(position for position in exposed if not self._is_owned(position, states))

    def _owners(self, intent_ids: tuple[str, ...]) -> dict[str, OwnerState]:
        return self.executions.owners(tuple(dict.fromkeys(intent_ids))) if intent_ids else {}

    def _is_owned(self, position: ExposedPosition, states: dict[str, OwnerState]) -> bool:
        state = states.get(position.owner_intent)
        if state is None or not state.is_alive:
            return False
        touched = position.owner_touched_at
        return touched is None or self.now() - touched < SILENCE

    def _protect(self, position: ExposedPosition, beat: Beat) -> str:
        beat("protecting", _name(position))
        if not position.owner_intent and not self._is_adopted(position):
            self._alarm(position, "It was made by hand or by another program; it is only shown.")
            return ""
        try:
            placed = self.closer.protect_orphan(position.account, position.coin)
        except (ApplicationError, HoldfastError) as failure:
            self._alarm(position, f"It could not be protected yet: {failure}")
            return ""
        self._alarm(position, "A stop was placed for it." if placed else "It has a stop already.")
        return _name(position) if placed else ""

    def _is_adopted(self, position: ExposedPosition) -> bool:
        account = self.accounts.account(position.account.user_id, position.account.account_id)
        return account is not None and account.manual_trades == "adopt"

    def _alarm(self, position: ExposedPosition, what: str) -> None:
        owner = (
            f"its owner, intent {position.owner_intent}, does not run" if position.owner_intent else "nobody owns it"
        )
        self.notifier.tell(
            Notice(
                user_id=position.account.user_id,
                kind="unowned_position",
                title=f"{position.coin} has a position without a live owner",
                text=f"{position.side} {position.size} {position.coin}: {owner}. {what}",
                severity=Severity.ALARM,
                key=f"unowned/{position.account.account_id}/{position.coin}",
                details={"account_id": position.account.account_id, "intent_id": position.owner_intent},
            )
        )

    def _settle(self, beat: Beat) -> tuple[str, ...]:
        rows = tuple(row for row in self.supervision.stale_rows(_STALE_ROW) if row.state in _UNSETTLED)
        states = self._owners(tuple(row.key.intent_id for row in rows))
        return tuple(
            str(row.key) for row in rows if not states[row.key.intent_id].is_alive and self._settle_one(row, beat)
        )

    def _settle_one(self, row: LiveRow, beat: Beat) -> bool:
        beat("settling", str(row.key))
        try:
            return self.settler.settle_row(row.key).is_terminal
        except (ApplicationError, HoldfastError):
            # It stays live and is looked at again in the next round.
            return False


def _name(position: ExposedPosition) -> str:
    return f"{position.coin} of {position.account.account_id}"
