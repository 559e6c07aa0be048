"""Cases in which the database is gone, or comes back without its last commits."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import psycopg

from domain.accounts import AccountRef
from domain.intents import IntentPhase
from domain.orders import OrderKey
from runtime.postgres import Postgres
from storage.postgres.epochs import PostgresEpochs
from tests.faults.patience import patiently
from tests.faults.run import SIZES, Run
from tests.faults.stops import drained, halt_user
from wiring.fence import epoch_waits
from workflows import ids

AT_ONCE = 4


async def postgres_gone(run: Run) -> None:
    """Case 4: Postgres is killed with intents under way and comes back after seconds; afterwards opens work again."""
    wishes = [await run.start(run.wish(coin=coin)) for coin in SIZES]
    await asyncio.sleep(run.rng.uniform(0, 0.8))
    since = time.time()
    await asyncio.to_thread(run.stack.postgres.kill)
    await asyncio.sleep(run.rng.uniform(0.5, 4))
    await asyncio.to_thread(run.stack.postgres.start)
    _without_a_journal(run, since)
    await _look_at_all(run)
    for wish in wishes:
        await run.reach(wish, IntentPhase.PROTECTED)
    await run.signal(wishes[0], "close")
    await run.reach(wishes[0], IntentPhase.CLOSED)
    await run.opens(await run.start(run.wish(coin=wishes[0].coin)))


async def failover_without_the_last_commit(run: Run) -> None:
    """Case 18: the database fails over to a copy that lacks the claim of a sent order, or a halt and what it voided."""
    variant = run.rng.choice((_claim_is_lost, _halt_is_lost))
    await variant(run)


async def _claim_is_lost(run: Run) -> None:
    wish = run.wish()
    key = OrderKey(intent_id=wish.intent_id, step="open")
    async with run.order_at("after_read_row", "stop", wish) as told:
        await run.start(wish)
        pid = await run.stopped_pid(told)
        copy = await asyncio.to_thread(_snapshot, run.stack.postgres, run.stack.home / f"copy-{wish.intent_id[:8]}")
        run.go_on(pid)
    name = run.site.name(key)
    await run.until(lambda: any(o["cloid"] == name for o in run.site.log(run.account).admitted), 60)
    await _fail_over(run, copy)
    await run.reach(wish, IntentPhase.PROTECTED)


async def _halt_is_lost(run: Run) -> None:
    copy = await asyncio.to_thread(_snapshot, run.stack.postgres, run.stack.home / "copy-halt")
    await drained(run, await halt_user(run))
    await _fail_over(run, copy)
    wish = await run.start(run.wish())
    phase = await run.reach(wish, IntentPhase.PROTECTED)
    # Too old is as good as refused: in a new life of the database opens wait until the venue was looked at.
    if phase not in {IntentPhase.REFUSED, IntentPhase.EXPIRED}:
        run.notes.append(f"an open after a halt that the failover lost became {phase}")


async def _look_at_all(run: Run) -> None:
    """Have the new life of the database noted, as a worker that starts does, and look at every account, as the next round of the
    streams does: before both nothing opens, and orders that are decided meanwhile grow too old."""
    bench = run.stack.bench
    # Its connections died with the server.
    bench.engine.dispose()
    platform = run.arena.running_client.get_workflow_handle(ids.PLATFORM)
    await patiently(lambda: platform.signal("watch_now"))
    await run.until(lambda: _is_asserted(run))
    # This run has its account, and the rest of the plan has those that are left.
    known = [run.account, *run.crowd, *chain(*run.arena.accounts.values())]
    waits = epoch_waits(run.stack.settings)
    await asyncio.sleep(max(waits[account.venue] for account in known).total_seconds())
    with ThreadPoolExecutor(AT_ONCE) as threads:
        await asyncio.to_thread(lambda: list(threads.map(lambda account: _look(run, account), known)))


def _look(run: Run, account: AccountRef) -> None:
    """Read the state alone: what has filled is for the product to find and to protect."""
    portfolio = run.stack.bench.venues.of(account.venue, account.network).accounts.portfolio(account)
    run.stack.bench.books.portfolios.save(account, portfolio)


def _is_asserted(run: Run) -> bool:
    epoch = PostgresEpochs(run.stack.bench.engine).current()
    return epoch is not None and epoch.asserted_at is not None


def _without_a_journal(run: Run, since: float) -> None:
    # Nothing may be sent that cannot be journaled: only `holdfast panic` closes then.
    run.unreachable = ((since * 1000, time.time() * 1000),)


def _snapshot(postgres: Postgres, copy: Path) -> Path:
    """Copy a running cluster so that the copy starts with what is committed now and nothing later."""
    shutil.rmtree(copy, ignore_errors=True)
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        data = _folder(connection)
        connection.execute("select pg_backup_start('faults', true)")
        _copy(data, copy)
        row = connection.execute("select labelfile from pg_backup_stop(false)").fetchone()
        assert row is not None
        shutil.rmtree(copy / "pg_wal")
        _copy(data / "pg_wal", copy / "pg_wal")
    (copy / "backup_label").write_text(row[0], encoding="utf-8")
    shutil.copystat(copy / "PG_VERSION", copy / "backup_label")
    owner = (copy / "PG_VERSION").stat()
    shutil.chown(copy / "backup_label", owner.st_uid, owner.st_gid)
    (copy / "postmaster.pid").unlink(missing_ok=True)
    return copy


def _folder(connection: psycopg.Connection[tuple[object, ...]]) -> Path:
    row = connection.execute("show data_directory").fetchone()
    assert row is not None
    return Path(str(row[0]))


def _copy(source: Path, target: Path) -> None:
    # `cp` reports files that vanish while the server runs; a backup may lack them.
    subprocess.run(["cp", "-a", str(source), str(target)], check=False, capture_output=True)


async def _fail_over(run: Run, copy: Path) -> None:
    """Kill the database and start its copy in its place."""
    postgres = run.stack.postgres
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        data = _folder(connection)
    since = time.time()
    await asyncio.to_thread(postgres.kill)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(shutil.rmtree, data, True)
    await asyncio.to_thread(copy.rename, data)
    await asyncio.to_thread(postgres.start)
    _without_a_journal(run, since)
    await _look_at_all(run)
