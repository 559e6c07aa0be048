"""Opens give way while a stop begins, for a moment, and never for long."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from activities import giving_way
from activities.giving_way import EVERY, HOLD, GivingWay


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def opened(way: GivingWay, pool: ThreadPoolExecutor) -> Future[bool]:
    """Begin an open in another thread, which ends at once."""

    def run() -> bool:
        with way.opening():
            return True

    return pool.submit(run)


def test_without_a_halt_nothing_waits() -> None:
    way = GivingWay()
    with way.opening(), way.opening(), way.opening():
        way.between_steps()
    assert way.waiting == 0


def test_one_open_goes_on_and_the_others_wait_for_their_turn() -> None:
    way = GivingWay(Clock())
    way.hold()
    with ThreadPoolExecutor() as pool:
        with way.opening():
            late = opened(way, pool)
            until(lambda: way.waiting == 1)
            assert not late.done()
        assert late.result(timeout=20)


def test_an_open_that_is_under_way_waits_before_its_next_step() -> None:
    way = GivingWay(Clock())
    done = threading.Event()
    entered = threading.Event()

    def run() -> bool:
        with way.opening():
            entered.set()
            done.wait(20)
            way.between_steps()
            return True

    with ThreadPoolExecutor() as pool:
        with way.opening():
            other = pool.submit(run)
            assert entered.wait(20)
            way.hold()
            done.set()
            until(lambda: way.waiting == 1)
        assert other.result(timeout=20)


def test_a_hold_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving_way, "HOLD", HOLD / 30)
    way = GivingWay()
    way.hold()
    with ThreadPoolExecutor() as pool, way.opening():
        assert opened(way, pool).result(timeout=20)


def test_who_stops_over_and_over_does_not_keep_others_from_trading() -> None:
    clock = Clock()
    way = GivingWay(clock)
    way.hold()
    clock.now += HOLD.total_seconds()
    way.hold()
    with ThreadPoolExecutor() as pool, way.opening():
        try:
            assert opened(way, pool).result(timeout=5)
        finally:
            clock.now += HOLD.total_seconds()
    clock.now += EVERY.total_seconds()
    way.hold()
    with ThreadPoolExecutor() as pool:
        with way.opening():
            late = opened(way, pool)
            until(lambda: way.waiting == 1)
        assert late.result(timeout=20)
