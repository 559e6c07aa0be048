"""The oracle of the fault suite complains about each kind of broken evidence, and about nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.faults.__main__ import planned
from tests.faults.cases import CASES
from tests.faults.oracle import UNPROTECTED_BOUND, Evidence, Verdict, judge
from tests.faults.sites import NAMES

OPENED_MS = 1_700_000_000_000
Change = Callable[[Evidence], Evidence]


def order(oid: int, step: str, **changes: Any) -> dict[str, Any]:
    known = {
        "oid": oid,
        "cloid": f"0x{step}",
        "coin": "ETH",
        "time": OPENED_MS,
        "filledSz": "0.1",
        "status": "filled",
        "reduceOnly": step != "open",
        "trigger": None,
        "isManual": False,
        "isLiquidation": False,
        "orderType": "Limit",
    }
    return {**known, **changes}


def row(step: str, **changes: Any) -> dict[str, Any]:
    known = {
        "intent_id": "one",
        "step": step,
        "client_id": step,
        "state": "DONE",
        "code": "",
        "opening": step.startswith("open"),
        "reserved": Decimal(0),
    }
    return {**known, **changes}


def stop(**changes: Any) -> dict[str, Any]:
    fired = {"filledSz": "0", "status": "canceled", "time": OPENED_MS + 300, "trigger": {"px": "2000"}}
    return order(2, "stop", **{**fired, **changes})


def clean() -> Evidence:
    """An intent that opened, was protected and closed."""
    return Evidence(
        admitted=[order(1, "open"), stop(), order(3, "close", time=OPENED_MS + 900)],
        venue_fills=[
            {"tid": 11, "oid": 1, "coin": "ETH", "time": OPENED_MS},
            {"tid": 12, "oid": 3, "coin": "ETH", "time": OPENED_MS + 900},
        ],
        open_orders=[],
        positions={},
        rows=[row("open"), row("stop"), row("close")],
        fills=[
            {"trade_id": "11", "coin": "ETH", "side": "buy", "size": Decimal("0.1")},
            {"trade_id": "12", "coin": "ETH", "side": "sell", "size": Decimal("0.1")},
        ],
        intents=[{"id": "one", "phase": "CLOSED", "stop_px": Decimal(2000)}],
        slots=[],
    )


def held() -> Evidence:
    """The same intent while its position is still open and its owner lives."""
    return replace(
        clean(),
        admitted=[order(1, "open"), stop(status="open")],
        venue_fills=clean().venue_fills[:1],
        open_orders=[stop(status="open")],
        positions={"ETH": Decimal("0.1")},
        rows=[row("open"), row("stop", state="DONE")],
        fills=clean().fills[:1],
        intents=[{"id": "one", "phase": "PROTECTED", "stop_px": Decimal(2000)}],
        slots=[{"instrument": "ETH", "owner_intent": "one"}],
        running=frozenset({"one"}),
    )


def with_order(*more: dict[str, Any]) -> Change:
    return lambda evidence: replace(evidence, admitted=[*evidence.admitted, *more])


def with_rows(*more: dict[str, Any]) -> Change:
    return lambda evidence: replace(evidence, rows=[*evidence.rows, *more])


def without_a_fill(evidence: Evidence) -> Evidence:
    """Neither position nor sum differ when a round trip is missing: only the trade ids tell."""
    round_trip = [{"tid": 21, "oid": 1, "coin": "SOL", "time": OPENED_MS}]
    return replace(evidence, venue_fills=[*evidence.venue_fills, *round_trip])


def drained(after_ms: int) -> Change:
    at = datetime.fromtimestamp((OPENED_MS + after_ms) / 1000, UTC)
    return lambda evidence: replace(evidence, drained_at=at)


def opened_twice(evidence: Evidence) -> Evidence:
    return with_rows(row("open.2"))(with_order(order(4, "open.2"))(evidence))


def copied(told: str = "") -> Change:
    """The network delivered the opening order twice, and the venue filled both copies."""
    names = frozenset({told}) - {""}
    return lambda evidence: replace(with_order(order(4, "open"))(evidence), copied=frozenset({"open"}), told=names)


BROKEN: dict[str, tuple[str, Change]] = {
    "two effective orders of one step": ("duplicates", with_order(order(4, "open"))),
    "a second order of one step that only rests": (
        "duplicates",
        with_order(order(4, "open", status="open", filledSz="0")),
    ),
    "two openings of one intent": ("duplicates", opened_twice),
    "a copy that filled and nobody was told": ("lost", copied()),
    "another order than the copied one was told": ("lost", copied("close")),
    "an order that is said to have filled twice and did not": (
        "notes",
        lambda e: replace(e, told=frozenset({"open"})),
    ),
    "an order that no row knows": ("orphans", with_order(order(4, "strange", filledSz="0", status="canceled"))),
    "an order without a name": ("orphans", with_order(order(4, "x", cloid=None))),
    "a position that the fills do not explain": (
        "lost",
        lambda e: replace(e, positions={"ETH": Decimal("0.05")}, running=frozenset({"one"})),
    ),
    "fills that no position explains": ("lost", lambda e: replace(e, fills=e.fills[:1])),
    "a fill that is not journaled": ("lost", without_a_fill),
    "an order left over without a position": ("orphans", lambda e: replace(e, open_orders=[stop(status="open")])),
    "a row still alive": ("unresolved", with_rows(row("close.2", state="UNKNOWN"))),
    "a reservation left over": ("unresolved", with_rows(row("open.2", state="APPROVED", reserved=Decimal(100)))),
    "an intent that nobody runs": (
        "unresolved",
        lambda e: replace(e, intents=[{"id": "one", "phase": "PROTECTED", "stop_px": None}]),
    ),
    "a slot of an owner that has ended": (
        "unresolved",
        lambda e: replace(e, slots=[{"instrument": "ETH", "owner_intent": "one"}]),
    ),
    "an opening order after DRAINED": ("after_drain", drained(-1)),
}


def test_clean_evidence_is_not_complained_about() -> None:
    verdict = judge(clean())
    assert (verdict.words, verdict.unprotected_s, verdict.is_clean) == ([], 0.3, True)


def test_a_protected_position_with_a_living_owner_is_clean() -> None:
    assert judge(held()).words == []


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_piece_of_evidence_is_found(name: str) -> None:
    kind, change = BROKEN[name]
    assert judge(change(clean())).counts[kind] >= 1


def test_an_order_admitted_before_drained_is_no_violation() -> None:
    assert judge(drained(1)(clean())).is_clean


def test_a_reducing_order_after_drained_is_no_violation() -> None:
    late = drained(500)(clean())
    assert judge(late).counts["after_drain"] == 0


def test_a_cancelled_and_unfilled_copy_is_no_duplicate() -> None:
    copy = order(4, "open", filledSz="0", status="rejected")
    assert judge(with_order(copy)(clean())).is_clean


def test_a_copy_that_filled_and_was_told_is_no_duplicate_and_a_third_effect_of_another_step_is() -> None:
    assert judge(copied("open")(clean())).words == []
    assert judge(opened_twice(copied("open")(clean()))).counts["duplicates"] == 1


def test_a_trade_by_hand_is_no_orphan() -> None:
    by_hand = order(4, "x", cloid=None, isManual=True)
    assert judge(with_order(by_hand)(clean())).is_clean


def test_a_position_whose_owner_has_ended_is_an_orphan() -> None:
    assert judge(replace(held(), running=frozenset())).counts["orphans"] == 1


def test_a_position_with_a_free_slot_is_an_orphan() -> None:
    assert judge(replace(held(), slots=[])).counts["orphans"] == 1


def test_a_late_stop_is_measured_and_breaks_the_bound() -> None:
    late_ms = OPENED_MS + int(UNPROTECTED_BOUND * 1000) + 1
    verdict = judge(replace(held(), admitted=[order(1, "open"), stop(status="open", time=late_ms)]))
    assert verdict.unprotected_s > UNPROTECTED_BOUND
    assert not verdict.is_clean


def test_a_position_that_never_got_its_stop_was_unprotected_for_ever() -> None:
    verdict = judge(replace(held(), admitted=[order(1, "open")], open_orders=[]))
    assert verdict.unprotected_s == float("inf")


def test_a_close_of_another_intent_ends_the_time_without_a_stop_and_one_before_the_fill_does_not() -> None:
    adopted = row("adopted", intent_id="two")
    of_another = with_rows(adopted)(
        replace(held(), admitted=[order(1, "open"), order(4, "adopted", time=OPENED_MS + 700)])
    )
    assert judge(of_another).unprotected_s == 0.7
    earlier = replace(of_another, admitted=[order(1, "open"), order(4, "adopted", time=OPENED_MS - 700)])
    assert judge(earlier).unprotected_s == float("inf")


def test_a_stop_that_the_venue_rejected_protects_nothing() -> None:
    refused = stop(status="rejected")
    assert judge(replace(held(), admitted=[order(1, "open"), refused], open_orders=[])).unprotected_s == float("inf")


@pytest.mark.parametrize(
    ("span", "left"), [((1_000, 58_000), 3.0), ((-5_000, 58_000), 2.0), ((58_000, 90_000), 58.0), ((-9_000, -1), 60.0)]
)
def test_only_the_seconds_in_which_no_worker_could_reach_the_venue_are_left_out(
    span: tuple[int, int], left: float
) -> None:
    late = replace(held(), admitted=[order(1, "open"), stop(status="open", time=OPENED_MS + 60_000)])
    assert judge(replace(late, unreachable=((OPENED_MS + span[0], OPENED_MS + span[1]),))).unprotected_s == left


def test_verdicts_add_up() -> None:
    total = Verdict()
    total.add(judge(drained(-1)(clean())))
    total.add(judge(opened_twice(clean())))
    assert (total.counts["after_drain"], total.counts["duplicates"], total.unprotected_s) == (1, 1, 0.3)


def test_names_are_compared_as_the_venue_writes_them() -> None:
    """Hyperliquid writes 0x before a client id, Binance and AsterDEX nothing."""
    elsewhere = replace(clean(), prefix="")
    assert judge(elsewhere).counts["orphans"] == 3
    bare = [{**each, "cloid": each["cloid"].removeprefix("0x")} for each in clean().admitted]
    assert judge(replace(elsewhere, admitted=bare)).is_clean


def test_every_case_comes_to_every_venue_that_can_have_it() -> None:
    cases = list(CASES.values())
    plan = planned(cases, NAMES, len(cases) * len(NAMES))
    met = {(each.case.name, each.venue) for each in plan}
    assert met == {(case.name, venue) for case in cases for venue in case.venues}


def test_a_case_that_no_chosen_venue_can_have_is_left_out_of_the_plan() -> None:
    plan = planned([CASES["retention"], CASES["kill"]], ("binance",), 2)
    assert [each.case.name for each in plan] == ["kill", "kill"]
