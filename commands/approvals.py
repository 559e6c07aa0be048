"""An agent wallet on its way into an account: made here, approved by the master, stored once the venue has confirmed it.

Until then its key is in this process alone: stored earlier it would retire the key that trades, and be of no use itself.
"""

import select
import sys
import time
from datetime import timedelta
from typing import Any

from commands.client import Api
from commands.exits import CommandFailed, Exit
from commands.wallets import key_of, require_accepted
from domain.accounts import AccountRef
from domain.errors import HoldfastError, Refused, Retryable
from runtime.errors import SetupError
from venues.base import Answer, SigningKey, Verdict
from venues.hyperliquid.venue import HyperliquidVenue
from venues.hyperliquid.wallets import HyperliquidWallets

PAGES = {"mainnet": "https://app.hyperliquid.xyz/API", "testnet": "https://app.hyperliquid-testnet.xyz/API"}
"""Where a master's browser wallet approves an agent by its address and its name."""

STORE_WITHIN = timedelta(seconds=30)
# One look weighs 20 of the 1200 that this address has in a minute, and workers may share it.
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 10.0


class Keyboard:
    """Standard input, on which a line may come while something else is awaited."""

    def __init__(self, *, is_read: bool = True) -> None:
        self._input = sys.stdin if is_read and _has_descriptor() else None

    def line(self, seconds: float) -> str:
        """Wait at most so long for a line; '' when none came."""
        if self._input is None:
            time.sleep(seconds)
            return ""
        if not select.select([self._input], [], [], seconds)[0]:
            return ""
        text = self._input.readline()
        if not text:
            self._input = None
        return text.strip()


class WalletApproval:
    """The approval of a new agent wallet of an account."""

    def __init__(self, venue: HyperliquidVenue, account: AccountRef, name: str) -> None:
        self._venue = venue
        self._account = account
        self._name = name
        self._wallets = HyperliquidWallets(venue.client)
        self._nonce = self._wallets.approval_nonce()
        self.agent: SigningKey = self._wallets.make_agent()

    def to_sign(self) -> dict[str, Any]:
        """Return the typed data that the master has to sign."""
        return self._wallets.approval_to_sign(self.agent.address, name=self._name, nonce=self._nonce)

    def say_what_to_do(self, seconds: int) -> str:
        """Say in one sentence how the master approves."""
        page = PAGES.get(self._account.network, "")
        at = f"at {page}, or " if page else ""
        return (
            f"Approve {self.agent.address} as {self._name!r} for {self._account.address} within {seconds} s: {at}sign the data "
            "above with the master's key and paste the signature here; nothing is stored before the venue confirms it."
        )

    def sign(self, master: str) -> None:
        """Sign and send the approval with the master's key; raises not_the_master for another's."""
        key = key_of(master)
        if key.address.lower() != self._account.address.lower():
            # It would approve the agent wallet for an account that is not meant.
            raise CommandFailed(
                "not_the_master",
                f"The key is that of {key.address}, the account's master is {self._account.address}.",
                "Give the key of the account's master, or approve without --send.",
            )
        request = self._wallets.sign_approval(key, self.agent.address, name=self._name, nonce=self._nonce)
        _require_not_refused(self._wallets.send_approval(request))

    def confirmed(self, seconds: int, keyboard: Keyboard) -> None:
        """Wait until the venue has the agent, sending a signature that is typed meanwhile; agent_not_approved at the end."""
        deadline, pause = time.monotonic() + seconds, SHORTEST_PAUSE
        while not self._is_approved():
            left = deadline - time.monotonic()
            if left <= 0:
                raise CommandFailed(
                    "agent_not_approved",
                    f"The venue has not confirmed {self.agent.address} within {seconds} s; nothing was stored.",
                    "Run `holdfast account key` again and approve the wallet that it shows.",
                )
            if signature := keyboard.line(min(pause, left)):
                self._send(signature)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _send(self, signature: str) -> None:
        address, name, nonce = self.agent.address, self._name, self._nonce
        request = self._wallets.signed_approval(address, name=name, nonce=nonce, signature=signature)
        _require_not_refused(self._wallets.send_approval(request))

    def _is_approved(self) -> bool:
        try:
            return self._venue.accounts.is_listed(self._account.address, self.agent.address)
        except Retryable:
            return False


def store(api: Api, account: str, agent: SigningKey, name: str) -> None:
    """Store an approved wallet: it has taken the place of the one before at the venue, so this is tried for a while."""
    deadline = time.monotonic() + STORE_WITHIN.total_seconds()
    while True:
        try:
            api.patch(f"/api/accounts/{account}", {"agent_key": agent.secret, "agent_name": name})
        except (SetupError, Retryable) as failure:
            if time.monotonic() > deadline:
                raise _not_stored(agent, failure) from failure
            time.sleep(SHORTEST_PAUSE)
        except Refused as refusal:
            # The answer to an earlier try may have been lost.
            if refusal.code != "signer_used" or not _has(api, account, agent):
                raise
            return
        else:
            return


def _has(api: Api, account: str, agent: SigningKey) -> bool:
    signer = api.get(f"/api/accounts/{account}")["signer"]
    return signer is not None and str(signer["address"]).lower() == agent.address.lower()


def _not_stored(agent: SigningKey, failure: SetupError | HoldfastError) -> CommandFailed:
    return CommandFailed(
        "key_not_stored",
        f"The venue has approved {agent.address}, and it could not be stored: {failure.message}",
        "Run `holdfast account key` again; it makes another.",
        exit_code=Exit.UNAVAILABLE,
    )


def _require_not_refused(answer: Answer) -> None:
    """Raise what the venue refused; whether an unclear answer was an approval, the venue will show."""
    if answer.verdict is not Verdict.UNKNOWN:
        require_accepted(answer)


def _has_descriptor() -> bool:
    try:
        sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    return True
