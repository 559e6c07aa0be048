"""The oracle: what must hold after every run, whatever happened in it.

It compares three witnesses: the venue's own log of admitted orders and fills, the journal in Postgres, and the executions in
Temporal. It trusts none of the product's own conclusions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

UNPROTECTED_BOUND = 5.0
_LIVE = frozenset({"APPROVED", "SENDING", "UNKNOWN", "WORKING"})
_TERMINAL = frozenset({"CLOSED", "CANCELLED", "REFUSED", "EXPIRED", "FAILED"})


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the witnesses say about one account after a run that has been wound down.

    `admitted` and `venue_fills` are the venue's log; `rows`, `fills`, `intents`, `slots` are the database; `running` names the
    intents whose workflow still runs; `drained_at` is when a halt over this account was acknowledged as DRAINED. `unreachable` are
    the spans, in milliseconds of the venue's clock, in which no worker at all had a wire to the venue. `prefix` is what the venue
    writes before our client ids. `copied` are client ids of which the network delivered a second copy at a venue that fills both,
    which nobody can prevent, `told` those of which a user was told that they filled too much.
    """

    admitted: list[dict[str, Any]]
    venue_fills: list[dict[str, Any]]
    open_orders: list[dict[str, Any]]
    positions: dict[str, Decimal]
    rows: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    intents: list[dict[str, Any]]
    slots: list[dict[str, Any]]
    running: frozenset[str] = frozenset()
    drained_at: datetime | None = None
    unreachable: tuple[tuple[float, float], ...] = ()
    prefix: str = "0x"
    copied: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()

    def is_copied(self, name: str) -> bool:
        """Whether the network delivered an order twice, by its name at the venue."""
        return name.removeprefix(self.prefix) in self.copied

    def name(self, row: dict[str, Any]) -> str:
        """Return how the venue calls the order of a row."""
        return f"{self.prefix}{row['client_id']}"


