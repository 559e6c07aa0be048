"""How these venues say no: a code, a message, an HTTP status (reference 2.3 and 3.3)."""

from __future__ import annotations

STATUS = {-1003: 429, -1015: 429, -2014: 401, -2015: 401, -1002: 401}
MESSAGES = {
    -1000: "Unknown error, please check your request or try again later.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    -1008: "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again.",
    -1022: "Signature for this request is not valid.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1120: "Invalid interval.",
    -1121: "Invalid symbol.",
    -1125: "This listenKey does not exist.",
    -1130: "Data sent for parameter is not valid.",
    -1131: "recvWindow must be less than 60000",
    -1136: "Invalid newOrderRespType.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2018: "Balance is insufficient.",
    -2019: "Margin is insufficient.",
    -2020: "Unable to fill.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -2024: "Position is not sufficient.",
    -2025: "Reach max open order limit.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -2028: "Leverage is smaller than permitted: insufficient margin balance.",
    -4001: "Price less than 0.",
    -4002: "Price greater than max price.",
    -4003: "Quantity less than or equal to zero.",
    -4004: "Quantity less than min quantity.",
    -4005: "Quantity greater than max quantity.",
    -4013: "Price less than min price.",
    -4014: "Price not increased by tick size.",
    -4015: "Client order id is not valid.",
    -4021: "Invalid depth limit.",
    -4023: "Qty not increased by step size.",
    -4031: "Invalid parameter working type.",
    -4028: "Leverage is not valid",
    -4045: "Reach max stop order limit.",
    -4046: "No need to change margin type.",
    -4047: "Margin type cannot be changed if there exists open orders.",
    -4048: "Margin type cannot be changed if there exists position.",
    -4050: "Cross balance insufficient.",
    -4051: "Isolated balance insufficient.",
    -4054: "Cannot add position margin: position is 0.",
    -4055: "Amount must be positive.",
    -4059: "No need to change position side.",
    -4060: "Invalid position side.",
    -4061: "Order's position side does not match user's setting.",
    -4062: "Invalid or improper reduceOnly value.",
    -4067: "Position side cannot be changed if there exists open orders.",
    -4068: "Position side cannot be changed if there exists position.",
    -4082: "Invalid number of batch place orders.",
    -4109: "This account is inactive, please activate first",
    -4116: "ClientOrderId is duplicated.",
    -4120: "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
    -4130: "An open stop or take profit order with GTE and closePosition in the direction is existing.",
    -4136: "Target strategy invalid for orderType.",
    -4137: "Quantity must be zero with closePosition equals true",
    -4161: "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
    -4171: "No need to change multi-assets mode.",
    -5021: "Due to the order could not be filled immediately, the FOK order has been rejected. The order will not be recorded in the order history",  # noqa: E501
    -5022: "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will not be recorded in the order history",  # noqa: E501
    -5027: "No need to modify the order.",
    -5028: "Timestamp for this request is outside of the ME recvWindow.",
}


class Refused(Exception):
    """A request is refused with a code; `status` overrides the HTTP status of the code, `wait_s` says when to come back."""

    def __init__(self, code: int, text: str | None = None, status: int | None = None, wait_s: int = 0) -> None:
        self.code = code
        self.text = MESSAGES[code] if text is None else text
        self.status = STATUS.get(code, 400) if status is None else status
        self.wait_s = wait_s
        super().__init__(self.text)

    def as_json(self) -> dict[str, object]:
        """Return the body of the answer."""
        return {"code": self.code, "msg": self.text}


def missing(name: str) -> Refused:
    """Return the refusal of a parameter that is absent, empty or malformed."""
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def unwanted(name: str) -> Refused:
    """Return the refusal of a parameter that must not be there."""
    return Refused(-1106, f"Parameter '{name}' sent when not required.")
