"""`holdfast account`: add accounts with their keys, make and approve agent wallets, check the link, try one smallest order."""

import time
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer

from commands import home
from commands.approvals import Keyboard, WalletApproval, store
from commands.client import Api, connect
from commands.exits import CommandFailed, Exit
from commands.keys import asked_api_key, asked_key
from commands.naming import account_id
from commands.output import Json, console, print_fields, print_rows, say
from commands.wallets import key_of
from domain.accounts import AccountRef
from domain.instruments import Instrument
from runtime.loading import load_settings
from runtime.settings import Settings
from venues.base import Mark, SigningKey
from venues.hyperliquid.venue import HyperliquidVenue
from venues.hyperliquid.wallets import require_address
from venues.links import LinkReport
from wiring.venues import BINANCE, HYPERLIQUID, TITLES, VENUES, NoKeys, connections, hyperliquid

app = typer.Typer(help="Venue accounts and their keys.", no_args_is_help=True)

WALLET = "holdfast"
TRY_TIMEOUT = timedelta(seconds=90)
MASTER_SETTING, AGENT_SETTING = "HOLDFAST_MASTER_WALLET_KEY", "HOLDFAST_AGENT_WALLET_KEY"

AccountId = Annotated[str, typer.Argument(help="The account's id or name.")]


@app.command("list")
def list_accounts(as_json: Json = False) -> None:
    """List your accounts."""
    rows = connect().get("/api/accounts")["items"]
    columns = ("id", "name", "venue", "network", "address", "active", "requests_left")
    print_rows(rows, columns, as_json=as_json, empty="There are no accounts.")


@app.command()
def add(
    address: Annotated[str, typer.Argument(help="Master address, 0x...; never an agent's. None for an API key.")] = "",
    venue: Annotated[str, typer.Option(help=f"Where: {', '.join(VENUES)}.")] = HYPERLIQUID,
    name: Annotated[str, typer.Option(help="What you call it.")] = "",
    as_json: Json = False,
) -> None:
    """Add an account of the configured network. Keys are asked for, and checked with the venue before they are stored.

    Hyperliquid: the address, then `account key` makes an agent wallet. Binance: an API key. AsterDEX: the main wallet's address and
    the key of its agent, or an API key without an address.
    """
    settings = load_settings()
    if venue not in VENUES:
        choice = f"Choose {', '.join(VENUES)}."
        raise CommandFailed("bad_venue", f"There is no venue {venue}.", choice, exit_code=Exit.USAGE)
    body = {"venue": venue, "network": settings.network_of(venue).value, **_named(venue, address)}
    print_fields(connect(settings).post("/api/accounts", body | ({"name": name} if name else {})), as_json=as_json)


def _named(venue: str, address: str) -> dict[str, str]:
    """Name the account by its address, by its key, or by both."""
    if venue == HYPERLIQUID:
        return {"address": require_address(address)}
    if not address:
        return asked_api_key(TITLES[venue])
    if venue == BINANCE:
        raise CommandFailed(
            "address_not_taken",
            "Binance accounts have no address.",
            "Leave it away; the key is asked for.",
            exit_code=Exit.USAGE,
        )
    return {"address": require_address(address), "agent_key": _agent_key()}


def _agent_key() -> str:
    return asked_key(AGENT_SETTING, "", "Key of the agent wallet")


@app.command()
def key(
    account: AccountId,
    send: Annotated[
        bool, typer.Option("--send", help="Sign and send the approval; asks for the master's key.")
    ] = False,
    wallet: Annotated[str, typer.Option(help="Name of the agent wallet at the venue.")] = WALLET,
    existing: Annotated[bool, typer.Option("--existing", help="Store an approved key; it is asked for.")] = False,
    wait: Annotated[int, typer.Option(help="Seconds to wait for the master's approval.", min=1)] = 600,
    as_json: Json = False,
) -> None:
    """Make a new agent wallet, have the master approve it, and store it sealed once the venue has confirmed it.

    Until then nothing changes: the key that trades stays. Of accounts at Binance and AsterDEX a new key is asked for, checked with
    the venue and stored.
    """
    settings = load_settings()
    api = connect(settings)
    found = _account(api, account)
    if found["venue"] != HYPERLIQUID:
        has_wallet = found["address"].startswith("0x")
        new = {"agent_key": _agent_key()} if has_wallet else asked_api_key(TITLES[found["venue"]])
        print_fields(api.patch(f"/api/accounts/{found['id']}", new), as_json=as_json)
        return
    venue = _venue(settings)
    try:
        if existing:
            agent = key_of(_agent_key())
            _require_link(venue, found, agent.address)
        else:
            agent = _approved(venue, found, wallet, wait=wait, is_sent=send, as_json=as_json)
        store(api, found["id"], agent, wallet)
    finally:
        venue.close()
    print_fields({"agent": agent.address, "approved": True, "stored": True}, as_json=as_json)


