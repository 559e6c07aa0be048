"""`holdfast up`: everything on this machine by one command; `--once` proves that it trades and leaves."""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from commands import home
from commands.demo import Demo, DemoMaker, Recipe
from commands.evidence import Evidence, events_per_cycle
from commands.exits import CommandFailed, Exit
from commands.once import RECIPE, Watch, print_summary, summary_of
from commands.output import Json, console, print_json
from commands.stack import Feed, Places, Stack
from commands.steps import Steps
from domain.errors import HoldfastError, Retryable
from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.ports import free_port
from runtime.processes import Supervisor
from runtime.secrets import KeyRing
from runtime.settings import Network, Settings
from runtime.temporal_server import find_temporal
from storage.postgres.engine import engine
from storage.postgres.trades import PostgresTradeBook
from wiring.account_keys import account_keys
from wiring.venues import HYPERLIQUID, VENUES, connections

PORTS = (
    *("API_PORT", "TEMPORAL_PORT", "TEMPORAL_UI_PORT", "POSTGRES_PORT", "METRICS_PORT"),
    *(f"PAPER_{venue.upper()}_PORT" for venue in VENUES),
)
SHOW_EVERY_SECONDS = 5.0
# Feeds that are no files.
MADE_FEEDS = ("synthetic", "live:")
WATCH_INTERVAL = timedelta(seconds=0.5)


