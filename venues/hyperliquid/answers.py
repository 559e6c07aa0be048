"""Sort the answers to writes: accepted, refused, or unknown.

Refused is only what these tables list for a first copy: an error in its own place of a complete status list, or a
whole-action error that cannot stand for an order that runs. Everything else is unknown, and the fence finds out: no
answer, any status but 200, an empty or garbled body, a list that is too short, a text that nobody listed, and whatever
is also the normal answer to a second copy (duplicate nonce, nonce too low, already expired).
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from domain.errors import Refused
from domain.money import Price, Quantity, parse_decimal
from venues.base import Answer, Verdict
from venues.hyperliquid.client import Reply, parse_json

TEXT_LIMIT = 200
CANCEL_TOO_LATE = "Order was never placed, already canceled, or filled"

# Per-order errors; live ones end with " asset=N", some come as whole-action errors as well.
ORDER_REFUSALS: tuple[tuple[str, str], ...] = (
    ("Price must be divisible by tick size", "price_step"),
    ("Order has invalid price", "price_step"),
    ("Order has invalid size", "size_step"),
    ("Order has zero size", "size_step"),
    ("Order must have minimum value of", "minimum_notional"),
    ("Insufficient margin to place order", "insufficient_margin"),
    ("Reduce only order would increase position", "reduce_only_would_increase"),
    ("Post only order would have immediately matched", "post_only_would_match"),
    ("Order could not immediately match against any resting orders", "ioc_no_match"),
    ("No liquidity available for market order", "no_liquidity"),
    ("Invalid TP/SL price", "trigger_already_passed"),
    ("Main order cannot be trigger order", "bad_trigger"),
    ("Unexpected number of trigger orders", "bad_trigger"),
    ("Order would increase open interest", "open_interest_cap"),
    ("Order rejected due to price more aggressive than oracle", "open_interest_cap"),
    ("Order has insufficient spot balance to trade", "insufficient_balance"),
    ("Insufficient spot balance", "insufficient_balance"),
    ("Order price too far from oracle", "price_band"),
    ("Price too far from oracle", "price_band"),
    ("Order price cannot be more than", "price_band"),
    ("Order would cause position to exceed margin tier limit", "margin_tier_limit"),
    ("Only post-only orders allowed immediately after network upgrade", "post_only_phase"),
    ("Trading is halted", "trading_halted"),
    ("Builder fee has not been approved", "builder_fee_not_approved"),
)

ACTION_REFUSALS: tuple[tuple[str, str], ...] = (
    ("User or API Wallet", "agent_not_approved"),
    ("Must deposit before performing actions", "agent_not_approved"),
    ("Unable to recover signer", "signature_refused"),
    ("Vault not registered", "vault_refused"),
    ("Vault may not perform this action", "vault_refused"),
    ("Too many cumulative requests sent", "address_budget"),
    ("Signed action over weight limit", "batch_too_large"),
    ("Invalid leverage value", "leverage_invalid"),
    ("Cannot switch leverage type with open position", "leverage_type_locked"),
    ("Isolated position does not have sufficient margin", "insufficient_margin"),
    *ORDER_REFUSALS,
)

# Refusals of a copy, never of the order: another copy may run.
UNCLEAR: tuple[tuple[str, str], ...] = (
    ("Invalid nonce: duplicate nonce", "duplicate_nonce"),
    ("Invalid nonce: nonce too low", "nonce_too_low"),
    ("Invalid nonce: nonce too high", "nonce_too_high"),
    ("Action already expired", "already_expired"),
)

ACTIONS: dict[str, str] = {
    "agent_not_approved": "Approve the agent wallet again with `holdfast account key ACCOUNT --send`: the venue does not know "
    "it as this account's agent; it may have been replaced or pruned, or the account holds no funds.",
    "signature_refused": "Check the stored agent key and HYPERLIQUID_NETWORK: the venue cannot tell who signed.",
    "vault_refused": "Use the master's address of the account, not a vault's or a sub-account's.",
    "address_budget": "The venue has used up this account's requests: trade volume frees more, one in 10 s is allowed.",
    "insufficient_margin": "Deposit, lower the size, or free margin by closing something.",
    "trigger_already_passed": "The mark has passed the trigger: close at market instead.",
    "price_band": "Move the limit price nearer to the market.",
    "open_interest_cap": "Wait: the venue caps the open interest of this coin for now.",
    "margin_tier_limit": "Lower the leverage or the size.",
    "post_only_phase": "Wait some seconds: after an upgrade the venue takes post-only orders alone.",
    "trading_halted": "Wait until the venue trades this coin again.",
    "leverage_type_locked": "Close the position first: isolated and cross cannot be switched while it is open.",
    "leverage_invalid": "Choose a leverage from 1 to the coin's maximum.",
}


def sort_order(reply: Reply) -> Answer:
    """Sort the answer to one order."""
    statuses = _statuses(reply, ACTION_REFUSALS)
    return statuses if isinstance(statuses, Answer) else _of_order_status(statuses[0])


def sort_cancel(reply: Reply) -> Answer:
    """Sort the answer to one cancel; a whole-action error is unknown and keeps its code."""
    statuses = _statuses(reply, ACTION_REFUSALS)
    if isinstance(statuses, Answer):
        return replace(statuses, verdict=Verdict.UNKNOWN)
    match statuses[0]:
        case "success":
            return Answer(verdict=Verdict.ACCEPTED)
        case {"error": str(text)} if text.startswith(CANCEL_TOO_LATE):
            return Answer(verdict=Verdict.REFUSED, code="cancel_too_late", text=text[:TEXT_LIMIT])
        case other:
            return unknown("unclear_refusal", str(other))


def sort_noop(reply: Reply) -> Answer:
    """Sort the answer to a noop: `duplicate_nonce` is its only refusal and says that the nonce was used before."""
    answer = sort_plain(reply)
    if answer.code == "duplicate_nonce":
        return replace(answer, verdict=Verdict.REFUSED)
    return answer if answer.verdict is Verdict.ACCEPTED else replace(answer, verdict=Verdict.UNKNOWN)


def sort_plain(reply: Reply) -> Answer:
    """Sort the answer to an action that answers with `default`, such as a change of leverage or an approval."""
    response = _response(reply, ACTION_REFUSALS)
    if isinstance(response, Answer):
        return response
    if isinstance(response, dict) and response.get("type") == "default":
        return Answer(verdict=Verdict.ACCEPTED)
    return unknown("garbled_answer", str(response))


def unknown(code: str, text: str) -> Answer:
    """Return an unknown answer."""
    return Answer(verdict=Verdict.UNKNOWN, code=code, text=text[:TEXT_LIMIT], action=ACTIONS.get(code, ""))


def refused(code: str, text: str) -> Answer:
    """Return a definite refusal."""
    return Answer(verdict=Verdict.REFUSED, code=code, text=text[:TEXT_LIMIT], action=ACTIONS.get(code, ""))


def _response(reply: Reply, table: tuple[tuple[str, str], ...]) -> Answer | Any:
    """Return the `response` of an admitted action, or the sorted answer when there is none."""
    if reply.status == 0:
        return unknown("no_answer", reply.problem)
    if reply.status != HTTPStatus.OK:
        return unknown(f"http_{reply.status}", reply.body[:TEXT_LIMIT].decode(errors="replace"))
    try:
        answer = parse_json(reply.body)
    except ValueError:
        return unknown("garbled_answer", reply.body[:TEXT_LIMIT].decode(errors="replace"))
    match answer:
        case {"status": "err", "response": str(text)}:
            return _of_text(text.removeprefix("L1 error: "), table)
        case {"status": "ok", "response": response}:
            return response
        case other:
            return unknown("garbled_answer", str(other))


def _statuses(reply: Reply, table: tuple[tuple[str, str], ...]) -> Answer | list[Any]:
    match _response(reply, table):
        case Answer() as answer:
            return answer
        case {"data": {"statuses": [status]}}:
            return [status]
        case {"data": {"statuses": []}}:
            return unknown("short_answer", "The answer has no status for the order.")
        case other:
            return unknown("garbled_answer", str(other))


def _of_order_status(status: Any) -> Answer:
    try:
        match status:
            case {"resting": {"oid": oid}}:
                return Answer(verdict=Verdict.ACCEPTED, oid=str(int(oid)), is_resting=True)
            case {"filled": {"oid": oid, "totalSz": size, "avgPx": px}}:
                size, px = Quantity(parse_decimal(str(size))), Price(parse_decimal(str(px)))
                return Answer(verdict=Verdict.ACCEPTED, oid=str(int(oid)), filled_size=size, average_px=px)
            case "waitingForFill" | "waitingForTrigger":
                return Answer(verdict=Verdict.ACCEPTED, is_resting=True)
            case {"error": str(text)}:
                return _of_text(text, ORDER_REFUSALS)
    except (ValueError, TypeError, Refused):
        # Admitted, yet the numbers cannot be read: the lookup reads them again.
        pass
    return unknown("garbled_answer", str(status))


def _of_text(text: str, table: tuple[tuple[str, str], ...]) -> Answer:
    for start, code in UNCLEAR:
        if text.startswith(start):
            return unknown(code, text)
    for start, code in table:
        if text.startswith(start):
            return refused(code, text)
    return unknown("unclear_refusal", text)
