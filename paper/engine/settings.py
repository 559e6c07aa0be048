"""Switches of the venue: what an operator or a test turns, and where the real venue's behaviour is not known for sure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin, get_type_hints


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
    """How long the simulated book needs to refill, in market time."""
    impact: Decimal = Decimal("0.5")
    """By how much of the distance that users' trades reached the simulated book follows them; 0 turns the impact off."""
    price_band: Decimal = Decimal("0.8")
    """Largest distance of a limit from the mark, as a fraction; 0.95 has been seen, too."""
    price_band_error: Literal["reference", "oracle"] = "reference"
    """reference (`more than 80% away from the reference price`, no order id) | oracle (`Price too far from oracle`, with a row)."""
    cancel_delay_s: Decimal = Decimal(0)
    """Every cancel waits so long before it runs."""
    gtc_partial_status: Literal["filled", "resting"] = "filled"
    """filled | resting: the status of a GTC order that filled in part and rests."""
    duplicate_cloid: Literal["accept", "reject"] = "accept"
    """accept | reject a cloid that the account has used before."""
    expired_consumes_nonce: bool = True
    """Whether an action that came too late uses up its nonce."""
    position_tpsl_status: Literal["waitingForTrigger", "resting"] = "waitingForTrigger"
    """waitingForTrigger (no oid) | resting."""
    position_tpsl_without_position: Literal["reject", "accept"] = "reject"
    """reject | accept whole-position triggers while flat."""
    trigger_must_reduce: bool = False
    """Whether a TP/SL that is not reduce-only is refused before matching."""
    modify_needs_alo: bool = False
    """Whether a modify refuses triggers and crossing orders, as the documents of 2026 say."""
    zero_address_revokes: bool = True
    """Whether approving the zero address under a name revokes the agent of that name."""
    throttled_counts: bool = False
    """Whether a request refused for the address limit restarts the ten-second window."""
    extra_weight_unit: int = 1
    """Weight of every twenty rows (of candles sixty) that a long answer has more."""
    retry_after: bool = False
    """Whether a 429 says in `Retry-After` how many seconds it will last."""
    ws_users: int = 15
    """How many users an address of the network may follow over its streams; the documents say 10."""
    cancel_bonus: int = 100_000
    """How many cancels more than other requests an address may send, at most as many again as its limit."""
    prevalidation: Literal["per_order", "batch"] = "per_order"
    """per_order | batch: whether a bad tick or a price too far off refuses the one order or the whole batch."""
    action_hash: Literal["canonical", "as_sent"] = "canonical"
    """canonical | as_sent: whether a signature has to fit the action as the venue writes it or as it was sent."""
    order_value_caps: bool = True
    """Whether orders above the largest value for the coin's leverage are refused."""
    largest_market_order: Decimal = Decimal(30_000_000)
    """Largest market order (USD) in coins of 25x and more; 15,000,000 in older documents."""
    resting_orders_hold_margin: bool = True
    """Whether resting orders that would add to a position bind initial margin."""
    withdrawable_after_orders: bool = True
    """Whether the margin of resting orders is taken off `withdrawable`."""
    flip_direction: Literal["arrow", "open"] = "arrow"
    """arrow (`Long > Short`) | open (`Open Short`): the `dir` of a fill that turns a position round."""
    liquidation_direction: Literal["backstop", "always", "never"] = "backstop"
    """backstop | always | never: which fills of a liquidation say `Liquidated Cross Long` and the like in `dir`."""
    schedule_cancel_volume: Decimal = Decimal(1_000_000)
    """Volume (USD) an account needs for scheduleCancel; 0 lets everybody."""
    sub_account_volume: Decimal = Decimal(100_000)
    """Volume (USD) an account needs for its first sub-account; 0 lets everybody."""
    sub_account_limit: int = 10
    """How many sub-accounts a master may have; 50 at most on the real venue."""
    builder_refusal: Literal["action", "per_order"] = "action"
    """action | per_order: whether a fee that was not approved refuses the whole action or each of its orders."""
    agent_life_days: int = 90
    """How long an agent lives that was approved without an end."""
    agent_grace_ms: int = 0
    """How long an agent still works after its end; a quarter of an hour has been seen."""
    retired_agent_error: Literal["does_not_exist", "must_deposit"] = "does_not_exist"
    """does_not_exist | must_deposit: what an agent is told that was replaced, revoked or has run out."""
    prune_unfunded_agents: bool = True
    """Whether a master without any money loses its agents."""
    agent_removal_ms: int = 5_000
    """How long after a removal the same master can approve no agent."""
    activation_fee: Decimal = Decimal(1)
    """What a transfer to an address without an account costs its sender (USDC)."""
    builder_minimum: Decimal = Decimal(100)
    """Perp value (USDC) that a builder needs to be approved; 0 lifts the rule."""
    vault_minimum: Decimal = Decimal(100)
    """Smallest first deposit of a vault's leader (USDC)."""
    vault_creation_fee: Decimal = Decimal(0)
    """What the venue keeps of a new vault's leader (USDC); not stated anywhere, so nothing."""
    vault_lockup_ms: int = 86_400_000
    """How long a deposit into a vault is locked: a day; 20,000 on the testnet."""
    vault_leader_minimum: Decimal = Decimal("0.05")
    """The part of a vault that its leader must hold; 0 lifts the rule."""
    vault_commission: Decimal = Decimal("0.1")
    """The leader's part of a follower's profit."""
    twap_minimum_rule: Literal["total", "per_minute"] = "total"
    """total | per_minute: whether a TWAP needs $100 in all (2026) or $10 a minute (before)."""
    twap_longest_minutes: int = 10_080
    """Longest TWAP: seven days (2026); 1,440 before."""
    twap_slice_ms: int = 30_000
    """Time between the slices of a TWAP."""
    unified_daily_actions: int = 50_000
    """How many actions a unified account may send in a UTC day."""
    adl: bool = False
    """Whether the other side of a bankrupt position is deleveraged; off, the simulated liquidator bears it."""
    liquidation_part_ntl: Decimal = Decimal(100_000)
    """Notional (USD) above which a fifth of a position is liquidated first; 10,000 on the testnet."""
    fee_tier_at_once: bool = False
    """Whether today's volume counts for the fee tier at once; off, tiers change at 00:00 UTC."""
    exchange_daily_volume: Decimal = Decimal(10_000_000_000)
    """The venue's volume of a day (USD), against which a maker's share is taken for rebates."""
    order_updates_snapshot: bool = False
    """Whether orderUpdates begins with the open orders."""
    web_data2: bool = False
    """Whether the old webData2 stream is served; the mainnet refuses it."""
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


def _converted(name: str, value: Any, kind: Any) -> Any:
    if kind is Decimal and isinstance(value, int | float | str) and not isinstance(value, bool):
        return Decimal(str(value))
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise ValueError(f"Setting {name!r} is one of {', '.join(get_args(kind))}, not {value!r}.")
    if kind in {bool, str} and isinstance(value, kind):
        return value
    raise ValueError(f"Setting {name!r} wants {kind.__name__}, not {value!r}.")
