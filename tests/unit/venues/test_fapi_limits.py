"""One budget for all users behind an address, corrected by what the venue says in its headers."""

import threading
from datetime import timedelta

import pytest

from domain.errors import Retryable
from venues.binance.wire import DIALECT
from venues.fapi.limits import Priority, RequestBudget


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def budget(clock: Clock) -> RequestBudget:
    return RequestBudget(1000, timedelta(0), DIALECT.order_limits, clock)


def spend_all(spent: RequestBudget, priority: Priority) -> int:
    """Spend in tens until it is refused; return how much went."""
    total = 0
    while True:
        try:
            spent.acquire(10, priority)
        except Retryable:
            return total
        total += 10


def test_each_class_leaves_a_share_to_the_ones_before_it():
    spent = budget(Clock())
    assert spend_all(spent, Priority.READ) == 700
    assert spend_all(spent, Priority.OPEN) == 100
    assert spend_all(spent, Priority.URGENT) == 200
    assert spent.free_share == 0


def test_the_budget_comes_back_a_minute_after_it_was_spent():
    clock = Clock()
    spent = budget(clock)
    spend_all(spent, Priority.URGENT)
    clock.now = 59.9
    assert spend_all(spent, Priority.URGENT) == 0
    clock.now = 60.0
    assert spend_all(spent, Priority.URGENT) == 1000


def test_what_others_spend_from_the_same_address_is_learned_from_the_header():
    clock = Clock()
    spent = budget(clock)
    spent.acquire(10, Priority.READ)
    spent.note(200, {"x-mbx-used-weight-1m": "650"})
    assert spend_all(spent, Priority.READ) == 50
    # A lower figure is the venue's new minute: ours slides, and stays on the safe side.
    spent.note(200, {"x-mbx-used-weight-1m": "5"})
    assert spend_all(spent, Priority.READ) == 0


@pytest.mark.parametrize("text", ["", "many", "-5", "1e9", "٣"])
def test_a_header_that_is_no_number_is_not_there(text: str):
    spent = budget(Clock())
    spent.note(200, {"x-mbx-used-weight-1m": text, "retry-after": text})
    assert spend_all(spent, Priority.READ) == 700


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [(429, {"retry-after": "7"}, 7), (429, {}, 5), (418, {}, 120), (418, {"retry-after": "300"}, 300)],
)
def test_nobody_sends_before_the_pause_is_over_that_the_venue_asked_for(
    status: int, headers: dict[str, str], seconds: int
):
    clock = Clock()
    spent = budget(clock)
    spent.note(status, headers)
    for priority in Priority:
        with pytest.raises(Retryable) as caught:
            spent.acquire(1, priority)
        assert caught.value.retry_after == timedelta(seconds=seconds)
    assert not spent.admit_order("a", is_urgent=True)
    clock.now = float(seconds)
    spent.acquire(1, Priority.READ)
    assert spent.admit_order("a", is_urgent=False)


def test_an_account_that_has_placed_too_many_orders_waits_alone():
    clock = Clock()
    spent = budget(clock)
    spent.note(429, {"retry-after": "7"}, "a", is_of_orders=True)
    assert not spent.admit_order("a", is_urgent=True)
    assert spent.admit_order("b", is_urgent=False)
    spent.acquire(1, Priority.READ)
    clock.now = 7.0
    assert spent.admit_order("a", is_urgent=True)


def test_a_shorter_pause_does_not_end_a_longer_one():
    clock = Clock()
    spent = budget(clock)
    spent.note(418, {"retry-after": "100"})
    spent.note(429, {"retry-after": "1"})
    clock.now = 50.0
    assert not spent.admit_order("a", is_urgent=True)


def test_orders_of_an_account_are_counted_in_both_spans_and_a_fifth_is_kept_for_what_reduces():
    clock = Clock()
    spent = budget(clock)
    assert sum(spent.admit_order("a", is_urgent=False) for _ in range(300)) == 240
    assert sum(spent.admit_order("a", is_urgent=True) for _ in range(100)) == 60
    assert spent.admit_order("b", is_urgent=False), "Every account has a count of its own."
    clock.now = 10.0
    assert spent.admit_order("a", is_urgent=False)
    total = 301
    while total < 1300 and spent.admit_order("a", is_urgent=True):
        total += 1
        clock.now += 0.04
    assert total == 1200, "The minute's limit holds over the ten seconds'."


def test_orders_that_others_sent_for_the_account_are_learned_from_the_header():
    spent = budget(Clock())
    spent.note(200, {"x-mbx-order-count-10s": "239", "x-mbx-order-count-1m": "500"}, "a")
    assert [spent.admit_order("a", is_urgent=False) for _ in range(2)] == [True, False]
    assert spent.admit_order("b", is_urgent=False)


def test_an_answer_to_something_that_is_no_order_does_not_count_orders():
    spent = budget(Clock())
    spent.note(200, {"x-mbx-order-count-10s": "300"})
    assert spent.admit_order("", is_urgent=False)


def test_many_threads_together_never_spend_more_than_there_is():
    spent = RequestBudget(1000, timedelta(0))
    totals: list[int] = []
    threads = [threading.Thread(target=lambda: totals.append(spend_all(spent, Priority.URGENT))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(totals) == 1000


def test_a_wait_for_room_spends_nothing_since_the_send_is_what_is_charged():
    spent = budget(Clock())
    for _ in range(1000):
        spent.wait_for_room(1, Priority.OPEN)
    assert spent.free_share == 1
    spent.charge(1000)
    with pytest.raises(Retryable):
        spent.wait_for_room(1, Priority.URGENT)
