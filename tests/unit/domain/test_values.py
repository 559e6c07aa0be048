# mypy: no-strict-equality
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.accounts import AccountRef, RestingOrder
from domain.agents import AgentConfig, AgentMode
from domain.approvals import Approval
from domain.cycles import CycleOutcome, CycleRequest
from domain.errors import HoldfastError, Misconfigured, OutcomeUnknown, Refused, Retryable
from domain.halts import HaltFlag, HaltScope
from domain.intents import Criteria, IntentPolicy, OrderStyle
from domain.money import money, price, quantity
from domain.notices import Notice, Severity
from domain.orders import OrderKey, OrderTerms, Side, Trigger, TriggerKind
from domain.positions import Position, apply_fill
from domain.supervision import ReconcileOutcome, ReconcileRequest
from domain.watch import PositionReview
from tests.unit.domain.build import NOW, a_portfolio, a_position, an_intent, d
from tests.unit.domain.test_positions import a_fill

ACCOUNT = AccountRef(account_id="a", user_id="u", venue="hyperliquid", network="paper", address="0x1")


def a_resting_order(**changes) -> RestingOrder:
    order = RestingOrder(
        coin="BTC",
        oid="1",
        client_id="c",
        side=Side.BUY,
        size=quantity("1"),
        original_size=quantity("1"),
        limit_px=price("1"),
        reduce_only=False,
        placed_at=NOW,
    )
    return replace(order, **changes)


def test_a_portfolio_finds_positions_by_coin_and_knows_when_it_is_flat():
    flat_row = a_position("ETH", "0")
    portfolio = a_portfolio(a_position(size="-0.2"), flat_row)
    held = portfolio.position("BTC")
    assert held is not None
    assert (held.side, held.notional, portfolio.total_notional) == (Side.SELL, 10000, 10000)
    assert portfolio.position("ETH") is None
    assert not portfolio.is_flat
    assert a_portfolio(flat_row).is_flat
    assert not a_portfolio(orders=(a_resting_order(),)).is_flat


def test_whether_an_order_opens_is_what_the_wire_says():
    assert a_resting_order().is_opening
    assert not a_resting_order(reduce_only=True).is_opening
    terms = OrderTerms(coin="BTC", side=Side.BUY, size=quantity("1"), limit_px=price("1"))
    assert terms.is_opening
    assert not replace(terms, reduce_only=True).is_opening


def test_a_trigger_has_to_be_reduce_only():
    stop = Trigger(px=price("1"), kind=TriggerKind.STOP_LOSS)
    with pytest.raises(Refused) as caught:
        OrderTerms(coin="BTC", side=Side.BUY, size=quantity("1"), limit_px=price("1"), trigger=stop)
    assert caught.value.code == "trigger_not_reduce_only"


@pytest.mark.parametrize("field", ["size", "notional", "conviction"])
def test_an_intent_of_no_number_is_refused_since_it_could_not_be_read_back(field):
    with pytest.raises(Refused):
        an_intent(**{field: d("NaN")})


def test_a_step_is_named_by_its_intent_leg_and_counter():
    assert str(OrderKey(intent_id="i", step="close.2")) == "i/main/close.2"


def test_a_limit_order_needs_a_limit():
    with pytest.raises(Refused) as caught:
        IntentPolicy(style=OrderStyle.LIMIT)
    assert caught.value.code == "limit_price_missing"


def test_criteria_are_empty_when_there_is_nothing_to_wait_for():
    assert Criteria().is_empty
    assert not Criteria(max_funding=d("0.0001")).is_empty
    assert not Criteria(mark_above=price("1")).is_empty
    assert not Criteria(mark_below=price("1")).is_empty


def test_an_error_carries_its_code_action_and_details():
    error = Retryable("busy", "Later.", action="Wait.", details={"a": "b"}, retry_after=timedelta(seconds=3))
    assert (error.code, str(error), error.action, error.details) == ("busy", "Later.", "Wait.", {"a": "b"})
    assert error.retry_after == timedelta(seconds=3)
    for kind in (Refused, OutcomeUnknown, Misconfigured):
        assert isinstance(kind("code", "text"), HoldfastError)
        assert kind("code", "text").details == {}


def test_a_halt_is_called_by_its_scope_and_key():
    assert HaltFlag().name == "platform"
    assert HaltFlag(scope=HaltScope.USER, key="u-1").name == "user u-1"


def test_a_fill_of_nothing_changes_nothing():
    assert apply_fill(Position(coin="BTC"), a_fill(Side.BUY, "0", "100")) == Position(coin="BTC")


def test_values_say_nothing_by_default():
    """What a workflow may be told is complete without its optional fields; old histories lack the newest ones."""
    config = AgentConfig(
        agent_id="g", user_id="u", account_id="a", venue="hyperliquid", adviser="trend", coins=("BTC",)
    )
    assert config.mode is AgentMode.SIMULATE
    assert CycleRequest(config=config, cycle=1, started_at=NOW).open_intents == ()
    assert CycleOutcome().intents == ()
    assert Approval().order is None
    assert not PositionReview().is_flat
    assert ReconcileOutcome(at=NOW).unexplained == money("0")
    assert ReconcileRequest(account=ACCOUNT).reason == ""
    assert Notice(kind="k", title="t", text="x").severity is Severity.INFO
