"""Waiting for criteria against a real Postgres and a paper exchange."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities.criteria import CriteriaActivities
from domain.intents import Criteria, IntentPhase, IntentPolicy
from domain.money import price
from domain.watch import CriteriaWatch
from runtime.secrets import KeyRing
from tests.stack.paper import Paper
from tests.stack.trading import Bench, bench


@pytest.fixture
def desk(database: str, tmp_path: Path, keys: KeyRing) -> Iterator[Bench]:
    with Paper(tmp_path / "paper") as paper:
        made = bench(paper, database, tmp_path, keys)
        yield made
        made.close()


def test_an_intent_that_waits_is_listed_and_ends_its_wait_when_its_criteria_hold(desk: Bench) -> None:
    criteria = CriteriaActivities(venues=desk.venues, networks=lambda _venue: "paper", intents=desk.books.intents)
    policy = IntentPolicy(criteria=Criteria(mark_below=price("100")))
    intent = desk.wish(desk.account("anna"), "one", policy=policy)
    with pytest.raises(ApplicationError) as waiting:
        criteria.await_criteria(CriteriaWatch(intent=intent))
    assert (waiting.value.type, waiting.value.next_retry_delay) == ("criteria_not_met", policy.check_every)
    view = desk.books.intents.view(intent.intent_id)
    assert view is not None
    assert view.phase is IntentPhase.WAITING
    desk.paper.post("price", coin="ETH", px="99", freeze=True)
    _until_met(criteria, CriteriaWatch(intent=intent))


def _until_met(criteria: CriteriaActivities, watch: CriteriaWatch) -> None:
    """Marks are cached for some seconds: look again until the new one is seen."""
    deadline = time.monotonic() + 20
    while True:
        try:
            criteria.await_criteria(watch)
        except ApplicationError:
            assert time.monotonic() < deadline
            time.sleep(0.3)
        else:
            return
