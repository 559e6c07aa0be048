"""The fenced submission on a real Postgres against a paper exchange, wired as a worker wires it, in this process."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from eth_account import Account
from sqlalchemy import Engine, select

from activities.approvals import Approving
from activities.giving_way import GivingWay
from activities.orders import OrderActivities
from activities.positions import PositionActivities
from activities.submission import FailPoint, pass_by
from domain.accounts import AccountRef
from domain.approvals import Approval, ApprovalRequest
from domain.intents import Intent, IntentKind, IntentPolicy, OrderStyle, Protection, api_intent_id
from domain.limits import MODERATE
from domain.money import Price, Quantity
from domain.notices import Notice
from domain.orders import ApprovedOrder, Side, TimeInForce
from runtime.loading import load_settings
from runtime.secrets import KeyRing, Vault
from runtime.settings import Settings
from storage.postgres.accounts import PostgresAccounts
from storage.postgres.approvals import PostgresApprovals
from storage.postgres.engine import engine, transaction
from storage.postgres.epochs import PostgresEpochs
from storage.postgres.keys import PostgresSignerBook
from storage.postgres.tables import orders
from storage.postgres.users import PostgresUsers
from tests.stack.paper import Paper
from venues.base import SigningKey
from venues.hyperliquid.venue import HyperliquidVenue
from wiring.account_keys import account_keys
from wiring.fence import Books, Fence, Ground, books_of, fence_of
from wiring.venues import ASTER, HYPERLIQUID, Connections, Venues, connections

LOOSE = replace(MODERATE, max_orders_per_hour=100_000, max_position=Decimal(3), daily_turnover=Decimal(10_000))


class Silence:
    """A notifier that remembers."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def tell(self, notice: Notice) -> None:
        """Remember a notice."""
        self.notices.append(notice)


