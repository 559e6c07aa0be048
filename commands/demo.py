"""The demo: a user, funded accounts with approved agent wallets on paper, agents that trade. Made once, then resumed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from eth_account import Account

from commands import home
from commands.client import Api, keep_access
from commands.wallets import approve, paper_agent, paper_deposit, paper_key
from runtime.settings import Settings
from storage.access import Users
from storage.postgres.engine import engine
from storage.postgres.users import PostgresUsers
from storage.records import Scope
from wiring.venues import ASTER, BINANCE, HYPERLIQUID

USER = "demo"
COINS = ("BTC", "ETH", "SOL")
DEPOSIT_USDC = 100_000
STATE = "demo.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a demo agent trades: an account by its number at a venue, and a coin."""

    venue: str
    number: int
    coin: str

    @property
    def key(self) -> str:
        """The agent's name in the demo's state."""
        return f"{self._prefix}{self.coin}-{self.number}"

    @property
    def account(self) -> str:
        """The account's name in the demo's state."""
        return f"{self._prefix}{self.number}"

    @property
    def title(self) -> str:
        """What a person calls the account."""
        parts = ("demo", "" if self.venue == HYPERLIQUID else self.venue, str(self.number or ""))
        return " ".join(part for part in parts if part)

    @property
    def agent_title(self) -> str:
        """What a person calls the agent."""
        parts = ("demo", "" if self.venue == HYPERLIQUID else self.venue, self.coin, str(self.number or ""))
        return " ".join(part for part in parts if part)

    @property
    def _prefix(self) -> str:
        return "" if self.venue == HYPERLIQUID else f"{self.venue}-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the demo's agents trade."""

    agents: int = 3
    venues: tuple[str, ...] = (HYPERLIQUID,)
    cycle: timedelta = timedelta(seconds=30)
    interval: str = "5m"
    # Eager: whoever tries the demo sees a trade at once, not after the next crossing.
    settings: tuple[tuple[str, str], ...] = (("eager", "true"), ("hold_cycles", "20"), ("conviction", "0.3"))

    def places(self) -> Iterator[Place]:
        """Yield where each agent trades: two agents on one instrument would be in each other's way."""
        for venue in self.venues:
            for number in range(self.agents):
                yield Place(venue=venue, number=number // len(COINS), coin=COINS[number % len(COINS)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo has made."""

    user_id: str
    api: Api
    key: str
    agents: tuple[str, ...]


class DemoMaker:
    """Makes what is missing; each step is safe to repeat after a crash."""

    def __init__(self, settings: Settings, *, database_url: str, venue_urls: Mapping[str, str], api_url: str) -> None:
        self._settings = settings
        self._database_url = database_url
        self._venue_urls = venue_urls
        self._api_url = api_url
        self._file = settings.holdfast_home / STATE
        self._state: dict[str, str] = home.read_private(self._file)

    def make(self, recipe: Recipe) -> Demo:
        """Make or find user, accounts and agents, and start the agents that were never started."""
        self._ensure_user()
        api = Api(self._api_url, self._state["key"])
        keep_access(self._settings.holdfast_home, url=self._api_url, key=self._state["key"])
        agents = tuple(self._ensure_agent(api, recipe, place) for place in recipe.places())
        return Demo(user_id=self._state["user_id"], api=api, key=self._state["key"], agents=agents)

    def _ensure_user(self) -> None:
        made = engine(self._database_url, pool_size=1, max_overflow=1)
        try:
            users = PostgresUsers(made)
            if not self._is_known(users):
                # Another database than the one that this file was written for: nothing in it is worth keeping.
                self._state = _new_user(users)
                self._keep()
        finally:
            made.dispose()

    def _is_known(self, users: Users) -> bool:
        key = self._state.get("key", "")
        return bool(key) and users.authenticate(key) is not None

    def _ensure_agent(self, api: Api, recipe: Recipe, place: Place) -> str:
        name = place.key
        account_id = self._ensure_account(api, place)
        if f"agent-{name}" not in self._state:
            body = {
                "account_id": account_id,
                "name": place.agent_title,
                "adviser": "trend",
                "coins": [place.coin],
                "interval": recipe.interval,
                "cycle_seconds": str(recipe.cycle.total_seconds()),
                "settings": dict(recipe.settings),
                "mode": "live",
                "confirm": True,
            }
            made = api.post("/api/agents", body, idempotency_key=f"demo-agent-{name}")
            self._remember(f"agent-{name}", made["id"])
        agent_id = self._state[f"agent-{name}"]
        self._start_once(api, name, agent_id)
        return agent_id

    def _start_once(self, api: Api, name: str, agent_id: str) -> None:
        """Start an agent the first time; one that somebody stopped stays stopped."""
        if f"started-{name}" in self._state:
            return
        api.post("/api/agent/start", {"agent_id": agent_id}, idempotency_key=f"demo-start-{name}")
        self._remember(f"started-{name}", "yes")

    def _ensure_account(self, api: Api, place: Place) -> str:
        known = self._state.get(f"account-{place.account}")
        if known is not None:
            return known
        body = {"venue": place.venue, "network": "paper", "name": place.title, **self._funded(place)}
        made = api.post("/api/accounts", body, idempotency_key=f"demo-account-{place.account}")
        self._remember(f"account-{place.account}", made["id"])
        account_id: str = made["id"]
        return account_id

    def _funded(self, place: Place) -> dict[str, str]:
        """Fund an account of play money and make its key; returns what the API has to know of it."""
        url = self._venue_urls[place.venue]
        if place.venue == BINANCE:
            paper_deposit(url, place.title, DEPOSIT_USDC)
            return paper_key(url, place.title)
        master, agent = self._key(f"master-{place.account}"), self._key(f"wallet-{place.account}")
        address = Account.from_key(master).address.lower()
        paper_deposit(url, address, DEPOSIT_USDC)
        if place.venue == ASTER:
            paper_agent(url, address, Account.from_key(agent).address.lower())
        else:
            approve(self._settings, url, master=master, agent_key=agent, name="holdfast")
        return {"address": address, "agent_key": agent, "agent_name": "holdfast"}

    def _key(self, name: str) -> str:
        """Make a key of play money once; it stays in a file that nobody else can read."""
        if name not in self._state:
            self._remember(name, "0x" + bytes(Account.create().key).hex())
        return self._state[name]

    def _remember(self, name: str, value: str) -> None:
        self._state[name] = value
        self._keep()

    def _keep(self) -> None:
        home.write_private(self._file, self._state)


def _new_user(users: Users) -> dict[str, str]:
    user = users.named(USER) or users.add(USER, is_admin=True)
    issued = users.issue(user.user_id, name="command line", scopes=(Scope.ADMIN,))
    return {"user_id": user.user_id, "key": issued.secret}
