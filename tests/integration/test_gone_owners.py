"""Intents whose workflow has ended without a last word are ended by the next reconciliation, and their slots are free."""

from __future__ import annotations

import time
from datetime import timedelta

from prometheus_client import CollectorRegistry

from activities.overfilling import Overfilling
from activities.ports import OwnerState
from activities.reconciling import Reconciled, Reconciler
from activities.request_reserve import RequestReserve
from domain.accounts import AccountRef
from domain.intents import TERMINAL_PHASES, Intent, IntentPhase
from domain.supervision import ReconcileRequest
from domain.watch import CloseOrder
from runtime.metrics import Metrics
from storage.postgres.limited import PostgresRequestCounts
from storage.postgres.overfills import PostgresOverfills
from storage.postgres.reconciliation import PostgresReconciliations
from tests.integration.test_positions import opened, retried
from tests.stack.trading import Bench, Deaf


class Described(Deaf):
    """Executions of which some still run."""

    def __init__(self, *running: str) -> None:
        self._running = running

    def owners(self, intent_ids: tuple[str, ...]) -> dict[str, OwnerState]:
        """Say which run."""
        return {name: OwnerState(intent_id=name, is_running=name in self._running) for name in intent_ids}


def reconcile(desk: Bench, account: AccountRef, *running: str, metrics: Metrics | None = None) -> Reconciled:
    books = PostgresReconciliations(desk.engine)
    reconciler = Reconciler(
        venues=desk.venues,
        sync=desk.fence.sync,
        books=books,
        fills=desk.books.fills,
        intents=desk.books.intents,
        executions=Described(*running),
        settler=desk.orders,
        overfilling=Overfilling(
            venues=desk.venues,
            fills=desk.books.fills,
            overfills=PostgresOverfills(desk.engine),
            books=books,
            notifier=desk.notifier,
            metrics=metrics or Metrics(CollectorRegistry()),
        ),
        reserve=RequestReserve(venues=desk.venues, counts=PostgresRequestCounts(desk.engine), notifier=desk.notifier),
    )
    return reconciler.reconcile(ReconcileRequest(account=account))


def phase_of(desk: Bench, intent: Intent) -> IntentPhase:
    view = desk.books.intents.view(intent.intent_id)
    assert view is not None
    return view.phase


def test_an_intent_terminated_after_its_approval_gives_its_reservation_and_its_slot_back(desk: Bench) -> None:
    account = desk.account("early")
    intent = desk.wish(account, "one")
    desk.approved(intent, max_age=timedelta(seconds=0.5))
    deadline = time.monotonic() + 20
    while phase_of(desk, intent) not in TERMINAL_PHASES and time.monotonic() < deadline:
        reconcile(desk, account)
        time.sleep(0.3)
    assert phase_of(desk, intent) is IntentPhase.CANCELLED
    assert desk.books.intents.owner(account.account_id, "ETH") == ""
    assert desk.books.journal.live_rows(account.account_id) == ()


def test_an_intent_whose_position_somebody_else_closed_is_ended(desk: Bench) -> None:
    intent = opened(desk, "closed")
    account = desk.accounts.ref(intent.account_id)
    retried(lambda: desk.positions.close_position(CloseOrder(intent=intent)))
    reconcile(desk, account)
    assert phase_of(desk, intent) is IntentPhase.CLOSED


def test_an_intent_that_runs_or_whose_position_is_open_is_left_alone(desk: Bench) -> None:
    held, waiting = opened(desk, "held"), desk.wish(desk.account("waiting"), "one")
    desk.books.intents.register(waiting)
    reconcile(desk, desk.accounts.ref(held.account_id))
    reconcile(desk, desk.accounts.ref(waiting.account_id), waiting.intent_id)
    assert phase_of(desk, held) not in TERMINAL_PHASES
    assert phase_of(desk, waiting) not in TERMINAL_PHASES
    assert desk.books.intents.owner(held.account_id, "ETH") == held.intent_id