def _approved(
    venue: HyperliquidVenue, found: dict[str, Any], name: str, *, wait: int, is_sent: bool, as_json: bool
) -> SigningKey:
    """Make an agent wallet and have it approved: by the master's key here, or by its owner elsewhere."""
    approval = WalletApproval(venue, _ref(found), name)
    if is_sent:
        approval.sign(asked_key(MASTER_SETTING, "", "Key of the master, used once and not stored"))
    else:
        # With --json the one document comes at the end, and what has to be signed before that.
        out = console(is_error=as_json)
        out.print_json(data=approval.to_sign())
        out.print(approval.say_what_to_do(wait))
    approval.confirmed(wait, Keyboard(is_read=not is_sent))
    return approval.agent


@app.command()
def check(
    account: AccountId,
    agent: Annotated[str, typer.Option(help="Address of the agent wallet; the stored one without.")] = "",
    as_json: Json = False,
) -> None:
    """Ask the venue, read-only, whether the stored key may act for the account, or another agent wallet."""
    settings = load_settings()
    api = connect(settings)
    found = _account(api, account)
    if agent and found["venue"] == HYPERLIQUID:
        venue = _venue(settings)
        try:
            report = asdict(_require_link(venue, found, agent))
        finally:
            venue.close()
    else:
        report = api.get(f"/api/accounts/{found['id']}/link")
        if not report["ok"]:
            raise CommandFailed(report["code"], report["sentence"])
    print_fields({"ok": True, "code": report["code"], "sentence": report["sentence"]}, as_json=as_json)


@app.command("test-order")
def try_order(
    account: AccountId,
    coin: Annotated[str, typer.Option(help="Coin of the order.")] = "BTC",
    confirm: Annotated[bool, typer.Option("--yes", help="Do not ask; on mainnet this is real money.")] = False,
    as_json: Json = False,
) -> None:
    """Place one order of the smallest size through the whole system, and close it again."""
    settings = load_settings()
    api = connect(settings)
    found = _account(api, account)
    if not confirm:
        place = f"{found['venue']} {found['network']}"
        typer.confirm(f"Open and close one smallest {coin} position on {place}?", abort=True)
    venues = connections(settings, NoKeys(), home.venue_urls(settings))
    try:
        market = venues.directory().of(found["venue"], found["network"]).market
        size = _smallest(market.instrument(coin), market.mark(coin))
    finally:
        venues.close()
    asked = {
        "kind": "open",
        "coin": coin,
        "side": "buy",
        "notional": size,
        "account_id": found["id"],
        "reason": "test order",
    }
    intent = api.post("/api/intents", asked)["id"]
    opened = _until(api, intent, {"FILLED", "PROTECTED", "CLOSED"})
    api.post(f"/api/intents/{intent}/close", {"reason": "test order"})
    closed = _until(api, intent, {"CLOSED"})
    shown = {
        "intent": intent,
        "opened_at": opened["average_px"],
        "phase": closed["phase"],
        "pnl": closed["realised_pnl"],
    }
    print_fields(shown, as_json=as_json)
    if not as_json:
        say("The account can trade.")


def _until(api: Api, intent: str, wanted: set[str]) -> dict[str, Any]:
    """Follow an intent until a phase; fails with its reason when it ends otherwise."""
    deadline = time.monotonic() + TRY_TIMEOUT.total_seconds()
    while time.monotonic() < deadline:
        row: dict[str, Any] = api.get(f"/api/intents/{intent}")
        # What a close has brought stands in the row alone, which follows its workflow.
        if row["phase"] in wanted and (row["phase"] != "CLOSED" or row["source"] == "database"):
            return row
        if row["phase"] in {"REFUSED", "FAILED", "EXPIRED", "CANCELLED", "CLOSED"} - wanted:
            raise CommandFailed(
                row["code"] or "test_order_failed", f"The order ended {row['phase']}: {row['reason'].rstrip('.')}."
            )
        time.sleep(0.3)
    raise CommandFailed("test_order_slow", f"Intent {intent} is {row['phase']}.", "See `holdfast intent show`.")


def _smallest(instrument: Instrument, mark: Mark) -> str:
    """Notional of the smallest order that the venue takes, with room for a moving price."""
    lot = instrument.lot * mark.mark_px
    return f"{max(lot, instrument.minimum_notional) * 12 / 10:.2f}"


def _require_link(venue: HyperliquidVenue, found: dict[str, Any], agent: str) -> LinkReport:
    """Ask the venue whether an agent wallet may act for an account; fails with its reason."""
    report = venue.accounts.check_link(_ref(found), agent)
    if not report.ok:
        raise CommandFailed(report.code, report.sentence)
    return report


def _venue(settings: Settings) -> HyperliquidVenue:
    return hyperliquid(settings, home.venue_url(settings))


def _account(api: Api, account: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/api/accounts/{account_id(api, account)}")
    return found


def _ref(found: dict[str, Any]) -> AccountRef:
    return AccountRef(
        account_id=found["id"],
        user_id=found.get("user_id", ""),
        venue=found["venue"],
        network=found["network"],
        address=found["address"],
    )
