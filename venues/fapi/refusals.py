"""What the venues' error codes prove, and which stable code of ours says the same.

A code is here only if the request provably had no effect: it was not understood, broke a filter or a limit, or the matching
engine refused it. What is missing is unknown, and the fence finds out: -1000, -1006, -1007 ("execution status unknown"), -1016,
-2010 ("Duplicate order sent." is one of its texts), -2011, -2013, -4116 and a nonce that was used before, which say that
this copy was refused and never that the order does not exist.
Sources: the error tables of both venues' documentation and reference/venues.md sections 2.3, 3.1 and 3.3.
"""

from __future__ import annotations

COMMON: dict[int, tuple[str, str]] = {
    -1002: ("You are not authorized to execute this request", "key_refused"),
    -1011: ("This IP cannot access this route", "ip_not_allowed"),
    -1013: ("Invalid message", "bad_request"),
    -1014: ("Unsupported order combination", "bad_request"),
    -1020: ("This operation is not supported", "bad_request"),
    -1021: ("Timestamp for this request is outside of the recvWindow", "clock_skewed"),
    -1022: ("Signature for this request is not valid", "signature_refused"),
    -1100: ("Illegal characters found in a parameter", "bad_request"),
    -1101: ("Too many parameters sent for this endpoint", "bad_request"),
    -1102: ("A mandatory parameter was not sent or malformed", "bad_request"),
    -1103: ("An unknown parameter was sent", "bad_request"),
    -1104: ("Not all sent parameters were read", "bad_request"),
    -1105: ("A parameter was empty", "bad_request"),
    -1106: ("A parameter was sent when not required", "bad_request"),
    -1111: ("Precision is over the maximum defined for this asset", "price_step"),
    -1114: ("TimeInForce parameter sent when not required", "bad_request"),
    -1115: ("Invalid timeInForce", "bad_request"),
    -1116: ("Invalid orderType", "bad_request"),
    -1117: ("Invalid side", "bad_request"),
    -1121: ("Invalid symbol", "unknown_coin"),
    -1128: ("Combination of optional parameters invalid", "bad_request"),
    -1130: ("Invalid data sent for a parameter", "bad_request"),
    -1136: ("Invalid newOrderRespType", "bad_request"),
    -2014: ("API-key format invalid", "key_malformed"),
    -2015: ("Invalid API-key, IP, or permissions for action", "key_refused"),
    -2018: ("Balance is insufficient", "insufficient_margin"),
    -2019: ("Margin is insufficient", "insufficient_margin"),
    -2020: ("Unable to fill", "no_liquidity"),
    -2021: ("Order would immediately trigger", "trigger_already_passed"),
    -2022: ("ReduceOnly Order is rejected", "reduce_only_would_increase"),
    -2023: ("User in liquidation mode now", "account_in_liquidation"),
    -2024: ("Position is not sufficient", "reduce_only_would_increase"),
    -2025: ("Reach max open order limit", "too_many_orders"),
    -2026: ("This OrderType is not supported when reduceOnly", "bad_request"),
    -2027: ("Exceeded the maximum allowable position at current leverage", "margin_tier_limit"),
    -2028: ("Leverage is smaller than permitted", "leverage_invalid"),
    -4001: ("Price less than 0", "price_step"),
    -4002: ("Price greater than max price", "price_step"),
    -4003: ("Quantity less than or equal to zero", "size_step"),
    -4004: ("Quantity less than min quantity", "size_step"),
    -4005: ("Quantity greater than max quantity", "size_step"),
    -4006: ("Stop price less than zero", "bad_trigger"),
    -4007: ("Stop price greater than max price", "bad_trigger"),
    -4013: ("Price less than min price", "price_step"),
    -4014: ("Price not increased by tick size", "price_step"),
    -4015: ("Client order id is not valid", "bad_client_id"),
    -4016: ("Price is higher than mark price multiplier cap", "price_band"),
    -4023: ("Qty not increased by step size", "size_step"),
    -4024: ("Price is lower than mark price multiplier floor", "price_band"),
    -4028: ("Leverage is not valid", "leverage_invalid"),
    -4031: ("Invalid parameter working type", "bad_request"),
    -4045: ("Reach max stop order limit", "too_many_orders"),
    -4047: ("Margin type cannot be changed if there exists open orders", "leverage_type_locked"),
    -4048: ("Margin type cannot be changed if there exists position", "leverage_type_locked"),
    -4050: ("Cross balance insufficient", "insufficient_margin"),
    -4051: ("Isolated balance insufficient", "insufficient_margin"),
    -4060: ("Invalid position side", "wrong_position_mode"),
    -4061: ("Order's position side does not match user's setting", "wrong_position_mode"),
    -4062: ("Invalid or improper reduceOnly value", "bad_request"),
    -4087: ("User can only place reduce only order", "trading_restricted"),
    -4088: ("User can not place order currently", "trading_restricted"),
    -4118: ("ReduceOnly Order Failed", "reduce_only_would_increase"),
    -4131: ("The counterparty's best price does not meet the PERCENT_PRICE filter", "price_band"),
    -4136: ("Target strategy invalid for orderType", "bad_request"),
    -4137: ("Quantity must be zero with closePosition equals true", "bad_trigger"),
    -4138: ("Reduce only must be true with closePosition equals true", "bad_trigger"),
    -4140: ("Invalid symbol status for opening position", "trading_halted"),
    -4141: ("Symbol is closed", "trading_halted"),
    -4142: ("Take profit or stop order will be triggered immediately", "trigger_already_passed"),
    -4161: ("Leverage reduction is not supported in Isolated Margin Mode with open positions", "leverage_type_locked"),
    -4164: ("Order's notional must be no smaller than the minimum", "minimum_notional"),
    -4183: ("Price is higher than stop price multiplier cap", "price_band"),
    -4184: ("Price is lower than stop price multiplier floor", "price_band"),
}

