"""Accounts and agents by the names that people gave them; an id and nothing stay as they are."""

import uuid

from commands.client import Api
from domain.errors import Refused

_ID_LENGTH = len(str(uuid.UUID(int=0)))


def agent_id(api: Api, agent: str) -> str:
    """Find an agent's id by its name; raises Refused(agent_unknown)."""
    return _by_name(api, agent, "agent")


def account_id(api: Api, account: str) -> str:
    """Find an account's id by its name; raises Refused(account_unknown)."""
    return _by_name(api, account, "account")


def _by_name(api: Api, name: str, what: str) -> str:
    if not name or len(name) == _ID_LENGTH:
        return name
    found = [str(row["id"]) for row in api.get(f"/api/{what}s")["items"] if row["name"] == name]
    if len(found) != 1:
        raise Refused(
            f"{what}_unknown",
            f"There are {len(found)} {what}s called {name}.",
            action=f"Give its id; `holdfast {what} list` shows them.",
        )
    return found[0]
