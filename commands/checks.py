"""What `doctor` looks at. Each check answers by itself: a part that is down must not hide the others."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import Engine, text

from commands import home
from commands.client import connect as connect_api
from commands.findings import Finding, fault, warning, well
from commands.temporal_checks import temporal_findings
from domain.errors import HoldfastError
from domain.halts import HaltFlag, HaltScope
from runtime.errors import SetupError
from runtime.secrets import KeyRing, Vault
from runtime.settings import Network, Settings
from storage.postgres import schema
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.engine import engine as make_engine
from storage.postgres.engine import transaction
from storage.postgres.keys import PostgresSignerBook
from storage.records import AccountRecord, SignerRecord
from venues.base import Venue
from wiring.account_keys import account_keys
from wiring.venues import HYPERLIQUID, TITLES, VENUES, NoKeys, connections

LEAST_DISK_BYTES = 1_000_000_000
MOST_SKEW = timedelta(seconds=5)
MOST_ACCOUNTS = 20
STALE_HEARTBEAT = timedelta(seconds=30)
ACCOUNTS_PER_ADDRESS = 300
"""Accounts whose state fits each 30 s into one address's weight on Hyperliquid; beyond it flat ones wait up to 5 min."""


Check = Callable[[Settings], Iterator[Finding]]


def findings(settings: Settings) -> list[Finding]:
    """Run every check."""
    checks: dict[str, Check] = {
        "program": _program,
        "folder": _folder,
        "postgres": _postgres,
        "temporal": lambda found: iter(asyncio.run(temporal_findings(found))),
        "worker": _workers,
        "venue": _venues,
        "accounts": _accounts,
        "api": _api,
    }
    return [finding for part, check in checks.items() for finding in _answers(part, check, settings)]


def _answers(part: str, check: Check, settings: Settings) -> Iterator[Finding]:
    try:
        yield from check(settings)
    except SetupError as failure:
        yield fault(part, failure.code, failure.message, failure.action)
    except HoldfastError as failure:
        yield fault(part, failure.code, failure.message, failure.action)
    except OSError as failure:
        yield fault(part, "system_error", f"{failure}.")


def _program(settings: Settings) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    networks = ", ".join(f"{TITLES[venue]} {settings.network_of(venue)}" for venue in VENUES)
    yield well("program", f"Python {version}, profile {settings.holdfast_env}, {networks}.")


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.holdfast_home
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(place, os.W_OK):
        yield fault("folder", "home_not_writable", f"{place} cannot be written.", "Change its rights or HOLDFAST_HOME.")
        return
    free = shutil.disk_usage(place).free
    if free < LEAST_DISK_BYTES:
        yield fault("folder", "disk_full", f"{place} has {free // 1_000_000} MB left.", "Free some space.")
    else:
        yield well("folder", f"{folder}, {free // 1_000_000_000} GB free.")


def _postgres(settings: Settings) -> Iterator[Finding]:
    url = home.database_url(settings)
    made = make_engine(url, pool_size=1, max_overflow=1)
    try:
        with transaction(made) as connection:
            row = connection.execute(text("select version() as version, clock_timestamp() as now")).one()
        yield well("postgres", " ".join(str(row.version).split()[:2]) + " answers.")
        yield _skew("postgres clock", row.now)
        yield well("schema", f"Revision {schema.check(made)}.")
        yield from _stored(made, settings)
    finally:
        made.dispose()


def _skew(part: str, theirs: datetime) -> Finding:
    """Compare a clock with ours: nonces and deadlines are wall time."""
    skew = abs(datetime.now(UTC) - theirs)
    if skew <= MOST_SKEW:
        return well(part, f"Within {skew.total_seconds():.1f} s of ours.")
    return fault(part, "clock_skew", f"It is {skew.total_seconds():.0f} s away from ours.", "Set the clocks by NTP.")


def _stored(made: Engine, settings: Settings) -> Iterator[Finding]:
    with transaction(made) as connection:
        halts = connection.execute(
            text("select scope, key, reason, at from halts where released_at is null order by at")
        ).all()
        waiting = connection.scalar(text("select count(*) from epochs where confirmed_by is null"))
        accounts = connection.execute(text("select egress, count(*) as n from accounts where active group by egress"))
        crowded = [row for row in accounts if row.n > ACCOUNTS_PER_ADDRESS]
        unknown = connection.scalar(text("select count(*) from orders where state = 'UNKNOWN'"))
    yield from _halts(
        [HaltFlag(scope=row.scope, key=row.key, reason=row.reason, by="") for row in halts], settings.halt_file
    )
    if waiting:
        yield fault(
            "epoch",
            "epoch_unconfirmed",
            "This database was restored or cloned; nothing is opened.",
            "Make sure that no other deployment uses it, then confirm it: `holdfast doctor --confirm`.",
        )
    if unknown:
        yield warning(
            "orders", "outcome_unknown", f"{unknown} orders have an unknown outcome.", "They resolve by themselves."
        )
    for row in crowded:
        yield warning(
            "budget",
            "sync_stretched",
            f"{row.n} accounts share the address {row.egress}; flat ones are read each 5 min.",
            "Add an egress address.",
        )


