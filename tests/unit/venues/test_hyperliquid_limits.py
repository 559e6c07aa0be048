"""One budget for all users of an address, with a share that only urgent requests may spend."""

import threading
from datetime import timedelta

import pytest

from domain.errors import Retryable
from venues.hyperliquid.limits import Priority, RequestBudget, answer_weight, info_weight


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def budget(clock: Clock) -> RequestBudget:
    return RequestBudget(1000, timedelta(0), clock)


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


def test_weight_comes_back_a_minute_after_it_was_spent():
    clock = Clock()
    spent = budget(clock)
    spent.acquire(600, Priority.READ)
    clock.now = 30.0
    spent.acquire(100, Priority.READ)
    with pytest.raises(Retryable) as caught:
        spent.acquire(10, Priority.READ)
    assert caught.value.retry_after == timedelta(seconds=30)
    clock.now = 60.0
    spent.acquire(600, Priority.READ)


def test_no_minute_lets_more_than_the_limit_through():
    clock = Clock()
    spent = budget(clock)
    times: list[float] = []
    for tick in range(1200):
        clock.now = tick / 10
        try:
            spent.acquire(100, Priority.URGENT)
        except Retryable:
            continue
        times.append(clock.now)
    assert max(sum(1 for later in times if at <= later < at + 60) for at in times) * 100 <= 1000


def test_a_429_empties_the_budget_for_some_seconds_and_for_urgent_requests_shorter():
    clock = Clock()
    spent = budget(clock)
    spent.refused()
    for priority in Priority:
        with pytest.raises(Retryable):
            spent.acquire(1, priority)
    clock.now = 3.0
    spent.acquire(1, Priority.URGENT)
    with pytest.raises(Retryable):
        spent.acquire(1, Priority.OPEN)
    clock.now = 11.0
    spent.acquire(1, Priority.OPEN)


def test_waiting_for_room_spends_nothing():
    spent = budget(Clock())
    for _ in range(5000):
        spent.wait_for_room(1, Priority.OPEN)
    assert spent.free_share == 1.0


def test_what_only_the_answer_showed_is_charged_without_waiting():
    spent = budget(Clock())
    spent.charge(1500)
    assert spent.free_share == 0.0
    with pytest.raises(Retryable):
        spent.acquire(1, Priority.URGENT)


def test_a_waiter_gets_its_turn_when_room_comes():
    spent = RequestBudget(100, timedelta(seconds=5))
    spent.refused()
    thread = threading.Thread(target=spent.acquire, args=(1, Priority.URGENT))
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert spent.free_share == pytest.approx(0.99)


@pytest.mark.parametrize(
    ("kind", "weight", "extra"),
    [
        ("clearinghouseState", 2, 0),
        ("orderStatus", 2, 0),
        ("userRole", 60, 0),
        ("meta", 20, 0),
        ("userFillsByTime", 20, 5),
        ("candleSnapshot", 20, 1),
        ("frontendOpenOrders", 20, 0),
    ],
)
def test_weights_are_the_venues(kind: str, weight: int, extra: int):
    assert (info_weight(kind), answer_weight(kind, 100)) == (weight, extra)