def up(
    once: Annotated[bool, typer.Option("--once", help="Run until every demo agent has traded, print a table.")] = False,
    feed: Annotated[
        str, typer.Option(help="Recorded candles, parquet or csv; {coin} stands for the coin's name.")
    ] = "",
    speed: Annotated[float | None, typer.Option(help="Market seconds per second, at least 1.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the synthetic market.")] = None,
    agents: Annotated[int, typer.Option(help="How many demo agents on each venue.", min=0, max=50)] = 3,
    venue: Annotated[
        list[str] | None,
        typer.Option(help=f"Venue of the demo, {', '.join(VENUES)} or all; give several by repeating."),
    ] = None,
    timeout: Annotated[int, typer.Option(help="Seconds that --once may take once everything runs.", min=10)] = 300,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary folder of --once.")] = False,
    as_json: Json = False,
) -> None:
    """Start Postgres, Temporal, a paper exchange, a worker and the API, with demo agents that trade."""
    market = Feed(path=_checked(feed), speed=speed, seed=seed)
    asked = Asked(agents=agents, venues=_chosen(venue or [HYPERLIQUID]))
    if once:
        _run_once(market, asked, timedelta(seconds=timeout), keep=keep, as_json=as_json)
    else:
        _run_until_stopped(load_settings(), market, asked, as_json=as_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the demo shall be: so many agents on each of some venues."""

    agents: int
    venues: tuple[str, ...]


def _chosen(names: list[str]) -> tuple[str, ...]:
    """Read --venue; bad_venue for a name that is none."""
    if unknown := sorted(set(names) - {*VENUES, "all"}):
        choice = f"Choose {', '.join(VENUES)} or all."
        raise CommandFailed("bad_venue", f"There is no venue {unknown[0]}.", choice, exit_code=Exit.USAGE)
    return VENUES if "all" in names else tuple(name for name in VENUES if name in names)


def _run_until_stopped(settings: Settings, market: Feed, asked: Asked, *, as_json: bool) -> None:
    steps = Steps(console(is_error=as_json))
    with home.held(settings.holdfast_home):
        binary = _temporal_binary(settings, steps)
        with Supervisor(settings.logs) as supervisor:
            stack = Stack(settings, supervisor, steps, feed=market, venues=asked.venues)
            places = stack.start(binary)
            home.note_running(settings.holdfast_home, running_at(places))
            with steps.step("Demo") as note:
                # Play money is for paper: on another network a person adds an account of their own.
                played = tuple(venue for venue in asked.venues if settings.network_of(venue) is Network.PAPER)
                demo = make_demo(settings, places, Recipe(agents=asked.agents, venues=played))
                note(f"{len(demo.agents)} agents" if played else "none: `holdfast account add` adds your account")
            _welcome(places, demo, as_json=as_json)
            _follow(stack, steps)
            steps.stop(supervisor)
    steps.say("Stopped. `holdfast up` goes on where it was.")


def _run_once(market: Feed, asked: Asked, timeout: timedelta, *, keep: bool, as_json: bool) -> None:
    folder = Path(tempfile.mkdtemp(prefix="holdfast-"))
    is_wanted = keep
    try:
        watch = _prove(folder, market, asked, timeout, as_json=as_json)
        is_wanted = is_wanted or not watch.has_succeeded
    except (SetupError, HoldfastError):
        is_wanted = True
        raise
    finally:
        if not is_wanted:
            shutil.rmtree(folder, ignore_errors=True)
    if not watch.has_succeeded and as_json:
        # The one document that was printed has the reason.
        raise typer.Exit(Exit.NO)
    if not watch.has_succeeded:
        raise CommandFailed("once_failed", watch.reason(), f"The logs are in {folder / 'logs'}.")


def _prove(folder: Path, market: Feed, asked: Asked, timeout: timedelta, *, as_json: bool) -> Watch:
    """Start everything in a folder, wait for the proof, stop everything."""
    extra = {name: str(free_port()) for name in PORTS}
    extra |= {"HOLDFAST_HOME": str(folder), "HOLDFAST_ENV": "testing"}
    extra |= {f"{venue.upper()}_NETWORK": Network.PAPER.value for venue in VENUES}
    settings = load_settings({**os.environ, **extra})
    out = console(is_error=as_json)
    steps = Steps(out)
    binary = _temporal_binary(settings, steps)
    with Supervisor(settings.logs) as supervisor:
        stack = Stack(settings, supervisor, steps, feed=market, venues=asked.venues, extra=extra)
        places = stack.start(binary)
        home.note_running(folder, running_at(places))
        with steps.step("Demo") as note:
            demo = make_demo(settings, places, replace(RECIPE, agents=asked.agents, venues=asked.venues))
            note(f"{len(demo.agents)} agents")
        watch = _watched(stack, settings, demo, timeout, out, as_json=as_json)
        is_interrupted = supervisor.is_stopping and not watch.has_succeeded
        steps.stop(supervisor)
    if is_interrupted:
        raise KeyboardInterrupt
    return watch


def _watched(stack: Stack, settings: Settings, demo: Demo, timeout: timedelta, out: Console, *, as_json: bool) -> Watch:
    """Wait for the proof and print its figures, complete or not."""
    places = stack.places
    books = engine(places.database_url, pool_size=1, max_overflow=1)
    venues = connections(settings, account_keys(books, KeyRing.of(settings)), places.venue_urls)
    try:
        evidence = Evidence(engine=books, venues=venues.directory(), urls=places.venue_urls, user_id=demo.user_id)
        deadline = time.monotonic() + timeout.total_seconds()
        watch = Watch(demo=demo, evidence=evidence, console=out, deadline=deadline)
        stack.watch(watch.is_done, WATCH_INTERVAL)
        cycles = {agent.agent_id: agent.cycles for agent in watch.agents}
        events = events_per_cycle(settings, places.temporal_address, demo.user_id, cycles)
        print_summary(summary_of(watch, evidence.figures(), events), as_json=as_json, console=out)
    finally:
        venues.close()
        books.dispose()
    return watch


def make_demo(settings: Settings, places: Places, recipe: Recipe) -> Demo:
    """Make the demo's user, accounts and agents, or find them."""
    maker = DemoMaker(settings, database_url=places.database_url, venue_urls=places.venue_urls, api_url=places.api_url)
    return maker.make(recipe)


def _follow(stack: Stack, steps: Steps) -> None:
    """Keep everything alive until the end is asked for, and show how trading goes."""
    books = engine(stack.places.database_url, pool_size=1, max_overflow=1)
    trades = PostgresTradeBook(books)
    shown_at = 0.0

    def show() -> bool:
        nonlocal shown_at
        if time.monotonic() - shown_at >= SHOW_EVERY_SECONDS:
            shown_at = time.monotonic()
            with suppress(Retryable):
                figures = trades.figures()
                line.update(
                    f"{figures.cycles} cycles, {figures.intents} intents, {figures.filled} filled, "
                    f"{figures.protected} protected, {figures.refused} refused; Ctrl-C stops everything"
                )
        return False

    try:
        with steps.live("running; Ctrl-C stops everything") as line:
            stack.watch(show, WATCH_INTERVAL)
    finally:
        books.dispose()


def _welcome(places: Places, demo: Demo, *, as_json: bool) -> None:
    shown = {
        "api": f"{places.api_url}/docs",
        "temporal_ui": places.temporal_ui,
        **{name if name != HYPERLIQUID else "venue": url for name, url in places.venue_urls.items()},
        "api_key": demo.key,
    }
    if as_json:
        print_json(shown)
        return
    for name, url in shown.items():
        console().print(f"  {name:<22} {url}")


def _temporal_binary(settings: Settings, steps: Steps) -> Path | None:
    """Find or build Temporal before signals are caught, so that Ctrl-C ends a build of minutes at once."""
    if settings.holdfast_master_key is not None:
        # Said before anything was built or started.
        KeyRing.of(settings)
    if settings.temporal_address is not None:
        return None
    return find_temporal(settings.holdfast_cache, steps.say)


def running_at(places: Places) -> home.Running:
    """Describe this process as the running `up`."""
    return home.Running(
        pid=os.getpid(),
        database_url=places.database_url,
        temporal_address=places.temporal_address,
        temporal_ui=places.temporal_ui,
        venue_url=places.venue_urls.get(HYPERLIQUID, ""),
        venue_urls=dict(places.venue_urls),
        api_url=places.api_url,
    )


def _checked(feed: str) -> str:
    """Refuse a feed whose file is missing before anything starts."""
    if not feed or feed.startswith(MADE_FEEDS):
        return feed
    pattern = Path(feed.replace("{coin}", "*")).expanduser()
    if not any(pattern.parent.glob(pattern.name)):
        action = "Name a parquet or csv file of candles."
        raise CommandFailed("no_feed", f"There is no file {feed}.", action, exit_code=Exit.SETUP)
    return str(Path(feed).expanduser().absolute())
