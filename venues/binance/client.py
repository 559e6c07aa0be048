"""HTTP to Binance, and what one of its keys may do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from domain.errors import Retryable
from venues.base import SigningKey
from venues.binance.config import BinanceConfig
from venues.binance.wire import DIALECT
from venues.fapi.answers import BAD_SHAPE
from venues.fapi.client import FapiClient, garbled
from venues.fapi.limits import RequestBudget
from venues.fapi.links import Grants, millis_or_none
from venues.fapi.wire import Call, HmacSigner, require_api_key

CANCELS_LIVE = timedelta(seconds=5)
"""The longest deadline of a write beside those of orders. A window that is shorter than a deadline would put the timestamp of a
clock that is ahead into the venue's future."""


class BinanceClient(FapiClient):
    """Binance's endpoints; requests are signed by HMAC with timestamp and recvWindow."""

    def __init__(self, config: BinanceConfig, budget: RequestBudget | None = None) -> None:
        signer = HmacSigner(window=max(config.deadline, CANCELS_LIVE), covers_deadlines=True)
        super().__init__(config, DIALECT, signer, budget)


class BinanceKeyFacts:
    """What Binance tells of a key. The permissions are told by the spot address, whose weights are its own."""

    def __init__(self, client: BinanceClient, config: BinanceConfig) -> None:
        self._client = client
        self._url = config.restrictions_url

    def require_shape(self, key: SigningKey) -> None:
        """Refuse what cannot be an API key and its secret."""
        require_api_key(key)

    def grants(self, key: SigningKey) -> Grants:
        """Ask for the restrictions of the key; nothing is known where the network has no such address."""
        if not self._url:
            return Grants()
        call = Call(method="GET", path=f"{self._url}/sapi/v1/account/apiRestrictions")
        answer = self._client.ask(key, call, 1)
        if not isinstance(answer, dict):
            raise Retryable(
                "venue_error",
                "Binance does not tell what this key may do.",
                action="Check that the key may read, and try again.",
            )
        try:
            return _grants(answer)
        except BAD_SHAPE as error:
            raise garbled("apiRestrictions", error) from None

    def address_of(self, key: SigningKey, balance: Any) -> str:  # noqa: ARG002  (Aster's depends on it)
        """Name the account by its alias, a code that Binance gives it once and for ever."""
        return f"binance:{balance[0]['accountAlias']}"


def _grants(row: dict[str, Any]) -> Grants:
    return Grants(
        can_trade=bool(row["enableFutures"]),
        can_withdraw=bool(row["enableWithdrawals"]),
        valid_until=millis_or_none(row.get("tradingAuthorityExpirationTime")),
    )
