"""ccxt's clients, which know nothing of us, pointed at paper servers, with the settings that make them plain clients."""

from typing import Any

import ccxt

from tests.contracts.rigs.desk import Desk

WAIT_MS = 10_000


def hyperliquid(desk: Desk) -> Any:
    """A client of the desk's account that signs with its agent. Without `builderFee` each order would carry a fee for
    ccxt, approved in the account's name."""
    client = ccxt.hyperliquid(
        {
            "walletAddress": desk.account.address,
            "privateKey": desk.key.secret,
            "timeout": WAIT_MS,
            "enableRateLimit": False,
            "options": {"builderFee": False, "fetchMarkets": {"types": ["swap"]}, "defaultSlippage": 0.05},
        }
    )
    client.set_sandbox_mode(True)
    return pointed(client, desk.rig.server.url)


def pointed(client: Any, url: str) -> Any:
    """Send every request of a client to a server on this machine, past any proxy."""
    client.session.trust_env = False
    client.urls["api"] = _replaced(client.urls["api"], url)
    return client


def _replaced(urls: Any, url: str) -> Any:
    if isinstance(urls, dict):
        return {name: _replaced(below, url) for name, below in urls.items()}
    if not isinstance(urls, str) or "://" not in urls:
        return urls
    # Paths such as /fapi/v1 stay: the paper servers have them too.
    path = urls.split("://", 1)[1].partition("/")[2]
    return url + ("/" + path if path else "")
