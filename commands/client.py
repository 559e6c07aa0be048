"""The API as the commands call it: address and key by setting or from the last `up`, its error envelope as our errors."""

import re
import uuid
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from commands import home
from domain.errors import HoldfastError, Misconfigured, Refused, Retryable
from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.settings import Settings

ACCESS = "cli.json"
TIMEOUT_SECONDS = 30.0

Query = Mapping[str, str | int | None]


class Api:
    """One user's calls to the API."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_SECONDS, follow_redirects=False
        )
        # A command ends in many places, and no one of them owns the connection.
        weakref.finalize(self, self._http.close)

    def get(self, path: str, **query: str | int | None) -> Any:
        """Read."""
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, object] | None = None, *, idempotency_key: str = "") -> Any:
        """Ask for something once: a repeated key gives the first answer."""
        return self._call("POST", path, body=body or {}, key=idempotency_key or str(uuid.uuid4()))

    def patch(self, path: str, body: Mapping[str, object]) -> Any:
        """Change something."""
        return self._call("PATCH", path, body=body)

    def delete(self, path: str) -> Any:
        """Remove something."""
        return self._call("DELETE", path)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        query: Query | None = None,
        key: str = "",
    ) -> Any:
        asked = {name: value for name, value in (query or {}).items() if value not in {None, ""}}
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = self._http.request(method, path, json=body, params=asked, headers=headers)
        except httpx.HTTPError as failure:
            raise SetupError(
                "no_api", f"The API does not answer at {self.url}.", "Start `holdfast up` or set HOLDFAST_API_URL."
            ) from failure
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _error_of(answer)


def connect(settings: Settings | None = None) -> Api:
    """Find the API by HOLDFAST_API_URL and HOLDFAST_API_KEY, else by what `up` has written."""
    settings = settings or load_settings()
    kept = home.read_private(access_file(settings.holdfast_home))
    url = settings.holdfast_api_url or kept.get("url")
    key = settings.holdfast_api_key.get_secret_value() if settings.holdfast_api_key else kept.get("key")
    if not url or not key:
        raise SetupError(
            "no_api", "No API is known here.", "Start `holdfast up`, or set HOLDFAST_API_URL and HOLDFAST_API_KEY."
        )
    return Api(url, key)


def access_file(folder: Path) -> Path:
    """Name the file with the address and the key of the command line."""
    return folder / ACCESS


def keep_access(folder: Path, *, url: str, key: str) -> None:
    """Remember the address and the key, readable by this user alone."""
    home.write_private(access_file(folder), {"url": url, "key": key})


OPTIONS = {
    "account_id": "--account",
    "agent_id": "--agent",
    "check_seconds": "--check-every",
    "confirm": "--yes",
    "cycle_seconds": "--every",
    "limit_px": "--limit",
    "max_age_seconds": "--max-age",
    "max_slippage": "--max-slippage",
    "risk_profile": "--profile",
    "stop_px": "--stop",
    "take_profit_px": "--take-profit",
    "wait_seconds": "--wait-for",
    "work_seconds": "--good-for",
}
"""Fields of requests whose options have other names, or that sentences of the API name."""

ARGUMENTS = frozenset({"adviser", "coin", "coins", "side"})
_FIELD = re.compile(r"\b(" + "|".join(OPTIONS) + r")\b")


def _for_a_terminal(code: str, message: str, action: str, details: Mapping[str, object]) -> tuple[str, str]:
    """Say what the API leaves to `details`, which nobody sees here, and name options instead of fields."""
    match code:
        case "invalid_request":
            faults = "; ".join(_fault(field, str(fault)) for field, fault in details.items())
            return f"{message.removesuffix('.')}: {faults}.", "See --help."
        case "account_ambiguous":
            return message, f"Say which one with --account: {str(details.get('accounts', '')).replace(',', ' or ')}."
        case "agent_ambiguous":
            return message, "Say which one; `holdfast agent list` shows them."
        case "confirmation_required":
            return message, "Repeat it with --yes."
        case "limit_price_missing":
            return message, "Give --limit."
        case "adviser_setting":
            return message, "Correct it with --set."
        case _:
            return message, action


def _fault(field: str, fault: str) -> str:
    """Say what is wrong with an option; a fault of the whole request names its options itself."""
    sentence = _FIELD.sub(lambda found: OPTIONS[found[0]], fault.removesuffix("."))
    group, _, name = field.rpartition(".")
    if field == "body":
        return sentence
    if group in {"limits", "settings"}:
        return f"{'--limit' if group == 'limits' else '--set'} {name}: {sentence}"
    top = field.split(".", 1)[0]
    if top in ARGUMENTS:
        return f"{top.upper()}: {sentence}"
    return f"{OPTIONS.get(name, '--' + name.replace('_', '-'))}: {sentence}"


def _error_of(answer: httpx.Response) -> HoldfastError:
    """Read the error envelope; anything else that answers is not our API."""
    try:
        error = answer.json()["error"]
        code, message, action = str(error["code"]), str(error["message"]), str(error.get("action") or "")
        message, action = _for_a_terminal(code, message, action, error.get("details") or {})
    except (ValueError, KeyError, TypeError):
        return Misconfigured(
            "no_api", f"{answer.url} answered {answer.status_code} without our error envelope.", action="Check the URL."
        )
    kind = Retryable if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR else Refused
    return kind(code, message, action=action)