class Deaf:
    """Executions of a stack without workflows: nobody is there to be told."""

    def fills_recorded(self, intent_id: str, trade_ids: tuple[str, ...]) -> bool:
        """Nobody owns the slot."""
        return False

    def wake_account(self, account: AccountRef, *, reason: str, coin: str = "") -> None:
        """Nobody sleeps."""

    def owners(self, intent_ids: tuple[str, ...]) -> dict[str, Any]:
        """Nobody lives."""
        return {}

    def cancel_intents(self, intent_ids: tuple[str, ...]) -> int:
        """Nobody listens."""
        return 0

    def close_intents(self, intent_ids: tuple[str, ...], *, reason: str) -> int:
        """Nobody listens."""
        return 0

    def ensure_shards(self, shards: tuple[tuple[str, str, str, int], ...]) -> tuple[str, ...]:
        """Nobody streams."""
        return ()

    def call_agents(self, agents: tuple[tuple[str, str], ...], *, signal: str, reason: str, by: str) -> int:
        """Nobody listens."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything that sends, looks and cancels, and paper exchanges under it; `paper` is Hyperliquid's."""

    paper: Paper
    papers: dict[str, Paper]
    engine: Engine
    settings: Settings
    books: Books
    fence: Fence
    orders: OrderActivities
    approvals: Approving
    positions: PositionActivities
    venues: Venues
    connection: HyperliquidVenue
    connections: Connections
    ring: KeyRing
    owners: dict[str, str]
    masters: dict[str, SigningKey]
    notifier: Silence
    giving_way: GivingWay

    @property
    def accounts(self) -> PostgresAccounts:
        """The account book."""
        return self.books.accounts

    def close(self) -> None:
        """Let go of every connection."""
        self.connections.close()
        self.engine.dispose()

    def row(self, client_id: str) -> Any:
        """The raw journal row of a client id."""
        with transaction(self.engine) as connection:
            return connection.execute(select(orders).where(orders.c.client_id == client_id)).one()

    def admitted(self, account: AccountRef) -> list[dict[str, Any]]:
        """What the venue ever admitted for an account."""
        if account.venue == HYPERLIQUID:
            return self.paper.orders(account.address)
        return self.papers[account.venue].orders(self.owners[account.address])

    def account(self, name: str, *, usdc: str = "10000", venue: str = HYPERLIQUID) -> AccountRef:
        """Add a user with a funded account and a key that may trade for it."""
        if venue != HYPERLIQUID:
            return self._keyed_account(name, usdc, venue)
        user = PostgresUsers(self.engine).add(name)
        master = Account.create()
        address = master.address.lower()
        self.paper.post("deposit", user=address, usdc=usdc)
        secret = master.key.hex() if master.key.hex().startswith("0x") else f"0x{master.key.hex()}"
        self.masters[address] = SigningKey(address=address, secret=secret)
        agent = self.approve_agent(address)
        record = self.accounts.add(user.user_id, venue="hyperliquid", network="paper", address=master.address)
        self.store_key(record.ref.account_id, agent)
        return self.accounts.ref(record.ref.account_id)

    def approve_agent(self, address: str) -> SigningKey:
        """Have a master approve a new agent; the one of that name before it may trade no longer."""
        wallets = self.connection.wallets
        agent = wallets.make_agent()
        request = wallets.sign_approval(
            self.masters[address], agent.address, name="bot", nonce=wallets.approval_nonce()
        )
        answer = wallets.send_approval(request)
        assert answer.verdict.value == "accepted", answer
        return agent

    def signer(self, account: AccountRef) -> str:
        """The address of the key that signs for an account."""
        book = PostgresSignerBook(self.engine, Vault(self.ring))
        return book.signers(account.user_id, account.account_id)[0].address

    def store_key(self, account_id: str, key: SigningKey) -> None:
        """Store the key that signs for an account from now on."""
        PostgresSignerBook(self.engine, Vault(self.ring)).add(account_id, address=key.address, secret=key.secret)

    def _keyed_account(self, name: str, money: str, venue: str) -> AccountRef:
        """Add a user of Binance, or of Aster with a main wallet and its agent."""
        user = PostgresUsers(self.engine).add(name)
        paper = self.papers[venue]
        if venue == ASTER:
            agent = Account.create()
            owner = Account.create().address.lower()
            paper.post("account", user=owner, signer=agent.address.lower())
            key = SigningKey(address=agent.address, secret="0x" + bytes(agent.key).hex(), master=owner)
        else:
            owner = f"user-{uuid.uuid4().hex[:12]}"
            made = paper.post("account", user=owner)
            key = SigningKey(address=made["api_key"], secret=made["api_secret"])
        paper.post("deposit", user=owner, amount=money)
        checks = self.venues.of(venue, "paper").key_checks
        assert checks is not None
        address = checks.identify(key)
        report = checks.check_key(key, address)
        assert report.ok, report
        self.owners[address] = owner
        record = self.accounts.add(user.user_id, venue=venue, network="paper", address=address)
        self.store_key(record.ref.account_id, key)
        return self.accounts.ref(record.ref.account_id)

    def wish(self, account: AccountRef, name: str, **changes: Any) -> Intent:
        """An intent to buy a little ETH at market."""
        intent = Intent(
            intent_id=api_intent_id(account.user_id, name),
            user_id=account.user_id,
            account_id=account.account_id,
            venue=account.venue,
            coin="ETH",
            kind=IntentKind.OPEN,
            side=Side.BUY,
            decided_at=datetime.now(UTC),
            size=Quantity(Decimal("0.1")),
            limits=LOOSE,
        )
        return replace(intent, **changes)

    def limit_wish(self, account: AccountRef, name: str, px: Price, **changes: Any) -> Intent:
        """An intent that rests at a price."""
        policy = IntentPolicy(style=OrderStyle.LIMIT, limit_px=px, tif=TimeInForce.GTC)
        return self.wish(account, name, policy=policy, **changes)

    def approve(self, intent: Intent, step: str = "open", *, max_age: timedelta = timedelta(seconds=30)) -> Approval:
        """Ask for approval as the activity does."""
        now = datetime.now(UTC)
        return self.approvals.approve(
            ApprovalRequest(intent=intent, step=step, decided_at=now, not_after=now + max_age)
        )

    def approved(self, intent: Intent, **more: Any) -> ApprovedOrder:
        """Ask for approval and insist on it."""
        approval = self.approve(intent, **more)
        assert approval.order is not None, approval
        return approval.order

    def stop_at(self, coin: str, fraction: str, venue: str = HYPERLIQUID) -> Protection:
        """A stop at a fraction of the mark."""
        mark = self.venues.of(venue, "paper").market.mark(coin).mark_px
        return Protection(stop_px=Price((mark * Decimal(fraction)).quantize(Decimal(1))))


