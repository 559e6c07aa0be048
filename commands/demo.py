"""The demo: a user, funded accounts with approved agent wallets on paper, agents that trade. Made once, then resumed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from eth_account import Account

from commands import home
from commands.client import Api, keep_access
from commands.wallets import approve, paper_deposit
from runtime.settings import Settings
from storage.access import Users
from storage.postgres.engine import engine
from storage.postgres.users import PostgresUsers
from storage.records import Scope

USER = "demo"
COINS = ("BTC", "ETH", "SOL")
DEPOSIT_USDC = 100_000
STATE = "demo.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the demo's agents trade."""

    agents: int = 3
    cycle: timedelta = timedelta(seconds=30)
    interval: str = "5m"
    # Eager: whoever tries the demo sees a trade at once, not after the next crossing.
    settings: tuple[tuple[str, str], ...] = (("eager", "true"), ("hold_cycles", "20"), ("conviction", "0.3"))

    def names(self) -> Iterator[tuple[int, str]]:
        """Yield (account number, coin) of each agent: two agents on one instrument would be in each other's way."""
        for number in range(self.agents):
            yield number // len(COINS), COINS[number % len(COINS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo has made."""

    user_id: str
    api: Api
    key: str
    agents: tuple[str, ...]


class DemoMaker:
    """Makes what is missing; each step is safe to repeat after a crash."""

    def __init__(self, settings: Settings, *, database_url: str, venue_url: str, api_url: str) -> None:
        self._settings = settings
        self._database_url = database_url
        self._venue_url = venue_url
        self._api_url = api_url
        self._file = settings.holdfast_home / STATE
        self._state: dict[str, str] = home.read_private(self._file)

    def make(self, recipe: Recipe) -> Demo:
        """Make or find user, accounts and agents, and start the agents that were never started."""
        self._ensure_user()
        api = Api(self._api_url, self._state["key"])
        keep_access(self._settings.holdfast_home, url=self._api_url, key=self._state["key"])
        agents = tuple(self._ensure_agent(api, recipe, number, coin) for number, coin in recipe.names())
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

    def _ensure_agent(self, api: Api, recipe: Recipe, number: int, coin: str) -> str:
        name = f"{coin}-{number}"
        account_id = self._ensure_account(api, number)
        if f"agent-{name}" not in self._state:
            body = {
                "account_id": account_id,
                "name": f"demo {coin}" if number == 0 else f"demo {coin} {number}",
                "adviser": "trend",
                "coins": [coin],
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

    def _ensure_account(self, api: Api, number: int) -> str:
        known = self._state.get(f"account-{number}")
        if known is not None:
            return known
        master, agent = self._key(f"master-{number}"), self._key(f"wallet-{number}")
        address = Account.from_key(master).address.lower()
        paper_deposit(self._venue_url, address, DEPOSIT_USDC)
        approve(self._settings, self._venue_url, master=master, agent_key=agent, name="holdfast")
        body = {
            "venue": "hyperliquid",
            "network": "paper",
            "address": address,
            "name": "demo" if number == 0 else f"demo {number}",
            "agent_key": agent,
            "agent_name": "holdfast",
        }
        made = api.post("/api/accounts", body, idempotency_key=f"demo-account-{number}")
        self._remember(f"account-{number}", made["id"])
        account_id: str = made["id"]
        return account_id

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
