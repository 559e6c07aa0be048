"""Agent wallets at the venue, as the commands use them: deposits on paper, approvals by the master."""

import httpx
from eth_account import Account

from domain.errors import Refused, Retryable
from runtime.settings import Settings
from venues.base import Answer, SigningKey, Verdict
from venues.hyperliquid.wallets import HyperliquidWallets
from wiring.venues import hyperliquid


def paper_deposit(venue_url: str, address: str, usdc: int) -> None:
    """Give play money to an account of the paper exchange."""
    _told(venue_url, "deposit", {"user": address, "usdc": str(usdc)})


def paper_key(venue_url: str, user: str) -> dict[str, str]:
    """Make a user of a paper exchange that has API keys, or find it; returns the key as our API takes it."""
    made = _told(venue_url, "account", {"user": user})
    return {"api_key": made["api_key"], "api_secret": made["api_secret"]}


def paper_agent(venue_url: str, address: str, agent: str) -> None:
    """Approve an agent of a main wallet at a paper AsterDEX."""
    _told(venue_url, "account", {"user": address, "signer": agent})


def _told(venue_url: str, what: str, body: dict[str, str]) -> dict[str, str]:
    try:
        answer = httpx.post(f"{venue_url}/control/{what}", json=body, timeout=10).raise_for_status()
    except httpx.HTTPError as error:
        raise Retryable("paper_unreachable", f"The paper exchange at {venue_url} took no {what}: {error}.") from error
    made: dict[str, str] = answer.json()
    return made


def approve(settings: Settings, venue_url: str, *, master: str, agent_key: str, name: str) -> None:
    """Approve an agent wallet with the master's key; raises what the venue said."""
    venue = hyperliquid(settings, venue_url)
    try:
        wallets = HyperliquidWallets(venue.client)
        signer, agent = key_of(master), key_of(agent_key)
        request = wallets.sign_approval(signer, agent.address, name=name, nonce=wallets.approval_nonce())
        require_accepted(wallets.send_approval(request))
    finally:
        venue.close()


def key_of(secret: str) -> SigningKey:
    """Pair a private key with its address."""
    return SigningKey(address=Account.from_key(secret).address, secret=secret)


def require_accepted(answer: Answer) -> None:
    """Raise what the venue said unless it accepted."""
    match answer.verdict:
        case Verdict.ACCEPTED:
            return
        case Verdict.REFUSED:
            raise Refused(answer.code or "venue_refused", answer.text, action=answer.action)
        case Verdict.UNKNOWN:
            raise Retryable(
                answer.code or "outcome_unknown",
                f"The venue's answer is unclear: {answer.text}.",
                action="Check the link, then try again.",
            )