def _halts(open_halts: list[HaltFlag], file: Path) -> Iterator[Finding]:
    if file.exists():
        yield warning("halt", "halted", f"The kill-switch file {file} exists.", "Remove it, or `holdfast release`.")
    for halt in open_halts:
        which = "" if halt.scope == HaltScope.PLATFORM else f" --scope {halt.scope} --key {halt.key}"
        words = f"Trading is halted ({halt.name}: {halt.reason})."
        yield warning("halt", "halted", words, f"`holdfast release{which}` ends it.")
    if not open_halts and not file.exists():
        yield well("halt", "Nothing is halted.")


def _workers(settings: Settings) -> Iterator[Finding]:
    beats = [file for file in (settings.holdfast_home / "run").glob("worker-*.json") if _is_fresh(file)]
    if beats:
        yield well("worker", f"{len(beats)} on this machine, with a fresh heartbeat.")
    else:
        yield warning(
            "worker", "no_worker_here", "No worker runs on this machine.", "Start `python -m worker` or `holdfast up`."
        )


def _is_fresh(file: Path) -> bool:
    age = datetime.now(UTC) - datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return age < STALE_HEARTBEAT


def _venues(settings: Settings) -> Iterator[Finding]:
    """Look at Hyperliquid, and at each other venue that is not on paper, was given an address or has an account."""
    urls = home.venue_urls(settings)
    connected = connections(settings, NoKeys(), urls)
    try:
        used = _used(settings)
        for venue in VENUES:
            network = settings.network_of(venue)
            is_asked_for = network is not Network.PAPER or settings.is_set(f"{venue}_url") or venue in used
            if venue == HYPERLIQUID or is_asked_for:
                yield from _venue(connected.directory().of(venue, network.value), urls[venue])
    finally:
        connected.close()


def _venue(venue: Venue, url: str) -> Iterator[Finding]:
    try:
        instruments = venue.market.instruments()
    except HoldfastError as failure:
        # The next venue is looked at all the same.
        yield fault(venue.name, failure.code, failure.message, failure.action)
    else:
        yield well(venue.name, f"{url or venue.network} lists {len(instruments)} instruments.")


def _used(settings: Settings) -> frozenset[str]:
    """Return the venues that have accounts, as far as the database tells; its own check says what is wrong with it."""
    try:
        made = make_engine(home.database_url(settings), pool_size=1, max_overflow=1)
    except SetupError:
        return frozenset()
    try:
        return frozenset(account.ref.venue for account in PostgresAccounts(made).active())
    except HoldfastError:
        return frozenset()
    finally:
        made.dispose()


def _accounts(settings: Settings) -> Iterator[Finding]:
    """Ask the venue whether the key of each account may act for it."""
    made = make_engine(home.database_url(settings), pool_size=1, max_overflow=1)
    keys = KeyRing.of(settings)
    connected = connections(settings, account_keys(made, keys), home.venue_urls(settings))
    try:
        signers = PostgresSignerBook(made, Vault(keys))
        served = {(venue, settings.network_of(venue).value) for venue in VENUES}
        known = [one for one in PostgresAccounts(made).active() if (one.ref.venue, one.ref.network) in served]
        for account in known[:MOST_ACCOUNTS]:
            kept = signers.signers(account.ref.user_id, account.ref.account_id)
            venue = connected.directory().of(account.ref.venue, account.ref.network)
            yield _link(venue, account, [signer for signer in kept if signer.retired_at is None])
    finally:
        connected.close()
        made.dispose()


def _link(venue: Venue, account: AccountRecord, signers: list[SignerRecord]) -> Finding:
    if not signers:
        action = f"`holdfast account key {account.ref.account_id}` makes one."
        return fault("account", "signer_missing", f"{account.ref.address} has no agent wallet.", action)
    report = venue.accounts.check_link(account.ref, signers[0].address)
    if report.ok and report.code == "ok":
        return well("account", report.sentence)
    return (warning if report.ok else fault)("account", report.code, report.sentence, "See `holdfast account key`.")


def _api(settings: Settings) -> Iterator[Finding]:
    api = connect_api(settings)
    try:
        answer = httpx.get(f"{api.url}/api/health/ready", timeout=5)
    except httpx.HTTPError:
        yield fault("api", "no_api", f"The API does not answer at {api.url}.", "Start `holdfast up`.")
        return
    if answer.is_success:
        yield well("api", f"{api.url} is ready.")
    else:
        yield fault(
            "api", "api_not_ready", f"{api.url} answers {answer.status_code}: {answer.text[:200]}", "See its log."
        )
