"""The cases. Each breaks something on purpose; what must hold afterwards is the oracle's business alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum, auto

from tests.faults import answers, clocks, crashes, databases, hands, owners, races, servers, stops
from tests.faults.run import Run
from tests.faults.sites import HL_ONLY, NAMES
from wiring.venues import ASTER, BINANCE

Case = Callable[[Run], Awaitable[None]]


class Scope(StrEnum):
    """What a case breaks for others than itself."""

    NOTHING = auto()
    VENUE = auto()
    """Its venue: nobody else trades there meanwhile."""
    STACK = auto()
    """Workers, servers or the machine's time: nothing else runs."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """A case, its number in the fault-suite page, what it breaks for others, how many accounts it needs, and where."""

    name: str
    number: str
    run: Case
    breaks: Scope = Scope.NOTHING
    accounts: int = 1
    venues: tuple[str, ...] = NAMES

    def venue_of(self, chosen: tuple[str, ...], turn: int) -> str | None:
        """Return the chosen venue whose turn it is among those that can have this case; None when none of them can."""
        able = [venue for venue in chosen if venue in self.venues]
        return able[turn % len(able)] if able else None


CASES: dict[str, Described] = {
    case.name: case
    for case in (
        Described(name="kill", number="1", run=crashes.kill_at_a_place, breaks=Scope.STACK),
        Described(name="kill_reducing", number="1", run=crashes.kill_while_protecting_or_closing, breaks=Scope.STACK),
        Described(name="lost_answer", number="2", run=answers.lost_answers),
        Described(name="temporal_killed", number="3", run=servers.temporal_killed, breaks=Scope.STACK),
        Described(name="temporal_stopped", number="3", run=servers.temporal_stopped, breaks=Scope.STACK),
        Described(name="partition_temporal", number="5", run=servers.partition_from_temporal, breaks=Scope.STACK),
        Described(name="streams", number="6", run=answers.streams_disturbed, breaks=Scope.VENUE),
        Described(name="venue_clock", number="7", run=clocks.venue_clock_off, breaks=Scope.VENUE),
        Described(name="wire_held", number="7", run=clocks.wire_held),
        Described(name="storm", number="8", run=answers.storm),
        Described(name="partial_fills", number="9", run=races.partial_fills),
        Described(name="halt", number="12", run=stops.halt_at_any_time),
        Described(name="zombie", number="16", run=crashes.zombie_before_write_ahead, breaks=Scope.STACK),
        Described(name="halt_stopped_sender", number="17", run=stops.halt_against_a_stopped_sender, breaks=Scope.STACK),
        Described(name="info_lag", number="19", run=answers.lagging_lookups, breaks=Scope.VENUE),
        Described(name="retention", number="20", run=answers.forgotten_orders, breaks=Scope.VENUE, venues=HL_ONLY),
        Described(name="duplicate_request", number="21", run=answers.duplicate_request),
        Described(name="copied_fill", number="21", run=answers.copied_and_filled, venues=(BINANCE,)),
        Described(name="executed_then_error", number="22", run=answers.executed_then_error),
        Described(name="quirks", number="23", run=answers.venue_quirks, breaks=Scope.VENUE),
        Described(name="late_cancel", number="24", run=races.late_cancel),
        Described(name="worker_clock", number="25", run=clocks.worker_clock_off, breaks=Scope.STACK),
        Described(name="terminated", number="26", run=stops.terminated_owner),
        Described(name="reset", number="26", run=stops.reset_and_started_twice),
        Described(name="agent_rolls", number="26", run=stops.agent_rolls),
        Described(name="wedged", number="27", run=owners.wedged_intent),
        Described(name="emergency", number="28", run=stops.emergency_with_a_stopped_open, breaks=Scope.STACK),
        Described(name="stop_beside_close", number="29", run=hands.stop_beside_close),
        Described(name="same_instrument", number="30", run=races.two_intents_one_instrument),
        Described(name="cancel_fill_race", number="31", run=races.cancel_against_fill),
        Described(name="by_hand", number="32", run=hands.by_hand),
        Described(name="stop_too_late", number="33", run=hands.stop_too_late),
        Described(name="key_revoked", number="33", run=hands.key_revoked),
        Described(name="requests_used_up", number="33", run=hands.requests_used_up),
        Described(name="venue_stands_still", number="34", run=servers.venue_stands_still, breaks=Scope.VENUE),
        Described(name="approve_twice", number="35", run=races.approved_twice_then_terminated),
        Described(name="own_users", number="36", run=races.two_users_trade, accounts=2),
        Described(
            name="backlog", number="37", run=stops.stop_behind_a_backlog, breaks=Scope.STACK, accounts=1 + stops.CROWD
        ),
        Described(name="late_execution", number="39", run=answers.late_execution, venues=(BINANCE, ASTER)),
        # Late: streams that were cut come back after pauses of up to half a minute, and a case that hides an order needs them.
        Described(name="partition_venue", number="5", run=servers.partition_from_venue, breaks=Scope.VENUE),
        # Last: what restarts the database closes the opens of all accounts until each was looked at anew.
        Described(name="postgres_gone", number="4", run=databases.postgres_gone, breaks=Scope.STACK),
        Described(name="failover", number="18", run=databases.failover_without_the_last_commit, breaks=Scope.STACK),
    )
}
