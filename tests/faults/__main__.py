"""Run the fault suite: `python -m tests.faults --runs 200 --seed 1 [--fault NAME] [--venue NAME] [--short] [--json] [--keep FOLDER]`.

The last line is `runs=N duplicates=0 lost=0 orphans=0 unresolved=0 after_drain=0 unprotected_max_s=`; the exit code is 1 when any
of them is broken. Seconds without protection are counted everywhere: through kills, stops and overload, for every account.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from tests.faults.arena import Arena, arena
from tests.faults.cases import CASES, Described, Scope
from tests.faults.oracle import UNPROTECTED_BOUND, Verdict, judge
from tests.faults.run import Run
from tests.faults.sites import NAMES

AT_ONCE = 8
LONGEST_RUN = 300.0
KINDS = ("duplicates", "lost", "orphans", "unresolved", "after_drain")


@dataclass(kw_only=True)
class Tally:
    """What one case came to."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    total: Verdict = field(default_factory=Verdict)

    def add(self, verdict: Verdict, seconds: float) -> None:
        """Take a run in."""
        self.seconds.append(seconds)
        self.failed += not verdict.is_clean
        self.total.add(verdict)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One run of the plan."""

    number: int
    case: Described
    venue: str


Tallies = dict[tuple[str, str], Tally]


def main() -> None:
    """Parse, run, report."""
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--fault", choices=sorted(CASES), action="append", help="only this case; may be repeated")
    parser.add_argument(
        "--venue",
        choices=(*NAMES, "all"),
        action="append",
        help="where the accounts are, in turn; hyperliquid alone by default",
    )
    parser.add_argument("--short", action="store_true", help="every case once; side by side also at other venues")
    parser.add_argument(
        "--only", type=int, action="append", help="only the run of this number of the plan; may be repeated"
    )
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="runs that share the stack at a time")
    parser.add_argument("--keep", type=Path, help="a folder for the logs and databases of the run; kept afterwards")
    parser.add_argument(
        "--bound",
        type=float,
        default=UNPROTECTED_BOUND,
        help="seconds without protection above which the exit code is 1; more only where the machine itself may stand still",
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chosen = [CASES[name] for name in options.fault or CASES]
    venues = NAMES if "all" in (options.venue or ()) else tuple(options.venue or NAMES[:1])
    plan = short(chosen, venues, options.seed) if options.short else planned(chosen, venues, options.runs)
    if options.only:
        # What a run draws hangs on its number in the plan: it is the same run again.
        plan = [each for each in plan if each.number in options.only]
    # A run that is told to end stops what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _home(options.keep) as folder:
        tallies = asyncio.run(suite(folder, plan, options.seed, options.at_once))
    total = Verdict()
    for tally in tallies.values():
        total.add(tally.total)
    report(total, tallies, len(plan), options.seed, as_json=options.json)
    sys.exit(0 if not total.counts and total.unprotected_s <= options.bound else 1)


@contextlib.contextmanager
def _home(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-faults-") as folder:
        yield Path(folder)


def planned(chosen: list[Described], venues: tuple[str, ...], runs: int) -> list[Planned]:
    """Return so many runs: the cases in turn, each at the next of the venues that can have it."""
    plan: list[Planned] = []
    able = [case for case in chosen if case.venue_of(venues, 0) is not None]
    for number in range(runs if able else 0):
        again, place = divmod(number, len(able))
        venue = able[place].venue_of(venues, place + again)
        assert venue is not None
        plan.append(Planned(number=number, case=able[place], venue=venue))
    return plan


def short(chosen: list[Described], venues: tuple[str, ...], seed: int) -> list[Planned]:
    """Return every case once at the first venue that can have it, and those that stand side by side at one of the others too."""
    pairs = [(case, venue) for case in chosen if (venue := case.venue_of(venues, 0)) is not None]
    beside = [case for case in chosen if case.breaks is Scope.NOTHING]
    for turn, case in enumerate(beside):
        venue = case.venue_of(venues[1:], seed + turn)
        if venue is not None and (case, venue) not in pairs:
            pairs.append((case, venue))
    return [Planned(number=number, case=case, venue=venue) for number, (case, venue) in enumerate(pairs)]


async def suite(home: Path, plan: list[Planned], seed: int, at_once: int) -> Tallies:
    """Run a plan on one stack: side by side, then alone at their venues, then alone, by what the cases break."""
    tallies: Tallies = {}
    accounts: Counter[str] = Counter()
    for each in plan:
        accounts[each.venue] += each.case.accounts
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    async with arena(home, accounts) as stack:
        with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("runs", total=len(plan))
            room = asyncio.Semaphore(at_once)
            venues = {each.venue: [other for other in plan if other.venue == each.venue] for each in plan}

            async def one(each: Planned) -> None:
                async with room:
                    began = time.monotonic()
                    verdict = await run_case(stack, each, seed)
                tallies.setdefault((each.case.name, each.venue), Tally()).add(verdict, time.monotonic() - began)
                progress.advance(task)

            async def at_a_venue(plan: list[Planned]) -> None:
                await asyncio.gather(*(one(each) for each in plan if each.case.breaks is Scope.NOTHING))
                for each in plan:
                    if each.case.breaks is Scope.VENUE:
                        await one(each)

            await asyncio.gather(*(at_a_venue(its) for its in venues.values()))
            for each in plan:
                if each.case.breaks is Scope.STACK:
                    await one(each)
    return tallies


async def run_case(stack: Arena, planned: Planned, seed: int) -> Verdict:
    """Run one case on an account of its own, wind it down, and ask the oracle."""
    case, number = planned.case, planned.number
    label = f"{case.name} at {planned.venue} seed={seed} number={number}"
    account = await stack.account(planned.venue)
    run = Run(arena=stack, rng=Random(f"{seed}/{case.name}/{number}"), account=account)
    verdict = Verdict()
    # What a case broke is wound down even when the case itself failed, so that the oracle judges the product.
    for part in (case.run(run), _wound_down(run, case)):
        try:
            async with asyncio.timeout(LONGEST_RUN):
                await part
        except Exception as failure:
            words = "".join(traceback.format_exception(failure))[-800:]
            verdict.complain("notes", f"{type(failure).__name__}: {words}")
    try:
        for evidence in await run.evidence():
            verdict.add(judge(evidence))
    finally:
        await run.coins.aclose()
    for note in run.notes:
        verdict.complain("notes", note)
    if not verdict.is_clean:
        sys.stderr.write(f"\n{label} account={run.account.address}\n  " + "\n  ".join(verdict.words) + "\n")
        if verdict.unprotected_s > UNPROTECTED_BOUND:
            sys.stderr.write(f"  unprotected for {verdict.unprotected_s:.1f} s\n")
    return verdict


async def _wound_down(run: Run, case: Described) -> None:
    if case.breaks is not Scope.NOTHING:
        await asyncio.to_thread(run.paper.clear_faults)
    await run.wind_down()


def report(total: Verdict, tallies: Tallies, runs: int, seed: int, *, as_json: bool) -> None:
    """Print the table, and the line that scripts read."""
    if as_json:
        figures = {kind: total.counts[kind] for kind in (*KINDS, "notes")}
        cases = [
            {"case": name, "venue": venue, "runs": len(tally.seconds), "failed": tally.failed}
            for (name, venue), tally in tallies.items()
        ]
        print(json.dumps({"runs": runs, "seed": seed, "cases": cases, **figures, "words": total.words}))
    else:
        table = Table(
            "case", "number", "venue", "runs", "failed", "median s", "max s", "unprotected s", title=f"seed {seed}"
        )
        for (name, venue), tally in sorted(tallies.items(), key=lambda pair: (int(CASES[pair[0][0]].number), pair[0])):
            slowest, middle = max(tally.seconds), statistics.median(tally.seconds)
            figures_of = (f"{middle:.1f}", f"{slowest:.1f}", f"{tally.total.unprotected_s:.1f}")
            table.add_row(name, CASES[name].number, venue, str(len(tally.seconds)), str(tally.failed), *figures_of)
        Console(width=100).print(table)
        print(f"notes={total.counts['notes']}")
    counted = " ".join(f"{kind}={total.counts[kind]}" for kind in KINDS)
    print(f"runs={runs} {counted} unprotected_max_s={total.unprotected_s:.2f}")


if __name__ == "__main__":
    main()
