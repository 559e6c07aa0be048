"""Run the fault suite: `python -m tests.faults --runs 200 --seed 1 [--fault NAME] [--short] [--json] [--keep FOLDER]`.

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
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from tests.faults.arena import Arena, arena
from tests.faults.cases import CASES, Described
from tests.faults.oracle import UNPROTECTED_BOUND, Verdict, judge
from tests.faults.run import Run

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


Tallies = dict[str, Tally]


def main() -> None:
    """Parse, run, report."""
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--fault", choices=sorted(CASES), action="append", help="only this case; may be repeated")
    parser.add_argument("--short", action="store_true", help="every case once")
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
    plan = [chosen[number % len(chosen)] for number in range(len(chosen) if options.short else options.runs)]
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


async def suite(home: Path, plan: list[Described], seed: int, at_once: int) -> Tallies:
    """Run a plan on one stack: cases that break shared parts alone, the others side by side."""
    tallies: Tallies = {}
    numbered = list(enumerate(plan))
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    async with arena(home, sum(case.accounts for case in plan)) as stack:
        with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("runs", total=len(plan))
            room = asyncio.Semaphore(at_once)

            async def one(number: int, case: Described) -> None:
                async with room:
                    began = time.monotonic()
                    verdict = await run_case(stack, case, seed, number)
                tallies.setdefault(case.name, Tally()).add(verdict, time.monotonic() - began)
                progress.advance(task)

            await asyncio.gather(*(one(n, case) for n, case in numbered if not case.is_alone))
            for number, case in numbered:
                if case.is_alone:
                    await one(number, case)
    return tallies


async def run_case(stack: Arena, case: Described, seed: int, number: int) -> Verdict:
    """Run one case on an account of its own, wind it down, and ask the oracle."""
    label = f"{case.name} seed={seed} number={number}"
    run = Run(arena=stack, rng=Random(f"{seed}/{case.name}/{number}"), account=await stack.account())
    verdict = Verdict()
    # What a case broke is wound down even when the case itself failed, so that the oracle judges the product.
    for part in (case.run(run), _wound_down(run, case)):
        try:
            async with asyncio.timeout(LONGEST_RUN):
                await part
        except Exception as failure:
            words = "".join(traceback.format_exception(failure))[-800:]
            verdict.complain("notes", f"{type(failure).__name__}: {words}")
    for evidence in await run.evidence():
        verdict.add(judge(evidence))
    for note in run.notes:
        verdict.complain("notes", note)
    if not verdict.is_clean:
        sys.stderr.write(f"\n{label} account={run.account.address}\n  " + "\n  ".join(verdict.words) + "\n")
        if verdict.unprotected_s > UNPROTECTED_BOUND:
            sys.stderr.write(f"  unprotected for {verdict.unprotected_s:.1f} s\n")
    return verdict


async def _wound_down(run: Run, case: Described) -> None:
    if case.is_alone:
        await asyncio.to_thread(run.stack.paper.clear_faults)
    await run.wind_down()


def report(total: Verdict, tallies: Tallies, runs: int, seed: int, *, as_json: bool) -> None:
    """Print the table, and the line that scripts read."""
    if as_json:
        figures = {kind: total.counts[kind] for kind in (*KINDS, "notes")}
        cases = {name: {"runs": len(tally.seconds), "failed": tally.failed} for name, tally in tallies.items()}
        print(json.dumps({"runs": runs, "seed": seed, "cases": cases, **figures, "words": total.words}))
    else:
        table = Table("case", "number", "runs", "failed", "median s", "max s", "unprotected s", title=f"seed {seed}")
        for name, tally in sorted(tallies.items(), key=lambda pair: (int(CASES[pair[0]].number), pair[0])):
            slowest, middle = max(tally.seconds), statistics.median(tally.seconds)
            figures_of = (f"{middle:.1f}", f"{slowest:.1f}", f"{tally.total.unprotected_s:.1f}")
            table.add_row(name, CASES[name].number, str(len(tally.seconds)), str(tally.failed), *figures_of)
        Console(width=100).print(table)
        print(f"notes={total.counts['notes']}")
    counted = " ".join(f"{kind}={total.counts[kind]}" for kind in KINDS)
    print(f"runs={runs} {counted} unprotected_max_s={total.unprotected_s:.2f}")


if __name__ == "__main__":
    main()