def bench(
    paper: Paper,
    database: str,
    home: Path,
    ring: KeyRing,
    *,
    others: tuple[Paper, ...] = (),
    reached: FailPoint = pass_by,
    **settings: str,
) -> Bench:
    """Wire a bench; deadline and lag are short, since waiting for them proves nothing more."""
    given = {
        "HOLDFAST_ENV": "testing",
        "HOLDFAST_HOME": str(home),
        "HYPERLIQUID_URL": paper.url,
        # The paper exchange counts nothing here: limits have tests of their own.
        "HYPERLIQUID_WEIGHT_PER_MINUTE": "10000000",
        "ORDER_DEADLINE_SECONDS": "2",
        "LOOKUP_LAG_SECONDS": "2",
        **addresses(others),
        **settings,
    }
    loaded = load_settings(given, env_file=None)
    made = engine(database)
    connected = connections(loaded, account_keys(made, ring))
    venues = connected.directory()
    epochs = PostgresEpochs(made)
    epochs.note_asserted(epochs.register("test").epoch)
    notifier = Silence()
    ground = Ground(
        settings=loaded,
        engine=made,
        keys=ring,
        venues=venues,
        executions=Deaf(),
        notifier=notifier,
        reached=reached,
    )
    books = books_of(ground)
    fence = fence_of(ground, books)
    approving = Approving(
        accounts=books.accounts,
        venues=venues,
        approvals=PostgresApprovals(made),
        journal=books.journal,
        gate=books.gate,
        sync=fence.sync,
        max_age=loaded.portfolio_max_age,
    )
    return Bench(
        paper=paper,
        papers={each.venue: each for each in (paper, *others)},
        engine=made,
        settings=loaded,
        books=books,
        fence=fence,
        orders=OrderActivities(
            giving_way=ground.giving_way,
            approving=approving,
            submission=fence.submission,
            resolution=fence.resolution,
            cancellation=fence.cancellation,
            protecting=fence.protecting,
            journal=books.journal,
            intents=books.intents,
            notifier=notifier,
            now=ground.now,
        ),
        approvals=approving,
        positions=PositionActivities(
            holdings=fence.holdings,
            protecting=fence.protecting,
            closing=fence.closing,
            intents=books.intents,
            sync=fence.sync,
        ),
        venues=venues,
        connection=connected.hyperliquid,
        connections=connected,
        ring=ring,
        owners={},
        masters={},
        notifier=notifier,
        giving_way=ground.giving_way,
    )


def addresses(papers: tuple[Paper, ...]) -> dict[str, str]:
    """Settings that lead to paper exchanges of Binance and AsterDEX, which count nothing here and forget soon."""
    made: dict[str, str] = {}
    for paper in papers:
        name = paper.venue.upper()
        made |= {
            f"{name}_URL": paper.url,
            f"{name}_WEIGHT_PER_MINUTE": "10000000",
            f"{name}_LOOKUP_LAG_SECONDS": "2",
        }
        if paper.venue == ASTER:
            made["ASTER_DEADLINE_SECONDS"] = "4"
    return made
