"""Run the fault suite: `python -m tests.faults --runs 200 --seed 1 [--fault NAME] [--short] [--json]`.

The last line is `runs=N duplicates=0 lost=0 orphans=0 unresolved=0 after_drain=0 unprotected_max_s=`; the exit code is 1 when any
of them is broken. Seconds without protection are counted where no process was killed or stopped on purpose; with those, they are
shown apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from tests.faults.arena import Arena, Run, arena
from tests.faults.cases import CASES, Described
from tests.faults.oracle import UNPROTECTED_BOUND, Verdict, judge

AT_ONCE = 8
LONGEST_RUN = 300.0
KINDS = ("duplicates", "lost", "orphans", "unresolved", "after_drain")


def main() -> None:
    """Parse, run, report."""
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--fault", choices=sorted(CASES), action="append", help="only this case; may be repeated")
    parser.add_argument("--short", action="store_true", help="every case once")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="runs that share the stack at a time")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chosen = [CASES[name] for name in options.fault or CASES]
    plan = [chosen[number % len(chosen)] for number in range(len(chosen) if options.short else options.runs)]
    with tempfile.TemporaryDirectory(prefix="holdfast-faults-") as folder:
        total, by_case = asyncio.run(suite(Path(folder), plan, options.seed, options.at_once))
    report(total, by_case, len(plan), options.seed, as_json=options.json)
    broken = any(total.counts[kind] for kind in (*KINDS, "notes")) or total.unprotected_s > UNPROTECTED_BOUND
    sys.exit(1 if broken else 0)


async def suite(home: Path, plan: list[Described], seed: int, at_once: int) -> tuple[Verdict, Counter[str]]:
    """Run a plan on one stack: cases that break shared parts alone, the others side by side."""
    total, by_case = Verdict(), Counter[str]()
    numbered = list(enumerate(plan))
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    async with arena(home) as stack:
        with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("runs", total=len(plan))
            room = asyncio.Semaphore(at_once)

            async def one(number: int, case: Described) -> None:
                async with room:
                    verdict = await run_case(stack, case, seed, number)
                total.add(verdict)
                by_case[case.name] += 1
                progress.advance(task)

            # A worker that is killed disturbs every run beside it: those are measured apart.
            for kills in (False, True):
                await _all(one(n, case) for n, case in numbered if not case.is_alone and case.kills is kills)
            for number, case in numbered:
                if case.is_alone:
                    await one(number, case)
    return total, by_case


async def _all(runs: object) -> None:
    waiting: list[Awaitable[None]] = list(runs)  # type: ignore[call-overload]
    await asyncio.gather(*waiting)


async def run_case(stack: Arena, case: Described, seed: int, number: int) -> Verdict:
    """Run one case on an account of its own, wind it down, and ask the oracle."""
    label = f"{case.name} seed={seed} number={number}"
    account = await asyncio.to_thread(stack.stack.bench.account, f"user-{uuid.uuid4()}", usdc="100000")
    run = Run(arena=stack, rng=Random(f"{seed}/{case.name}/{number}"), account=account)
    verdict = Verdict()
    try:
        async with asyncio.timeout(LONGEST_RUN):
            await case.run(run)
            await run.wind_down()
    except Exception as failure:
        words = "".join(traceback.format_exception(failure))[-800:]
        verdict.complain("notes", f"{type(failure).__name__}: {words}")
    finally:
        if case.is_alone:
            await asyncio.to_thread(stack.stack.paper.clear_faults)
    found = judge(await run.evidence())
    for note in run.notes:
        found.complain("notes", note)
    verdict.add(found)
    if not verdict.is_clean:
        sys.stderr.write(f"\n{label} account={run.account.address}\n  " + "\n  ".join(verdict.words) + "\n")
        if verdict.unprotected_s > UNPROTECTED_BOUND:
            sys.stderr.write(f"  unprotected for {verdict.unprotected_s:.1f} s\n")
    return verdict


def report(total: Verdict, by_case: Counter[str], runs: int, seed: int, *, as_json: bool) -> None:
    """Print the table, and the line that scripts read."""
    if as_json:
        figures = {kind: total.counts[kind] for kind in (*KINDS, "notes")}
        print(json.dumps({"runs": runs, "seed": seed, "cases": by_case, **figures, "words": total.words}))
    else:
        table = Table("case", "number", "runs", title=f"seed {seed}")
        for name, count in sorted(by_case.items()):
            table.add_row(name, CASES[name].number, str(count))
        Console().print(table)
        print(f"notes={total.counts['notes']} unprotected_after_kills_max_s={total.unprotected_disturbed_s:.2f}")
    counted = " ".join(f"{kind}={total.counts[kind]}" for kind in KINDS)
    print(f"runs={runs} {counted} unprotected_max_s={total.unprotected_s:.2f}")


if __name__ == "__main__":
    main()
