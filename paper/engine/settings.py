"""Switches of the venue: what an operator or a test turns, and where the real venue's behaviour is not known for sure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, get_type_hints


@dataclass(slots=True, kw_only=True)
class Settings:
    """All switches; the uncertain ones name the alternatives, the first is the default (reference 7.2)."""

    halted: bool = False
    """The chain stands still: actions wait and run when it goes on; reads answer with the time of the halt."""
    trading_halted: bool = False
    """Orders are refused with "Trading is halted"."""
    post_only_phase: bool = False
    """Only ALO orders are taken, as right after a network upgrade."""
    order_retention: int = 2000
    """How many of an account's latest orders the lookups know; fills and the control log keep all."""
    clock_offset_ms: int = 0
    """Added to the venue's clock."""
    depth_scale: Decimal = Decimal(1)
    """Multiplies the size of every simulated level."""
    refill_ms: int = 10_000
    """How long the simulated book needs to refill."""
    price_band: Decimal = Decimal("0.8")
    """Largest distance of a limit from the mark, as a fraction."""
    cancel_delay_s: Decimal = Decimal(0)
    """Every cancel waits so long before it runs."""
    gtc_partial_status: str = "filled"
    """filled | resting: the status of a GTC order that filled in part and rests."""
    duplicate_cloid: str = "accept"
    """accept | reject a cloid that the account has used before."""
    expired_consumes_nonce: bool = True
    """Whether an action that came too late uses up its nonce."""
    position_tpsl_status: str = "waitingForTrigger"
    """waitingForTrigger (no oid) | resting."""
    position_tpsl_without_position: str = "reject"
    """reject | accept whole-position triggers while flat."""
    trigger_must_reduce: bool = False
    """Whether a TP/SL that is not reduce-only is refused before matching."""
    modify_needs_alo: bool = False
    """Whether a modify refuses triggers and crossing orders, as the documents of 2026 say."""
    zero_address_revokes: bool = True
    """Whether approving the zero address under a name revokes the agent of that name."""
    throttled_counts: bool = False
    """Whether a request refused for the address limit restarts the ten-second window."""
    fill_without_cloid: bool = False
    """Fills lack the cloid, as some of the real ones do."""
    canceled_before_filled: bool = False
    """orderUpdates shows a spurious `canceled` before `filled`."""
    fill_before_ack: bool = False
    """Streams tell of a fill before the order's answer is sent."""
    answer_delay_s: Decimal = Decimal(0)
    """Every exchange answer waits so long after execution; with fill_before_ack the stream wins the race."""

    def change(self, wanted: dict[str, Any]) -> None:
        """Set switches by name; raises ValueError for an unknown name or a value of the wrong kind."""
        kinds = get_type_hints(type(self))
        names = {item.name for item in fields(self)}
        for name, value in wanted.items():
            if name not in names:
                raise ValueError(f"There is no setting {name!r}; known are {', '.join(sorted(names))}.")
            setattr(self, name, _converted(name, value, kinds[name]))

    def as_json(self) -> dict[str, Any]:
        """Return all switches as JSON values."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}


def _converted(name: str, value: Any, kind: type) -> Any:
    if kind is Decimal and isinstance(value, int | float | str) and not isinstance(value, bool):
        return Decimal(str(value))
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind in {bool, str} and isinstance(value, kind):
        return value
    raise ValueError(f"Setting {name!r} wants {kind.__name__}, not {value!r}.")
