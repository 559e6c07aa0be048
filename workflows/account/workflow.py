"""The life of one account's supervision: wait for a reason, reconcile, and end when nothing is left to watch."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import workflows.account.wording as wording
    import workflows.attributes as attributes
    import workflows.ids as ids
    import workflows.options as options
    import workflows.rolling as rolling
    from activities.accounts import AccountActivities
    from activities.notifications import NotificationActivities
    from domain.money import plain
    from domain.notices import Notice
    from domain.supervision import BreakerReset, ReconcileOutcome, ReconcileRequest
    from workflows.account.messages import AccountInput, AccountStatus, ResetBreaker, Wake

_FLAT_FOR = timedelta(hours=24)
"""A late fill of an order long thought dead is still seen: supervision ends only after a day of quiet."""


@workflow.defn(name="AccountWorkflow")
class AccountWorkflow:
    """Runs `account/{account}`: woken by the stream on a difference, else by its own clock."""

    @workflow.init
    def __init__(self, start: AccountInput) -> None:
        self._account = start.account
        self._progress = start.progress
        self._every = start.reconcile_every
        self._since = workflow.now()
        self._reconciled_at: datetime | None = None
        self._next = timedelta(0)
        self._wakes: tuple[Wake, ...] = ()
        self._reset: ResetBreaker | None = None
        self._phase = workflow.info().typed_search_attributes.get(attributes.PHASE, "")

    @workflow.run
    async def run(self, start: AccountInput) -> AccountStatus:
        """Reconcile on each wake and each round, until a day of quiet has passed."""
        while not self._is_dormant:
            await self._wait_for_reason()
            await self._reset_breaker()
            await self._reconcile()
            self._show()
            if self._is_idle and rolling.is_due(self._since):
                await workflow.wait_condition(workflow.all_handlers_finished)
                rolling.roll(replace(start, progress=self._progress))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.status()

    @workflow.signal
    def wake(self, wake: Wake | None = None) -> None:
        """Reconcile now; wakes that come together are one."""
        given = wake or Wake()
        if given not in self._wakes:
            self._wakes = (*self._wakes, given)

    @workflow.signal
    def reset_breaker(self, reset: ResetBreaker | None = None) -> None:
        """Allow new exposure again, by a person."""
        self._reset = reset or ResetBreaker()

    @workflow.query
    def status(self) -> AccountStatus:
        """Say how the account stands."""
        return AccountStatus(
            account_id=self._account.account_id,
            reconciled_at=self._reconciled_at,
            breaker=self._progress.breaker,
            unexplained=self._progress.unexplained,
            flat_since=self._progress.flat_since,
        )

    @property
    def _is_idle(self) -> bool:
        return not self._wakes and self._reset is None

    @property
    def _is_dormant(self) -> bool:
        since = self._progress.flat_since
        return self._is_idle and since is not None and workflow.now() - since >= _FLAT_FOR

    async def _wait_for_reason(self) -> None:
        if self._next <= timedelta(0):
            return
        try:
            await workflow.wait_condition(
                lambda: not self._is_idle, timeout=self._next, timeout_summary="until the next reconciliation"
            )
        except TimeoutError:
            return

    async def _reset_breaker(self) -> None:
        if self._reset is None:
            return
        by, self._reset = self._reset.by, None
        await workflow.execute_activity_method(
            AccountActivities.reset_breaker,
            BreakerReset(account=self._account, by=by),
            task_queue=ids.QUEUE_READ,
            summary=f"reset the breaker, by {by}",
            **options.READ,
        )

    async def _reconcile(self) -> None:
        wakes, self._wakes = self._wakes, ()
        reason = ", ".join(sorted({wake.reason for wake in wakes})) or "round"
        outcome = await workflow.execute_activity_method(
            AccountActivities.reconcile,
            ReconcileRequest(
                account=self._account,
                reason=reason,
                opening_cash=self._progress.opening_cash,
                read_to=self._progress.read_to,
                flagged_to=self._progress.flagged_to,
            ),
            task_queue=ids.QUEUE_READ,
            summary=f"reconcile: {reason}"[:200],
            **options.READ,
        )
        self._note(outcome)
        if outcome.is_tripped:
            await self._tell(wording.of_breaker(self._account, outcome))
        if outcome.flagged:
            await self._tell(wording.of_manual_trades(self._account, outcome))

    def _note(self, outcome: ReconcileOutcome) -> None:
        now = workflow.now()
        self._reconciled_at = outcome.at
        self._next = outcome.look_again or self._every
        self._progress = replace(
            self._progress,
            day=outcome.day,
            breaker=outcome.breaker,
            unexplained=plain(outcome.unexplained),
            opening_cash=outcome.opening_cash,
            read_to=outcome.at,
            flagged_to=outcome.flagged_to,
            flat_since=(self._progress.flat_since or now) if outcome.is_quiet else None,
        )

    async def _tell(self, notice: Notice) -> None:
        await workflow.execute_activity_method(
            NotificationActivities.notify,
            notice,
            task_queue=ids.QUEUE_READ,
            summary=f"tell: {notice.kind}",
            **options.READ,
        )

    def _show(self) -> None:
        phase = wording.phase_of(self._progress)
        workflow.set_current_details(wording.details_of(self._account, self._progress))
        if phase != self._phase:
            self._phase = phase
            workflow.upsert_search_attributes([attributes.PHASE.value_set(phase)])