# Documented by Binance alone. Its gateway counts before it passes on, so what it throttles was not executed (section 3.3).
BINANCE: dict[int, tuple[str, str]] = {
    **COMMON,
    -1003: ("Too many requests", "rate_limited"),
    -1008: ("Request throttled by system-level protection", "venue_busy"),
    -1015: ("Too many new orders", "rate_limited"),
    -4109: ("This account is inactive, please activate first", "futures_not_enabled"),
    -4120: ("Order type not supported for this endpoint", "bad_request"),
    -4130: ("An open stop or take profit order with GTE and closePosition is existing", "trigger_exists"),
    -5021: ("The FOK order has been rejected", "ioc_no_match"),
    -5022: ("The Post Only order will be rejected", "post_only_would_match"),
    -5028: ("Timestamp for this request is outside of the ME recvWindow", "clock_skewed"),
}

ASTER: dict[int, tuple[str, str]] = {
    **COMMON,
    -5021: ("The FOK order has been rejected", "ioc_no_match"),
    -5022: ("The Post Only order will be rejected", "post_only_would_match"),
    -5060: ("The limit order price does not meet the PERCENT_PRICE filter limit", "price_band"),
    -5076: ("The order must be worth more than the minimum", "minimum_notional"),
}

# -1000 is the unknown error, but these words say that nobody was found in whose name it could have run (nofx issue 41).
ASTER_WORDED: tuple[tuple[int, str, str], ...] = ((-1000, "No agent found", "agent_not_approved"),)

# Codes that prove nothing, under names of their own: this copy was refused, or nobody knows. A nonce is refused when it is too
# old, too new or used, and the venue says the same of all three.
UNPROVEN: dict[int, str] = {
    -1000: "execution_unknown",
    -1001: "execution_unknown",
    -1006: "execution_unknown",
    -1007: "execution_unknown",
    -4116: "client_id_taken",
    -4225: "nonce_refused",
    -4226: "nonce_refused",
}

# (code or 0 for any, start of the message, code): proofs although the status says 5xx. The unknown one says "Unknown error, ...".
BINANCE_BUSY: tuple[tuple[int, str, str], ...] = (
    (-1008, "Request throttled by system-level protection", "venue_busy"),
    (-1001, "Internal error; unable to process your request. Please try again.", "venue_busy"),
    (0, "Service Unavailable.", "venue_busy"),
)

ACTIONS: dict[str, str] = {
    "key_refused": "Check the key's permissions and its list of addresses at the venue, or store a new key.",
    "key_malformed": "Copy the key and the secret again, each in one piece.",
    "ip_not_allowed": "Add this machine's address to the key's list at the venue.",
    "agent_not_approved": "Approve the API wallet (agent) at the venue, or store the key of one that is approved.",
    "nonce_refused": "Set the clocks of this machine and of the database by NTP if it happens again.",
    "signature_refused": "Check the stored secret and the network: the venue cannot verify who signed.",
    "clock_skewed": "Set the clocks of this machine and of the database by NTP.",
    "wrong_position_mode": "Switch the account to one-way position mode at the venue.",
    "insufficient_margin": "Deposit, lower the size, or free margin by closing something.",
    "trigger_already_passed": "The mark has passed the trigger: close at market instead.",
    "trigger_exists": "Cancel the older whole-position trigger of this side first.",
    "price_band": "Move the limit price nearer to the mark.",
    "margin_tier_limit": "Lower the leverage or the size.",
    "too_many_orders": "Cancel orders that are not needed any more.",
    "trading_halted": "Wait until the venue trades this coin again.",
    "trading_restricted": "Read the venue's notices to this account: it may not open positions for now.",
    "leverage_type_locked": "Close the position first: leverage or margin type is locked while it is open.",
    "leverage_invalid": "Choose a leverage that the venue allows for this coin.",
    "futures_not_enabled": "Activate the futures account at the venue.",
    "venue_busy": "The venue was busy and did not take the request; it may be made anew.",
    "rate_limited": "Wait: the venue limits requests of this address or account.",
}