@dataclass(kw_only=True)
class Verdict:
    """How many of each violation, with words for each; seconds without protection, the longest."""

    counts: Counter[str] = field(default_factory=Counter)
    words: list[str] = field(default_factory=list)
    unprotected_s: float = 0.0

    def complain(self, kind: str, words: str) -> None:
        """Note a violation."""
        self.counts[kind] += 1
        self.words.append(f"{kind}: {words}")

    def add(self, other: Verdict) -> None:
        """Take another verdict in."""
        self.counts += other.counts
        self.words += other.words
        self.unprotected_s = max(self.unprotected_s, other.unprotected_s)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was violated and the bound was kept."""
        return not self.counts and self.unprotected_s <= UNPROTECTED_BOUND


def judge(evidence: Evidence) -> Verdict:
    """Apply every clause."""
    verdict = Verdict()
    _one_effect_per_step(evidence, verdict)
    _one_opening_per_intent(evidence, verdict)
    _copies_are_told(evidence, verdict)
    _every_order_is_ours(evidence, verdict)
    _positions_are_fills(evidence, verdict)
    _nothing_is_left(evidence, verdict)
    _rows_are_terminal(evidence, verdict)
    _nothing_after_drain(evidence, verdict)
    _protected_in_time(evidence, verdict)
    return verdict


def _effective(order: dict[str, Any]) -> bool:
    return Decimal(order["filledSz"]) > 0 or order["status"] in {"open", "triggered"}


def _one_effect_per_step(evidence: Evidence, verdict: Verdict) -> None:
    for cloid, count in _effects(evidence).items():
        if count > 1 and not evidence.is_copied(cloid):
            verdict.complain("duplicates", f"{count} effective orders under {cloid}")


def _effects(evidence: Evidence) -> Counter[str]:
    return Counter(order["cloid"] for order in evidence.admitted if order["cloid"] and _effective(order))


def _copies_are_told(evidence: Evidence, verdict: Verdict) -> None:
    """Where both copies had an effect, a user knows of it; nobody is alarmed of an order that filled once."""
    twice = {cloid.removeprefix(evidence.prefix) for cloid, count in _effects(evidence).items() if count > 1}
    for name in sorted(twice & evidence.copied - evidence.told):
        verdict.complain("lost", f"order {name} filled twice and nobody was told")
    for name in sorted(evidence.told - twice):
        verdict.complain("notes", f"order {name} is said to have filled too much")


def _one_opening_per_intent(evidence: Evidence, verdict: Verdict) -> None:
    intent_of = {evidence.name(row): row["intent_id"] for row in evidence.rows if row["opening"]}
    opened: defaultdict[str, list[str]] = defaultdict(list)
    for order in evidence.admitted:
        if order["cloid"] not in intent_of or not _effective(order):
            continue
        names = opened[intent_of[order["cloid"]]]
        if order["cloid"] not in names or not evidence.is_copied(order["cloid"]):
            names.append(order["cloid"])
    for intent, names in opened.items():
        if len(names) > 1:
            verdict.complain("duplicates", f"intent {intent} opened {len(names)} times: {names}")


def _every_order_is_ours(evidence: Evidence, verdict: Verdict) -> None:
    known = {evidence.name(row) for row in evidence.rows}
    for order in evidence.admitted:
        if order["isManual"] or order["isLiquidation"]:
            continue
        if order["cloid"] not in known:
            verdict.complain("orphans", f"order {order['oid']} ({order['cloid']}) is bound to no row")


def _positions_are_fills(evidence: Evidence, verdict: Verdict) -> None:
    journaled: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in evidence.fills:
        journaled[fill["coin"]] += fill["size"] * (1 if fill["side"] == "buy" else -1)
    for coin in {*journaled, *evidence.positions}:
        if journaled[coin] != evidence.positions.get(coin, Decimal(0)):
            held = evidence.positions.get(coin, Decimal(0))
            verdict.complain("lost", f"{coin}: the venue holds {held}, the journal {journaled[coin]}")
    missing = {str(f["tid"]) for f in evidence.venue_fills} - {fill["trade_id"] for fill in evidence.fills}
    if missing:
        verdict.complain("lost", f"fills {sorted(missing)} are not journaled")


def _nothing_is_left(evidence: Evidence, verdict: Verdict) -> None:
    for coin, size in evidence.positions.items():
        owner = next((slot["owner_intent"] for slot in evidence.slots if slot["instrument"] == coin), "")
        if size and owner not in evidence.running:
            verdict.complain("orphans", f"{coin} {size} has no living owner (slot: {owner or 'free'})")
    for order in evidence.open_orders:
        if not evidence.positions.get(order["coin"]):
            verdict.complain("orphans", f"order {order['oid']} {order['orderType']} works without a position")


def _rows_are_terminal(evidence: Evidence, verdict: Verdict) -> None:
    for row in evidence.rows:
        if row["state"] in _LIVE:
            verdict.complain("unresolved", f"{row['intent_id']}/{row['step']} is {row['state']} {row['code']}")
    for intent in evidence.intents:
        if intent["phase"] not in _TERMINAL and intent["id"] not in evidence.running:
            verdict.complain("unresolved", f"intent {intent['id']} is {intent['phase']} and nobody runs it")
    for slot in evidence.slots:
        if slot["owner_intent"] not in evidence.running:
            verdict.complain("unresolved", f"slot {slot['instrument']} is still owned by {slot['owner_intent']}")
    reserved = sum((row["reserved"] for row in evidence.rows if row["state"] in _LIVE and row["opening"]), Decimal(0))
    if reserved:
        verdict.complain("unresolved", f"{reserved} is still reserved")


def _nothing_after_drain(evidence: Evidence, verdict: Verdict) -> None:
    if evidence.drained_at is None:
        return
    drained_ms = evidence.drained_at.timestamp() * 1000
    for order in evidence.admitted:
        if not order["reduceOnly"] and not order["isManual"] and order["time"] > drained_ms:
            late = order["time"] - drained_ms
            verdict.complain("after_drain", f"order {order['oid']} was admitted {late:.0f} ms after DRAINED")


def _protected_in_time(evidence: Evidence, verdict: Verdict) -> None:
    for intent in evidence.intents:
        if intent["stop_px"] is None:
            continue
        verdict.unprotected_s = max(verdict.unprotected_s, _unprotected(evidence, intent))


def _unprotected(evidence: Evidence, intent: dict[str, Any]) -> float:
    """Seconds from an intent's first fill at the venue to its first stop there, or to flat.

    Only what nobody could have used is left out: the spans in which no worker had a wire to the venue. Seconds that it takes to
    notice a dead or a stopped worker count, since another one lives, and so do those of an overloaded machine.
    """
    names = {evidence.name(row): row for row in evidence.rows}
    own = [o for o in evidence.admitted if o["cloid"] in names]
    opening = {
        o["oid"]: o["coin"]
        for o in own
        if names[o["cloid"]]["opening"] and names[o["cloid"]]["intent_id"] == intent["id"]
    }
    fills = [f for f in evidence.venue_fills if f["oid"] in opening]
    if not fills:
        return 0.0
    filled = min(f["time"] for f in fills)
    # Of any intent: the position of an owner that somebody terminated is closed by another one.
    ours = [o for o in own if o["coin"] in opening.values() and o["reduceOnly"] and o["status"] != "rejected"]
    ends = [o["time"] for o in ours if o["time"] >= filled]
    if not ends:
        return float("inf")
    ended = min(ends)
    cut = sum(max(0.0, min(ended, until) - max(filled, since)) for since, until in evidence.unreachable)
    return float(ended - filled - cut) / 1000
