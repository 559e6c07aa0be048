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


class _LocalBinance(ccxt.binanceusdm):  # type: ignore[misc]
    """Binance's client with the error names of USD-M: ccxt picks them by the venue's own address, which ours is not."""

    def get_exceptions_by_url(self, url: str, exact_or_broad: str) -> Any:
        """Return the table of USD-M whatever the address."""
        del url
        return super().get_exceptions_by_url("https://fapi.binance.com/", exact_or_broad)


def binance(desk: Desk) -> Any:
    """A client of the desk's account with its API key; nothing but futures is asked for."""
    client = _LocalBinance(
        {
            "apiKey": desk.key.address,
            "secret": desk.key.secret,
            "timeout": WAIT_MS,
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False, "fetchMargins": False, "warnOnFetchOpenOrdersWithoutSymbol": False},
        }
    )
    return pointed(client, desk.rig.server.url)


def aster(desk: Desk) -> Any:
    """A client of the desk's wallet that signs with its agent. Without `builderFee` each order would carry a fee for
    ccxt; it takes the owner of the key for the user, so the wallet is told by hand."""

    class OfWallet(ccxt.aster):  # type: ignore[misc]
        def eth_get_address_from_private_key(self, private_key: str) -> str:
            return str(desk.key.master)

    client = OfWallet(
        {
            "privateKey": desk.key.secret,
            "timeout": WAIT_MS,
            "enableRateLimit": False,
            "options": {"builderFee": False, "defaultType": "swap", "signerAddress": desk.key.address},
        }
    )
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
